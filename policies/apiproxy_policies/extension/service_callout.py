"""ServiceCallout: calls another service, or another proxy of this runtime, from within a flow."""

from __future__ import annotations

import copy
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from apiproxy_policies.authentication import AuthenticationElement
from apiproxy_policies.edits import Add, Copy, Editing, Remove, Set, check_indexes
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    MILLISECONDS,
    VARIABLE,
    CallFailed,
    Element,
    Fault,
    HTTPTarget,
    Message,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    attribute,
    child,
    fault_table,
    nested,
    read_http_target,
    read_local_target,
    sequence,
)

TIMEOUT_MS = 55000
#: kinds of CallFailed that are told as a timeout, and those that are told as an unreachable host
_TIMEOUTS = frozenset(("deadline", "read_timeout"))
_UNREACHABLE = frozenset(
    ("unreachable", "connect_timeout", "bad_url", "empty_path", "no_active_targets", "tunnel")
)


class Evaluated(str):
    """A URL that the policy itself wrote into `servicecallout.*`; what anybody else writes there is obeyed."""

    __slots__ = ()


class Request(Element):
    """The request to send. The edits are those of AssignMessage and run in document order."""

    ignored = ("AssignTo", "Properties", "Payload")
    variable: str | None = attribute(
        "variable", VARIABLE, default=None, doc="message to send; created if there is none of that name"
    )
    clear_payload: bool = attribute(
        "clearPayload", BOOLEAN, default=False, doc="true: the request has no payload after the call"
    )
    ignore_unresolved: bool = child(
        "IgnoreUnresolvedVariables",
        BOOLEAN,
        default=False,
        doc="true: an unresolved variable is the empty string",
    )
    operations: tuple[Add | Copy | Remove | Set, ...] = sequence(
        Add, Copy, Remove, Set, doc="edits of the request, in document order"
    )


class Unread(Element):
    """An element that the reader of target connections reads."""

    open = True


class HTTPTargetConnectionElement(Element):
    """The service to call, as in a TargetEndpoint."""

    open: ClassVar[bool] = True
    url: str | None = child("URL", doc="address; template, but the scheme must be written out")
    load_balancer: Unread | None = nested("LoadBalancer", Unread, doc="target servers, in place of URL")
    path: str | None = child("Path", doc="path behind the load balancer's server; template")
    properties: Unread | None = nested(
        "Properties", Unread, doc="success.codes, io.timeout.millis, connect.timeout.millis and so on"
    )
    ssl_info: Unread | None = nested("SSLInfo", Unread, doc="TLS settings")
    authentication: AuthenticationElement | None = nested(
        "Authentication", AuthenticationElement, doc="a Google token for the call"
    )


class LocalTargetConnectionElement(Element):
    """Another proxy of the same environment: its name and endpoint, or a path."""

    open: ClassVar[bool] = True
    api_proxy: str | None = child("APIProxy", doc="name of the proxy; template")
    proxy_endpoint: str | None = child("ProxyEndpoint", doc="name of its ProxyEndpoint; template")
    path: str | None = child("Path", doc="base path and suffix, in place of the names; template")


class ServiceCallout(Policy):
    """Call an HTTP service or a local proxy, and keep its answer in a variable.

    Without <Request> an empty GET is sent. Nothing of the client's request goes along unless it is copied or the
    variable is `request`; neither the proxy's path suffix nor its query is appended, and redirects are not followed.
    A path that was set on the request (`Set/Path`) is appended to the URL. Without <Response> nobody waits for the
    answer, and no answer is an error.
    """

    tag = "ServiceCallout"
    family = "extension"
    prefix = "servicecallout"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/service-callout-policy"
    faults = fault_table(
        "steps.servicecallout",
        (
            "ExecutionFailed",
            500,
            "Execution of ServiceCallout {policy} failed. Reason: {reason}",
            "no answer, none in time, or one whose status is no success",
        ),
        (
            "RequestVariableNotMessageType",
            500,
            "ServiceCallout[{policy}]: request variable {variable} value is not of type Message",
        ),
        (
            "RequestVariableNotRequestMessageType",
            500,
            "ServiceCallout[{policy}]: request variable {variable} value is not of type Request Message",
        ),
    )
    deploy_errors = {
        "URLMissing": "URL is missing in Step {policy}.",
        "ConnectionInfoMissing": "Connection information is missing in Step {policy}",
        "InvalidTimeoutValue": "Invalid Timeout value {value}.",
    }
    variables = {
        "servicecallout.{policy}.target.url": "the URL called; a URL written here before is called instead",
        "servicecallout.{policy}.expectedcn": "name that the server's certificate must have, if set",
        "servicecallout.requesturi": "path and query called last; written before, it replaces those of the URL",
        "servicecallout.{policy}.failed": "whether the callout failed",
        "ServiceCallout.response": "content of the last callout's answer",
    }
    example = """
<ServiceCallout name="SC-Lookup">
  <Request>
    <Set>
      <QueryParams><QueryParam name="id">{request.queryparam.id}</QueryParam></QueryParams>
    </Set>
  </Request>
  <Response>lookup</Response>
  <Timeout>3000</Timeout>
  <HTTPTargetConnection>
    <URL>https://directory.example.com/people</URL>
  </HTTPTargetConnection>
</ServiceCallout>"""

    request: Request | None = nested("Request", Request, doc="what to send; an empty GET without it")
    response: str | None = child(
        "Response", VARIABLE, doc="variable for the answer; without it nobody waits for one"
    )
    timeout: int = child(
        "Timeout",
        MILLISECONDS,
        default=TIMEOUT_MS,
        error="InvalidTimeoutValue",
        message="Invalid Timeout value {value}.",
        doc="milliseconds for the whole call",
    )
    http: HTTPTargetConnectionElement | None = nested(
        "HTTPTargetConnection", HTTPTargetConnectionElement, doc="an HTTP service"
    )
    local: LocalTargetConnectionElement | None = nested(
        "LocalTargetConnection", LocalTargetConnectionElement, doc="a proxy of the same environment"
    )

    def check(self, site: Site) -> None:
        if self.request is not None:
            check_indexes(self.request.operations, site)
        if self.http is not None:
            if not self.http.url and self.http.load_balancer is None:
                site.error(
                    self.http.node, "URLMissing", "Write the service's address in <URL>, or a <LoadBalancer>."
                )
        elif self.local is None:
            site.error(
                self.node,
                "ConnectionInfoMissing",
                "Add an <HTTPTargetConnection> or a <LocalTargetConnection>.",
            )

    def compile(self, site: Site) -> StepFunction:
        make = self._request(site)
        target = self._target(site)
        send = self._send(site, target)
        clear = self.request is not None and self.request.clear_payload
        variable = (self.response or "").strip()
        if not variable:
            return self._forgetful(site, make, send, clear)
        put = site.setter(variable)
        # in no reference, but on Apigee; the maps demo of apigee/api-platform-samples reads it
        put_content = site.setter("ServiceCallout.response")
        succeeds = target.succeeds

        async def wait(ctx: MessageContext, request: Message) -> None:
            try:
                response = await send(ctx, request)
            except CallFailed as failure:
                raise self._failed(failure) from failure
            finally:
                if clear:
                    request.body = b""
            # before the status is judged: with continueOnError bundles ask for it afterwards
            put_content(ctx, response.content)
            put(ctx, response)
            if not succeeds(response.status):
                raise self.fault(
                    "ExecutionFailed", reason=f"ResponseCode {response.status} is treated as error"
                )

        return lambda ctx: wait(ctx, make(ctx))

    def _forgetful(self, site: Site, make: Make, send: Send, clear: bool) -> StepFunction:
        """A step that sends a snapshot of the request and goes on; no failure is told."""
        spawn = site.services.spawn

        async def send_quietly(ctx: MessageContext, request: Message) -> None:
            try:
                await send(ctx, request)
            except (CallFailed, Fault):
                return

        def service_callout(ctx: MessageContext) -> None:
            request = make(ctx)
            then = copy.copy(ctx)
            then.variables = ctx.variables.copy()
            then.deadline = 0.0
            then.observer = None
            spawn(send_quietly(then, request.copy()))
            if clear:
                request.body = b""

        return service_callout

    def _failed(self, failure: CallFailed) -> Fault:
        if failure.kind in _TIMEOUTS:
            reason = f"timeout occurred in {self.name}"
        elif failure.kind in _UNREACHABLE:
            reason = "Host not reachable"
        elif failure.kind == "tls":
            reason = f"SSL Handshake failed {failure.text}"
        else:
            reason = failure.text or failure.kind
        return self.fault("ExecutionFailed", reason=reason)

    # ---- the request

    def _request(self, site: Site) -> Make:
        """What finds or creates the request and edits it.

        A callout that sets a payload or form parameters and no verb sends POST; so bundles that leave the verb out
        (token requests with form parameters) work as they do on Apigee.
        """
        element = self.request
        if element is None:
            return lambda ctx: Message.request()
        editing = Editing(site, self, element.ignore_unresolved)
        edits = tuple(edit for operation in element.operations for edit in operation.compile(editing))
        pick = self._pick(site, (element.variable or "").strip())
        posts = _sets_body(element.operations) and not _states_verb(element.operations)

        def make(ctx: MessageContext) -> Message:
            request = pick(ctx)
            for edit in edits:
                edit(ctx, request)
            if posts and request.verb == "GET" and request is not ctx.request:
                request.verb = "POST"
            return request

        return make

    def _pick(self, site: Site, name: str) -> Make:
        if not name:
            return lambda ctx: Message.request()
        get, put = site.getter(name), site.setter(name)

        def pick(ctx: MessageContext) -> Message:
            found = get(ctx)
            if found is None:
                found = Message.request()
                put(ctx, found)
            elif found.__class__ is not Message:
                raise self.fault("RequestVariableNotMessageType", variable=name)
            elif not found.is_request:
                raise self.fault("RequestVariableNotRequestMessageType", variable=name)
            return found

        return pick

    # ---- the call

    def _target(self, site: Site) -> HTTPTarget:
        if self.http is None:
            node = self.local.node if self.local is not None else self.node
            return site.services.targets.local(read_local_target(node, site.findings), site)
        return site.services.targets.http(
            read_http_target(self.http.node, site.findings), site, purpose="callout"
        )

    def _send(self, site: Site, target: HTTPTarget) -> Send:
        element = self.request
        path_is_set = element is not None and any(
            isinstance(operation, Set) and operation.path for operation in element.operations
        )
        suffix_of = _own_path if path_is_set else _made_path
        timeout = self.timeout
        choose = self._url(site, target)
        get_cn = site.getter(f"servicecallout.{self.name}.expectedcn")
        put_url = site.setter(f"servicecallout.{self.name}.target.url")
        put_uri = site.setter("servicecallout.requesturi")

        async def send(ctx: MessageContext, request: Message) -> Message:
            url = choose(ctx)
            response = await target.call(
                ctx, request, timeout, url=url, suffix=suffix_of(ctx, request), expected_cn=get_cn(ctx)
            )
            called = response.url
            if called is not None:
                slash = called.find("/", 8)
                put_url(ctx, Evaluated(called))
                put_uri(ctx, Evaluated(called[slash:] if slash > 0 else "/"))
            return response

        return send

    def _url(self, site: Site, target: HTTPTarget) -> Callable[[MessageContext], str | None]:
        """What takes the place of the configured URL: what a policy wrote into `servicecallout.*`, else None.

        The variables are readable and writable (flow variables reference); bundles route callouts by them.
        """
        get_url = site.getter(f"servicecallout.{self.name}.target.url")
        get_uri = site.getter("servicecallout.requesturi")

        def choose(ctx: MessageContext) -> str | None:
            url, uri = get_url(ctx), get_uri(ctx)
            if url is None or url.__class__ is Evaluated:
                url = None
            if uri is None or uri.__class__ is Evaluated:
                return None if url is None else str(url)
            base = str(url) if url is not None else target.url_of(ctx)
            if base is None:
                return None
            slash = base.find("/", 8)
            uri = str(uri)
            return (base if slash < 0 else base[:slash]) + (uri if uri.startswith("/") else f"/{uri}")

        return choose


Make = Callable[[MessageContext], Message]
Send = Callable[[MessageContext, Message], Coroutine[Any, Any, Message]]


def _own_path(ctx: MessageContext, request: Message) -> str:
    return request.path


def _made_path(ctx: MessageContext, request: Message) -> str:
    """The path of a message that another policy made; the client's own path, copied or not, is none of the callout's."""
    path = request.path
    if not path or request is ctx.request:
        return ""
    return "" if path in (ctx.request.path, ctx.client.request_uri.partition("?")[0]) else path


def _sets_body(operations: tuple[Add | Copy | Remove | Set, ...]) -> bool:
    return any(
        (isinstance(operation, Set) and operation.payload is not None)
        or (isinstance(operation, Set | Add) and operation.form_params is not None)
        for operation in operations
    )


def _states_verb(operations: tuple[Add | Copy | Remove | Set, ...]) -> bool:
    return any(
        (isinstance(operation, Set) and operation.verb)
        or (isinstance(operation, Copy) and (operation.verb or not operation.node.children))
        for operation in operations
    )
