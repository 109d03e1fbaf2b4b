"""`<Set>`: replaces parts of a message, and `<Add>`, which keeps what is there."""

from __future__ import annotations

from collections.abc import Callable

from apiproxy_policies.authentication import AuthenticationElement
from apiproxy_policies.edits.editing import Edit, Editing
from apiproxy_policies.edits.named import (
    FormParams,
    Headers,
    QueryParams,
    add_headers,
    edit_parameters,
    set_headers,
)
from apiproxy_runtime.policy.api import (
    Element,
    Message,
    MessageContext,
    Render,
    Site,
    attribute,
    child,
    nested,
)


class Payload(Element):
    """The new body. Elements inside it are kept as written."""

    open = True
    content_type: str | None = attribute("contentType", doc="sets the Content-Type header", default=None)
    prefix: str | None = attribute(
        "variablePrefix", doc="opens a variable reference in place of {", default=None
    )
    suffix: str | None = attribute("variableSuffix", doc="closes it", default=None)
    template: str | None = attribute(
        "template", doc="a template://FILE resource that holds the payload", default=None
    )


class Set(Element):
    tag = "Set"
    ignored = ("AssignTo", "IgnoreUnresolvedVariables")
    headers: Headers | None = nested("Headers", Headers)
    query_params: QueryParams | None = nested("QueryParams", QueryParams)
    form_params: FormParams | None = nested("FormParams", FormParams)
    payload: Payload | None = nested("Payload", Payload)
    verb: str | None = child("Verb", doc="HTTP method; template")
    path: str | None = child("Path", doc="path of the request; template")
    version: str | None = child("Version", doc="HTTP version; template")
    status_code: str | None = child("StatusCode", doc="status of the response; template")
    reason_phrase: str | None = child("ReasonPhrase", doc="reason phrase of the response; template")
    authentication: AuthenticationElement | None = nested("Authentication", AuthenticationElement)

    def compile(self, editing: Editing) -> list[Edit]:
        edits: list[Edit | None] = []
        if self.headers is not None:
            edits.append(set_headers(self.headers, editing))
        for parameters in (self.query_params, self.form_params):
            if parameters is not None:
                edits.append(edit_parameters(parameters, editing, add=False))
        if self.payload is not None:
            edits.append(set_payload(self.payload, editing))
        for source, put in (
            (self.verb, _put_verb),
            (self.path, _put_path),
            (self.version, _put_version),
            (self.status_code, _put_status),
            (self.reason_phrase, _put_reason),
        ):
            if source:
                edits.append(_scalar(editing.template(source, self.node), put))
        if self.authentication is not None:
            put_token = self.authentication.compile(editing.site)
            edits.append(lambda ctx, message: put_token(ctx, message, None))
        return [edit for edit in edits if edit is not None]


def _scalar(render: Render, put: Callable[[Message, str], None]) -> Edit:
    def edit(ctx: MessageContext, message: Message) -> None:
        value = render(ctx)
        if value:
            put(message, value)

    return edit


def _put_verb(message: Message, value: str) -> None:
    message.verb = value.strip()


def _put_path(message: Message, value: str) -> None:
    message.path = value.strip()


def _put_version(message: Message, value: str) -> None:
    message.version = value.strip()


def _put_status(message: Message, value: str) -> None:
    if value.strip().isdigit():
        message.status = int(value)
        message.reason = None


def _put_reason(message: Message, value: str) -> None:
    message.reason = value


def payload_source(payload: Payload, site: Site) -> str:
    """The payload's template: elements in it as markup, else its text; or the resource it names."""
    if payload.template:
        resource = site.resource(payload.template)
        if resource is not None:
            return resource.read().decode("utf-8-sig", "replace")
        site.error(payload.node, "InvalidPayload", f'Add the resource "{payload.template}" to the bundle.')
        return ""
    return payload.node.inner_xml() if payload.node.children else payload.node.text


def set_payload(payload: Payload, editing: Editing) -> Edit:
    source = payload_source(payload, editing.site)
    content_type = payload.content_type
    render_type = editing.template(content_type, payload.node) if content_type else None
    prefix, suffix = payload.prefix, payload.suffix
    render = editing.template(source, payload.node, prefix, suffix, quotes=False)

    def edit(ctx: MessageContext, message: Message) -> None:
        body = render(ctx)
        if render_type is not None:
            message.headers.fields["content-type"] = ["Content-Type", render_type(ctx)]
        message.content = body

    return edit


class Add(Element):
    tag = "Add"
    headers: Headers | None = nested("Headers", Headers)
    query_params: QueryParams | None = nested("QueryParams", QueryParams)
    form_params: FormParams | None = nested("FormParams", FormParams)

    def compile(self, editing: Editing) -> list[Edit]:
        edits: list[Edit | None] = []
        if self.headers is not None:
            edits.append(add_headers(self.headers, editing))
        for parameters in (self.query_params, self.form_params):
            if parameters is not None:
                edits.append(edit_parameters(parameters, editing, add=True))
        return [edit for edit in edits if edit is not None]
