"""`<Copy>`: takes parts of another message over."""

from __future__ import annotations

from collections.abc import Callable

from apiproxy_policies.edits.editing import Edit, Editing
from apiproxy_policies.edits.named import Chosen, FormParams, Headers, QueryParams, chosen_of
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Element,
    Message,
    MessageContext,
    attribute,
    child,
    nested,
)


class Copy(Element):
    """Copies parts of another message; with no child, all of it."""

    tag = "Copy"
    source: str | None = attribute("source", doc="message variable, `message` by default", default=None)
    headers: Headers | None = nested("Headers", Headers)
    query_params: QueryParams | None = nested("QueryParams", QueryParams)
    form_params: FormParams | None = nested("FormParams", FormParams)
    payload: bool = child("Payload", BOOLEAN, default=False)
    path: bool = child("Path", BOOLEAN, default=False)
    status_code: bool = child("StatusCode", BOOLEAN, default=False)
    reason_phrase: bool = child("ReasonPhrase", BOOLEAN, default=False)
    verb: bool = child("Verb", BOOLEAN, default=False)
    version: bool = child("Version", BOOLEAN, default=False)

    def compile(self, editing: Editing) -> list[Edit]:
        name = self.source or "message"
        get = editing.site.getter(name)
        everything = not self.node.children
        parts: list[Callable[[Message, Message], None]] = []
        if everything:
            parts.append(copy_everything)
        else:
            if self.headers is not None:
                parts.append(_copy_headers(chosen_of(self.headers)))
            if self.query_params is not None:
                parts.append(_copy_query(chosen_of(self.query_params)))
            if self.form_params is not None:
                parts.append(_copy_form(chosen_of(self.form_params)))
            for wanted, part in (
                (self.payload, _copy_payload),
                (self.path, _copy_path),
                (self.status_code, _copy_status),
                (self.reason_phrase, _copy_reason),
                (self.verb, _copy_verb),
                (self.version, _copy_version),
            ):
                if wanted:
                    parts.append(part)
        policy, lenient = editing.policy, editing.ignore_unresolved

        def edit(ctx: MessageContext, message: Message) -> None:
            source = get(ctx)
            if source.__class__ is not Message:
                if lenient:
                    return
                if source is not None and "VariableOfNonMsgType" in policy.faults:
                    raise policy.fault("VariableOfNonMsgType", variable=name)
                raise editing.missing(name)
            if source is message:
                return
            for part in parts:
                part(source, message)

        return [edit]


def copy_everything(source: Message, message: Message) -> None:
    """All headers, the body, and what requests have with requests, responses with responses."""
    message.headers = source.headers.copy()
    message.body = source.body
    if source.is_request and message.is_request:
        message.verb, message.path, message.version = source.verb, source.path, source.version
        message.query_string = source.query_string
    elif not source.is_request and not message.is_request:
        message.status, message.reason, message.version = source.status, source.reason, source.version


def _copy_headers(chosen: Chosen) -> Callable[[Message, Message], None]:
    def copy(source: Message, message: Message) -> None:
        if chosen is None:
            for key, field in source.headers.fields.items():
                message.headers.fields[key] = field.copy()
            return
        for name, index in chosen:
            if index:
                values = source.headers.values(name)
                if index <= len(values):
                    message.headers.set(name, values[index - 1])
            else:
                found = source.headers.fields.get(name.lower())
                if found is not None:
                    message.headers.fields[name.lower()] = found.copy()

    return copy


def _copy_query(chosen: Chosen) -> Callable[[Message, Message], None]:
    def copy(source: Message, message: Message) -> None:
        if not (source.is_request and message.is_request):
            return
        for name, index in [(name, 0) for name in source.query.names()] if chosen is None else chosen:
            values = source.query.values(name)
            if index:
                values = values[index - 1 : index]
            if values:
                message.edit_query().set_values(name, values)

    return copy


def _copy_form(chosen: Chosen) -> Callable[[Message, Message], None]:
    """Only from a form-encoded request, and only into a POST or PUT."""

    def copy(source: Message, message: Message) -> None:
        if not (
            source.is_form and source.is_request and message.is_request and message.verb in ("POST", "PUT")
        ):
            return
        for name, index in [(name, 0) for name in source.form.names()] if chosen is None else chosen:
            values = source.form.values(name)
            if index:
                values = values[index - 1 : index]
            if values:
                message.edit_form().set_values(name, values)

    return copy


def _copy_payload(source: Message, message: Message) -> None:
    message.body = source.body
    content_type = source.headers.fields.get("content-type")
    if content_type is not None and "content-type" not in message.headers.fields:
        message.headers.fields["content-type"] = content_type.copy()


def _copy_path(source: Message, message: Message) -> None:
    if source.is_request and message.is_request:
        message.path = source.path


def _copy_status(source: Message, message: Message) -> None:
    if not source.is_request and not message.is_request:
        message.status, message.reason = source.status, None


def _copy_reason(source: Message, message: Message) -> None:
    if not source.is_request and not message.is_request:
        message.reason = source.reason


def _copy_verb(source: Message, message: Message) -> None:
    if source.is_request and message.is_request:
        message.verb = source.verb


def _copy_version(source: Message, message: Message) -> None:
    message.version = source.version
