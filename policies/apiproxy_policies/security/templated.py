"""Texts that are message templates wherever they come from, the XML or a variable."""

from __future__ import annotations

from collections.abc import Callable

from apiproxy_runtime.policy.api import Fault, MessageContext, Node, Render, Site, Value, text_of

#: Distinct templates from variables that a policy remembers the compiled form of.
_REMEMBERED = 256


def compile_templated(
    value: Value[str], site: Site, *, lenient: bool, unresolved: Callable[[str], Fault]
) -> Render:
    """What expands a text, or the text in the variable that `ref` names.

    A variable that is not set is replaced by the text beside it. Without that, and for variables in the template,
    `lenient` (IgnoreUnresolvedVariables) makes it empty; otherwise `unresolved` makes the fault.
    """
    literal, ref, node = value.text or "", value.ref, value.node
    fixed = _template(literal, node, site, lenient, unresolved)
    if ref is None:
        return fixed
    name, get, compiled = ref, site.getter(ref), dict[str, Render]()

    def expand(ctx: MessageContext) -> str:
        found = get(ctx)
        if found is None:
            if literal or lenient:
                return fixed(ctx)
            raise unresolved(name)
        source = text_of(found)
        if "{" not in source:
            return source
        render = compiled.get(source)
        if render is None:
            if len(compiled) >= _REMEMBERED:
                compiled.clear()
            render = compiled[source] = _template(source, node, site, lenient, unresolved)
        return render(ctx)

    return expand


def _template(
    source: str, node: Node, site: Site, lenient: bool, unresolved: Callable[[str], Fault]
) -> Render:
    return site.template(source, node, ignore_unresolved=lenient, unresolved=unresolved)
