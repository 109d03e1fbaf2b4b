"""IntegrationCallout: runs an Application Integration that SetIntegrationRequest has prepared."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from apiproxy_runtime.policy.api import (
    BOOLEAN,
    REQUEST_VARIABLE,
    VARIABLE,
    CallFailed,
    Element,
    IntegrationCaller,
    Message,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    attribute,
    child,
    fault_table,
    nested,
    text,
)


class Request(Element):
    """The variable that SetIntegrationRequest filled."""

    variable: str = text(default=REQUEST_VARIABLE)
    clear_payload: bool = attribute(
        "clearPayload", BOOLEAN, default=True, doc="true: the request object is emptied once it was sent"
    )


class IntegrationCallout(Policy):
    """Run an Application Integration, and keep its answer in a variable.

    The call goes to integrations.googleapis.com with a Google access token: method `execute`, which waits for the result,
    or with AsyncExecution `schedule`, which only names the run. Tokens and addresses are those of other Google calls:
    for a local stand-in, lead the host elsewhere with --connect-to.
    """

    tag = "IntegrationCallout"
    family = "extension"
    prefix = "integrationcallout"
    profiles = ("apigeex",)
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/integration-callout-policy"
    faults = fault_table(
        "steps.integrationcallout",
        (
            "ExecutionFailed",
            500,
            "Execution of IntegrationCallout {policy} failed. Reason: {reason}",
            "no answer, or an answer that tells of an error",
        ),
        (
            "InvalidRequest",
            500,
            "IntegrationCallout[{policy}]: variable {variable} does not hold an integration request",
        ),
    )
    variables = {"{Response}": "the answer: executionId and outputParameters, or executionInfoIds"}
    example = """
<IntegrationCallout name="IC-Order">
  <AsyncExecution>false</AsyncExecution>
  <Request clearPayload="true">integration.request</Request>
  <Response>integration.response</Response>
</IntegrationCallout>"""

    asynchronous: bool = child(
        "AsyncExecution", BOOLEAN, default=False, doc="true: schedule the run and do not wait for its result"
    )
    request: Request | None = nested("Request", Request)
    response: str | None = child("Response", VARIABLE, doc="variable for the answer")

    def compile(self, site: Site) -> StepFunction:
        caller = IntegrationCaller(site, asynchronous=self.asynchronous, purpose="callout")
        name = self.request.variable.strip() if self.request is not None else REQUEST_VARIABLE
        clear = self.request is None or self.request.clear_payload
        get = site.getter(name)
        put = site.setter(self.response.strip()) if self.response and self.response.strip() else None

        async def call(ctx: MessageContext, request: Message) -> None:
            try:
                response = await caller.send(ctx, request)
            except CallFailed as failed:
                raise self.fault("ExecutionFailed", reason=failed.text or failed.kind) from None
            finally:
                if clear:
                    request.body = b""
            # before the status is judged: with continueOnError bundles ask for it afterwards
            if put is not None:
                put(ctx, response)
            if response.status >= 400:
                raise self.fault("ExecutionFailed", reason=f"the answer has status {response.status}")

        def integration_callout(ctx: MessageContext) -> Coroutine[Any, Any, None]:
            request = get(ctx)
            try:
                if not isinstance(request, Message) or not request.body:
                    raise ValueError("there is no request")
                caller.url(request)
            except ValueError:
                raise self.fault("InvalidRequest", variable=name) from None
            return call(ctx, request)

        return integration_callout
