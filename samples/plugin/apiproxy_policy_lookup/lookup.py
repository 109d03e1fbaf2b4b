"""Lookup: asks another service, and sets a header from one value of its JSON answer."""

from __future__ import annotations

from apiproxy_runtime.policy.api import (
    MILLISECONDS,
    MISSING,
    PAYLOAD,
    Call,
    CallFailed,
    EventKind,
    JsonPathSyntaxError,
    Message,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    child,
    compile_jsonpath,
    fault_table,
    text_of,
)

#: What event hooks are told when a lookup gives no value.
FAILED = EventKind(
    "lookup",
    "failed",
    fields=("environment", "proxy", "policy", "reason"),
    unique=("proxy", "policy"),
    description="A Lookup got no value from its service",
)


class Lookup(Policy):
    """Set a header from the JSON answer of another service.

    In the response flow the client gets the header, in the request flow the target. When the service cannot be
    asked, or its answer lacks the value, the request ends with a 500; unless there is a <Default>, which is then
    the header's value, or the policy says continueOnError="true", which leaves the header out.
    """

    tag = "Lookup"
    family = "extension"
    prefix = "lookup"
    faults = fault_table(
        "steps.lookup",
        (
            "LookupFailed",
            500,
            "Lookup {policy} failed. Reason: {reason}",
            "no answer, or none with the value",
        ),
    )
    deploy_errors = {"InvalidJSONPath": "Lookup[{policy}]: {reason}"}
    variables = {
        "lookup.{policy}.value": "what was found",
        "lookup.{policy}.failed": "whether the lookup failed",
    }
    events = (FAILED,)
    example = """
<Lookup name="LK-City">
  <URL>https://directory.example.com/people/{request.queryparam.id}</URL>
  <JSONPath>$.address.city</JSONPath>
  <Header>X-City</Header>
</Lookup>"""

    url: str = child("URL", required=True, doc="address to ask; template")
    path: str = child("JSONPath", required=True, doc="where the value stands in the answer")
    header: str = child("Header", required=True, doc="header to set")
    default: str | None = child("Default", PAYLOAD, doc="value of the header when the lookup fails")
    timeout: int = child("Timeout", MILLISECONDS, default=3000, doc="milliseconds for the whole lookup")

    def check(self, site: Site) -> None:
        try:
            compile_jsonpath(self.path)
        except JsonPathSyntaxError as error:
            site.error(self.node, "InvalidJSONPath", "Correct <JSONPath>.", reason=error)

    def compile(self, site: Site) -> StepFunction:
        url_of = site.template(self.url, self.node, ignore_unresolved=False)
        find = compile_jsonpath(self.path).find
        put = site.setter(f"lookup.{self.name}.value")
        egress, now, tell = site.egress, site.world.monotonic, site.emitter(FAILED)
        header, default, seconds = self.header, self.default, self.timeout / 1000

        async def ask(ctx: MessageContext) -> str:
            request = Message.request("GET")
            request.headers.set("Accept", "application/json")
            response = await egress.send(Call(url_of(ctx), request, deadline=now() + seconds))
            if response.status != 200:
                raise ValueError(f"the service answered {response.status}")
            value = find(response.json())
            if value is MISSING:
                raise ValueError(f"the answer has no {self.path}")
            return text_of(value)

        async def lookup(ctx: MessageContext) -> None:
            try:
                value = await ask(ctx)
            except (CallFailed, ValueError) as error:
                if tell:
                    where = ctx.deployment
                    tell(
                        {
                            "environment": where.environment,
                            "proxy": where.proxy,
                            "policy": self.name,
                            "reason": str(error),
                        }
                    )
                if default is None:
                    raise self.fault("LookupFailed", reason=error) from error
                value = default
            put(ctx, value)
            ctx.message.headers.set(header, value)

        return lookup
