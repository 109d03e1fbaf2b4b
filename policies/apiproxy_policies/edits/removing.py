"""`<Remove>`: takes parts of a message away."""

from __future__ import annotations

from apiproxy_policies.edits.copying import Copy
from apiproxy_policies.edits.editing import Edit, Editing
from apiproxy_policies.edits.named import INDEXED, Chosen, FormParams, Headers, QueryParams, chosen_of
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Element,
    Message,
    MessageContext,
    Site,
    child,
    nested,
)


class Remove(Element):
    """Removes named values; an empty list removes all of its kind, an empty `<Remove/>` everything."""

    tag = "Remove"
    headers: Headers | None = nested("Headers", Headers)
    query_params: QueryParams | None = nested("QueryParams", QueryParams)
    form_params: FormParams | None = nested("FormParams", FormParams)
    payload: bool = child("Payload", BOOLEAN, default=False)

    def compile(self, editing: Editing) -> list[Edit]:
        if not self.node.children:
            return [_remove_everything]
        edits: list[Edit] = []
        if self.headers is not None:
            edits.append(_remove_headers(chosen_of(self.headers)))
        if self.query_params is not None:
            edits.append(_remove_parameters(chosen_of(self.query_params), of_query=True))
        if self.form_params is not None:
            edits.append(_remove_parameters(chosen_of(self.form_params), of_query=False))
        if self.payload:
            edits.append(_remove_payload)
        return edits


def _remove_payload(ctx: MessageContext, message: Message) -> None:
    message.body = b""


def _remove_everything(ctx: MessageContext, message: Message) -> None:
    message.headers.clear()
    message.query_string = ""
    message.body = b""


def _remove_headers(chosen: Chosen) -> Edit:
    keys = tuple(name.lower() for name, index in chosen or () if not index)
    indexed = tuple((name, index) for name, index in chosen or () if index)

    def edit(ctx: MessageContext, message: Message) -> None:
        headers = message.headers
        if chosen is None:
            headers.clear()
            return
        for key in keys:
            headers.fields.pop(key, None)
        for name, index in indexed:
            values = headers.values(name)
            if 0 < index <= len(values):
                del values[index - 1]
                headers.set_values(name, [", ".join(values)] if values else [])

    return edit


def _remove_parameters(chosen: Chosen, *, of_query: bool) -> Edit:
    def edit(ctx: MessageContext, message: Message) -> None:
        if not message.is_request or not (of_query or message.is_form):
            return
        parameters = message.edit_query() if of_query else message.edit_form()
        if chosen is None:
            parameters.clear()
            return
        for name, index in chosen:
            if index:
                values = parameters.values(name)
                if index <= len(values):
                    del values[index - 1]
                    parameters.set_values(name, values)
            else:
                parameters.remove(name)

    return edit


def check_indexes(elements: tuple[Element, ...], site: Site) -> None:
    """Apigee refuses `name.0` and negative indexes in Copy and Remove (InvalidIndex)."""
    for element in elements:
        if isinstance(element, Copy | Remove):
            for group in (element.headers, element.query_params, element.form_params):
                for item in group.items if group is not None else ():
                    match = INDEXED.fullmatch(item.name)
                    if match is not None and int(match.group(2)) < 1:
                        site.error(
                            item.node,
                            "InvalidIndex",
                            "Count the values from 1.",
                            name=match.group(1),
                            index=match.group(2),
                        )
