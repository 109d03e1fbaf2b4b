"""ReadPropertySet: copies values of property sets into flow variables, under names known at run time."""

from __future__ import annotations

from collections.abc import Callable

from apiproxy_runtime.policy.api import (
    BOOLEAN,
    VARIABLE,
    Element,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    Value,
    child,
    fault_table,
    many,
    text_of,
)

Resolve = Callable[[MessageContext], str | None]


class Read(Element):
    """One value to read."""

    name: Value[str] | None = child("Name", ref=True, required=True, doc="name of the property set")
    key: Value[str] | None = child("Key", ref=True, required=True, doc="the property's key")
    assign_to: str | None = child("AssignTo", VARIABLE, required=True, doc="variable that gets the value")
    default: Value[str] | None = child("DefaultValue", ref=True, doc="used when there is no such set or key")


class ReadPropertySet(Policy):
    """Read property set values, by names and keys that may come from variables, into flow variables.

    A reference counts before the text; the text is the fallback. A set of the proxy goes before one of the environment
    of the same name. Where IgnoreUnresolvedVariables is left out it is false, as for the other policies that have it:
    the reference page names no default.
    """

    tag = "ReadPropertySet"
    family = "mediation"
    prefix = "readpropertyset"
    profiles = ("apigeex",)
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/read-property-set-policy"
    faults = fault_table(
        "steps.readpropertyset",
        (
            "UnresolvedVariable",
            500,
            "ReadPropertySet[{policy}]: unable to resolve variable {variable}",
            "a reference, the set or the key is not there, without DefaultValue",
        ),
    )
    deploy_errors = {
        "NothingToRead": "ReadPropertySet[{policy}]: at least one Read is mandatory",
    }
    variables = {"{AssignTo}": "the value read"}
    example = """
<ReadPropertySet name="RPS-Limits">
  <Read>
    <Name>limits</Name>
    <Key ref="client.tier"/>
    <AssignTo>limit</AssignTo>
    <DefaultValue>10</DefaultValue>
  </Read>
  <IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>
</ReadPropertySet>"""

    reads: tuple[Read, ...] = many("Read", Read)
    ignore_unresolved: bool = child(
        "IgnoreUnresolvedVariables",
        BOOLEAN,
        default=False,
        doc="true: what is not there leaves the variable as it is",
    )

    def check(self, site: Site) -> None:
        if not self.reads:
            site.error(self.node, "NothingToRead", "Add a <Read>.")

    def compile(self, site: Site) -> StepFunction:
        steps = tuple(self._read(read, site) for read in self.reads)

        def read_property_set(ctx: MessageContext) -> None:
            for step in steps:
                step(ctx)

        return read_property_set

    def _read(self, read: Read, site: Site) -> Callable[[MessageContext], None]:
        name_of, key_of, default_of = _resolver(read.name, site), _resolver(read.key, site), None
        if read.default is not None:
            default_of = _resolver(read.default, site, empty="")
        put = site.setter(read.assign_to or "")
        lenient = self.ignore_unresolved

        def step(ctx: MessageContext) -> None:
            name, key = name_of(ctx), key_of(ctx)
            value = None
            if name is not None and key is not None:
                values = ctx.deployment.property_sets.get(name)
                value = values.get(key) if values is not None else None
            if value is None and default_of is not None:
                value = default_of(ctx)
            if value is not None:
                put(ctx, value)
            elif not lenient:
                raise self.fault("UnresolvedVariable", variable=_described(read, name, key))

        return step


def _described(read: Read, name: str | None, key: str | None) -> str:
    """The variable that did not resolve: a reference, or the property itself."""
    for value, found in ((read.name, name), (read.key, key)):
        if found is None and value is not None and value.ref is not None:
            return value.ref
    return f"propertyset.{name}.{key}"


def _resolver(value: Value[str] | None, site: Site, empty: str | None = None) -> Resolve:
    """The variable of `ref` when it is set, else the text."""
    text = value.text if value is not None and value.text is not None else empty
    if value is None or value.ref is None:
        return lambda ctx: text
    get = site.getter(value.ref)

    def resolve(ctx: MessageContext) -> str | None:
        found = get(ctx)
        return text if found is None else text_of(found)

    return resolve
