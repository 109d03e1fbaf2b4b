"""Headers and parameters by name: what `<Set>`, `<Add>`, `<Copy>` and `<Remove>` hold."""

from __future__ import annotations

import re

from apiproxy_policies.edits.editing import Edit, Editing
from apiproxy_runtime.policy.api import (
    PAYLOAD,
    Element,
    Message,
    MessageContext,
    Render,
    attribute,
    many,
    text,
)

#: A name with the number of one value, from 1: `Set-Cookie.2`.
INDEXED = re.compile(r"(.+)\.(-?[0-9]+)", re.DOTALL)


class NamedText(Element):
    """`<Header name="…">value</Header>`, `<QueryParam>`, `<FormParam>`."""

    name: str = attribute("name", required=True, default="")
    value: str = text(PAYLOAD, default="", template=True)


class Headers(Element):
    items: tuple[NamedText, ...] = many("Header", NamedText)


class QueryParams(Element):
    items: tuple[NamedText, ...] = many("QueryParam", NamedText)


class FormParams(Element):
    items: tuple[NamedText, ...] = many("FormParam", NamedText)


NamedList = Headers | QueryParams | FormParams


def _source(item: NamedText) -> str:
    return item.node.text.strip()


def _named(items: tuple[NamedText, ...], editing: Editing) -> list[tuple[Render, Render]]:
    return [
        (editing.template(item.name, item.node), editing.template(_source(item), item.node))
        for item in items
        if item.name
    ]


def _text_or_render(item: NamedText, editing: Editing) -> tuple[str | None, Render]:
    """The value where it is constant, which saves a call for each message, and what makes it otherwise."""
    source = _source(item)
    return (source if editing.constant(source) else None), editing.template(source, item.node)


def set_headers(element: Headers, editing: Editing) -> Edit | None:
    """Replace all values of each header. Constant names, which are the rule, are settled now."""
    named = [item for item in element.items if item.name]
    if not named:
        return None
    if not all(editing.constant(item.name) for item in named):
        rendered = _named(element.items, editing)

        def edit_rendered(ctx: MessageContext, message: Message) -> None:
            for name, value in rendered:
                message.headers.set(name(ctx), value(ctx))

        return edit_rendered
    plain = [(item.name, item.name.lower(), *_text_or_render(item, editing)) for item in named]

    def edit(ctx: MessageContext, message: Message) -> None:
        fields = message.headers.fields
        fault = ctx.fault
        for name, key, constant, render in plain:
            value = render(ctx) if constant is None else constant
            if fault is not None and key in fault.headers and message is ctx.error:
                # both RaiseFault and the fault rule set it: the client gets both values (fault handling page)
                message.headers.add(name, value)
            else:
                fields[key] = [name, value]

    return edit


def add_headers(element: Headers, editing: Editing) -> Edit | None:
    pairs = _named(element.items, editing)
    if not pairs:
        return None

    def edit(ctx: MessageContext, message: Message) -> None:
        for name, value in pairs:
            message.headers.add(name(ctx), value(ctx))

    return edit


def edit_parameters(element: QueryParams | FormParams, editing: Editing, *, add: bool) -> Edit | None:
    """Set or add query or form parameters. Only requests have them; a form makes the body form-encoded."""
    pairs = _named(element.items, editing)
    if not pairs:
        return None
    of_query = isinstance(element, QueryParams)

    def edit(ctx: MessageContext, message: Message) -> None:
        if not message.is_request:
            return
        values = [(name(ctx), value(ctx)) for name, value in pairs]
        if not of_query and message.verb == "GET" and not message.body:
            message.verb = "POST"
        parameters = message.edit_query() if of_query else message.edit_form()
        for name, value in values:
            if add:
                parameters.add(name, value)
            else:
                parameters.set(name, value)

    return edit


Chosen = tuple[tuple[str, int], ...] | None


def chosen_of(element: NamedList) -> Chosen:
    """(name, index) of each named child whose text is not `false`; index 0 for all values. None means all names."""
    if not element.items:
        return None
    chosen = []
    for item in element.items:
        if _source(item).lower() != "false":
            match = INDEXED.fullmatch(item.name)
            chosen.append((match.group(1), int(match.group(2))) if match else (item.name, 0))
    return tuple(chosen)
