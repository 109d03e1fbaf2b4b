"""Custom attributes of tokens and codes: how they are declared, and what computes them."""

from __future__ import annotations

from collections.abc import Callable

from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Element,
    MessageContext,
    Site,
    Value,
    attribute,
    many,
    text,
    text_of,
)

#: Gives the attributes, and the names of those that a response leaves out.
Compute = Callable[[MessageContext], tuple[dict[str, str], list[str]]]


class Attribute(Element):
    """A custom attribute: the variable of `ref`, else the text."""

    name: str = attribute("name", required=True, default="", doc="name of the attribute")
    display: bool = attribute("display", BOOLEAN, default=True, doc="false: left out of the response")
    value: Value[str] = text(ref=True)


class Attributes(Element):
    items: tuple[Attribute, ...] = many("Attribute", Attribute)


def compile_attributes(site: Site, attributes: tuple[Attribute, ...], unresolved: str | None = "") -> Compute:
    """What computes the custom attributes and the names of those that a response leaves out.

    unresolved   the value when the variable is not set and there is no text; with None there is no such attribute.
                 It is empty, not missing: identity-facade of apigee/devrel keeps a state that may not be there in a
                 code, and reads it back on the platform where an unresolved variable would be a fault.
    """
    compiled = [
        (item.name, site.getter(item.value.ref) if item.value.ref else None, item.value.text, item.display)
        for item in attributes
        if item.name
    ]

    def compute(ctx: MessageContext) -> tuple[dict[str, str], list[str]]:
        values: dict[str, str] = {}
        hidden = []
        for name, get, literal, display in compiled:
            found = get(ctx) if get is not None else None
            if found is None:
                found = literal if literal is not None or get is None else unresolved
            if found is None and get is not None:
                found = ""
            if found is not None:
                values[name] = text_of(found)
                if not display:
                    hidden.append(name)
        return values, hidden

    return compute
