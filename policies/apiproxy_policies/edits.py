"""Edits of a message: `<Set>`, `<Add>`, `<Copy>`, `<Remove>` and `<AssignVariable>`.

AssignMessage, RaiseFault, ServiceCallout and HTTPModifier are made of them. Each element compiles to functions of
the context and the message they change. Source: AssignMessage policy reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from apiproxy_policies.authentication import AuthenticationElement
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    PAYLOAD,
    Element,
    Fault,
    Message,
    MessageContext,
    Node,
    Policy,
    Render,
    Site,
    attribute,
    child,
    many,
    nested,
    text,
    text_of,
    unresolved_variable,
)

Edit = Callable[[MessageContext, Message], None]
_INDEXED = re.compile(r"(.+)\.(-?[0-9]+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Editing:
    """How the edits of one policy are compiled: its site, and what an unresolved variable does."""

    site: Site
    policy: Policy
    ignore_unresolved: bool
    unresolved: Callable[[str], Fault] | None = None

    def template(
        self,
        source: str,
        node: Node,
        prefix: str | None = None,
        suffix: str | None = None,
        quotes: bool = True,
    ) -> Render:
        return self.site.template(
            source,
            node,
            ignore_unresolved=self.ignore_unresolved,
            unresolved=self.unresolved,
            prefix=prefix,
            suffix=suffix,
            quotes=quotes,
        )

    def constant(self, source: str) -> bool:
        return "{" not in source

    def missing(self, name: str) -> Fault:
        """The fault for a variable, or a resource, that is not there."""
        if self.unresolved is not None:
            return self.unresolved(name)
        if "UnresolvedVariable" in self.policy.faults:
            return self.policy.fault("UnresolvedVariable", variable=name)
        return unresolved_variable(name)


# ---- named values: headers and parameters


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


def set_headers(element: Headers, editing: Editing) -> Edit | None:
    """Replace all values of each header. Constant names, which are the rule, are settled now."""
    constant = [
        (item.name, editing.template(_source(item), item.node)) for item in element.items if item.name
    ]
    if not constant:
        return None
    if any("{" in name for name, _ in constant):
        rendered = _named(element.items, editing)

        def edit_rendered(ctx: MessageContext, message: Message) -> None:
            for name, value in rendered:
                message.headers.set(name(ctx), value(ctx))

        return edit_rendered
    plain = [(name, name.lower(), value) for name, value in constant]

    def edit(ctx: MessageContext, message: Message) -> None:
        fields = message.headers.fields
        fault = ctx.fault
        for name, key, value in plain:
            if fault is not None and key in fault.headers and message is ctx.error:
                # both RaiseFault and the fault rule set it: the client gets both values (fault handling page)
                message.headers.add(name, value(ctx))
            else:
                fields[key] = [name, value(ctx)]

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


# ---- Set


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


# ---- Add


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


# ---- Copy


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
                parts.append(_copy_headers(_chosen(self.headers)))
            if self.query_params is not None:
                parts.append(_copy_query(_chosen(self.query_params)))
            if self.form_params is not None:
                parts.append(_copy_form(_chosen(self.form_params)))
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


Chosen = tuple[tuple[str, int], ...] | None


def _chosen(element: NamedList) -> Chosen:
    """(name, index) of each named child whose text is not `false`; index 0 for all values. None means all names."""
    if not element.items:
        return None
    chosen = []
    for item in element.items:
        if _source(item).lower() != "false":
            match = _INDEXED.fullmatch(item.name)
            chosen.append((match.group(1), int(match.group(2))) if match else (item.name, 0))
    return tuple(chosen)


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


# ---- Remove


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
            edits.append(_remove_headers(_chosen(self.headers)))
        if self.query_params is not None:
            edits.append(_remove_parameters(_chosen(self.query_params), of_query=True))
        if self.form_params is not None:
            edits.append(_remove_parameters(_chosen(self.form_params), of_query=False))
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


# ---- AssignVariable


class TemplateText(Element):
    value: str = text(PAYLOAD, default="")
    ref: str | None = attribute("ref", default=None, doc="variable that holds the template")


class AssignVariable(Element):
    """Sets a flow variable from the first of: ResourceURL, Template, Ref, Value, PropertySetRef."""

    tag = "AssignVariable"
    name: str = child("Name", default="", doc="name of the variable, literal")
    resource_url: str | None = child("ResourceURL", doc="text of a resource; template")
    template: TemplateText | None = nested("Template", TemplateText, doc="message template")
    ref: str | None = child("Ref", doc="variable to copy, without braces")
    value: str | None = child("Value", PAYLOAD, doc="literal text, also the default for Ref")
    property_set_ref: str | None = child("PropertySetRef", doc="SET.KEY of a property set; template")

    def compile(self, editing: Editing) -> list[Edit]:
        site = editing.site
        name = (self.name or "").strip()
        if not name:
            site.error(self.node, "InvalidVariableName", "Name the variable in <Name>.")
            return []
        put = site.setter(name)
        compute = self._compute(editing)

        def edit(ctx: MessageContext, message: Message) -> None:
            put(ctx, compute(ctx))

        return [edit]

    def _compute(self, editing: Editing) -> Callable[[MessageContext], object]:
        node = self.node
        literal = self.node.child("Value")
        constant = literal.text if literal is not None else None
        if self.resource_url:
            return resource_text(self.resource_url, node, editing)
        if self.template is not None and (self.template.ref or self.template.node.text):
            return template_text(self.template, editing)
        if self.ref:
            return _reference(self.ref, constant, editing)
        if self.property_set_ref and constant is None:
            render = editing.template(self.property_set_ref, node)
            return lambda ctx: _property(ctx, render(ctx))
        return lambda ctx: constant


def _property(ctx: MessageContext, path: str) -> str | None:
    name, _, key = path.partition(".")
    values = ctx.deployment.property_sets.get(name)
    return None if values is None else values.get(key)


def _reference(name: str, default: str | None, editing: Editing) -> Callable[[MessageContext], object]:
    name = name.strip()
    get = editing.site.getter(name)
    lenient = editing.ignore_unresolved

    def compute(ctx: MessageContext) -> object:
        value = get(ctx)
        if value is None:
            if default is None and not lenient:
                raise editing.missing(name)
            return default
        return value

    return compute


def template_text(element: TemplateText, editing: Editing) -> Callable[[MessageContext], object]:
    """The expanded template; with `ref`, the template is itself read from a variable when the request runs."""
    fallback = editing.template(
        element.node.text.strip() if element.ref else element.node.text, element.node, quotes=False
    )
    if not element.ref:
        return fallback
    get = editing.site.getter(element.ref.strip())
    compiled: dict[str, Render] = {}

    def compute(ctx: MessageContext) -> object:
        source = get(ctx)
        if source is None:
            return fallback(ctx)
        source = text_of(source)
        render = compiled.get(source)
        if render is None:
            if len(compiled) > 256:
                compiled.clear()
            render = compiled[source] = editing.template(source, element.node, quotes=False)
        return render(ctx)

    return compute


def resource_text(url: str, node: Node, editing: Editing) -> Callable[[MessageContext], object]:
    """The text of a resource file; read at deploy time when its name is constant."""
    site, lenient = editing.site, editing.ignore_unresolved

    def load(name: str) -> str | None:
        resource = site.resource(name)
        return None if resource is None else resource.read().decode("utf-8-sig", "replace")

    texts_by_url: dict[str, str | None] = {url: load(url)} if editing.constant(url) else {}
    render = editing.template(url, node)

    def compute(ctx: MessageContext) -> object:
        name = render(ctx)
        if name not in texts_by_url:
            texts_by_url[name] = load(name)
        content = texts_by_url[name]
        if content is None and not lenient:
            raise editing.missing(name)
        return content

    return compute


def check_indexes(elements: tuple[Element, ...], site: Site) -> None:
    """Apigee refuses `name.0` and negative indexes in Copy and Remove (InvalidIndex)."""
    for element in elements:
        if isinstance(element, Copy | Remove):
            for group in (element.headers, element.query_params, element.form_params):
                for item in group.items if group is not None else ():
                    match = _INDEXED.fullmatch(item.name)
                    if match is not None and int(match.group(2)) < 1:
                        site.error(
                            item.node,
                            "InvalidIndex",
                            "Count the values from 1.",
                            name=match.group(1),
                            index=match.group(2),
                        )


__all__ = ["Add", "AssignVariable", "Copy", "Edit", "Editing", "Remove", "Set", "check_indexes"]
