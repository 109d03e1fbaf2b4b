"""`<AssignVariable>`: gives a flow variable a value."""

from __future__ import annotations

from collections.abc import Callable

from apiproxy_policies.edits.editing import Edit, Editing
from apiproxy_runtime.policy.api import (
    PAYLOAD,
    Element,
    Message,
    MessageContext,
    Node,
    Render,
    attribute,
    child,
    nested,
    text,
    text_of,
)


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
