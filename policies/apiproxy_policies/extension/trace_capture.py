"""TraceCapture: variables for the distributed trace."""

from __future__ import annotations

from apiproxy_runtime.policy.api import (
    BOOLEAN,
    PAYLOAD,
    Element,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    attribute,
    child,
    fault_table,
    many,
    nested,
    text,
    text_of,
)

#: Most variables of a transaction, and bytes of one value. Source: TraceCapture policy reference (preview).
MOST, LONGEST = 32, 400


class TraceVariable(Element):
    name: str = attribute("name", required=True, default="", doc="name in the trace")
    ref: str = attribute("ref", required=True, default="", doc="variable to capture")
    default: str = text(PAYLOAD, default="", doc="value where the variable is not set")


class TraceVariables(Element):
    items: tuple[TraceVariable, ...] = many("Variable", TraceVariable)


class TraceCapture(Policy):
    """Add variables to the distributed trace of a transaction (X, preview).

    They show in this runtime's traces, and travel with the transaction for whoever exports it.
    """

    tag = "TraceCapture"
    family = "extension"
    prefix = "tracecapture"
    profiles = ("apigeex",)
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/trace-capture-policy"
    faults = fault_table(
        "steps.tracecapture",
        ("UnresolvedVariable", 500, "TraceCapture[{policy}]: unable to resolve variable {variable}"),
        ("VariableCountLimitExceeded", 500, "TraceCapture[{policy}]: more than {limit} variables"),
        (
            "VariableValueLimitExceeded",
            500,
            "TraceCapture[{policy}]: value of {variable} is longer than {limit} bytes",
        ),
    )
    example = """
<TraceCapture name="TC-Order">
  <Variables><Variable name="order" ref="order.id">none</Variable></Variables>
</TraceCapture>"""

    variables_: TraceVariables | None = nested("Variables", TraceVariables)
    ignore_unresolved: bool = child("IgnoreUnresolvedVariables", BOOLEAN, default=False)
    throw_on_limit: bool = child("ThrowExceptionOnLimit", BOOLEAN, default=False)

    def compile(self, site: Site) -> StepFunction:
        items = [
            (item.name, item.ref, site.getter(item.ref), item.node.text.strip())
            for item in (self.variables_.items if self.variables_ else ())
        ]

        def capture(ctx: MessageContext) -> None:
            traced = dict(ctx.analytics.get("trace", {}))
            for name, ref, get, default in items:
                value = get(ctx)
                if value is None and not default and not self.ignore_unresolved:
                    raise self.fault("UnresolvedVariable", variable=ref)
                content = text_of(value) if value is not None else default
                if len(content.encode()) > LONGEST:
                    if self.throw_on_limit:
                        raise self.fault("VariableValueLimitExceeded", variable=ref, limit=LONGEST)
                    content = content.encode()[:LONGEST].decode("utf-8", "ignore")
                if name not in traced and len(traced) >= MOST:
                    if self.throw_on_limit:
                        raise self.fault("VariableCountLimitExceeded", limit=MOST)
                    break
                traced[name] = content
            ctx.analytics = {**ctx.analytics, "trace": traced}
            if ctx.observer is not None:
                for name, content in traced.items():
                    ctx.observer.variable_written(f"trace.{name}", content, True)

        return capture
