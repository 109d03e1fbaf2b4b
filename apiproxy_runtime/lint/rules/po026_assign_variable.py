from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.expression.template.parser import TemplateSyntaxError
from apiproxy_runtime.lint.children import unknown_children
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule

_SOURCES = ("Ref", "Value", "Template")
_SOURCES_OF_X = (*_SOURCES, "PropertySetRef", "ResourceURL")


class AssignVariable(Rule):
    """An AssignVariable that cannot do what it says: no name, no value, more than one, or a template that is broken."""

    id = "PO026"
    name = "AssignVariable"
    severity = "error"
    elements = ("AssignMessage", "RaiseFault")
    bad = "<AssignVariable><Name>a</Name><Ref>{b}</Ref></AssignVariable>"
    good = "<AssignVariable><Name>a</Name><Ref>b</Ref></AssignVariable>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/assign-message-policy"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        for node in policy.node.all("AssignVariable"):
            yield from _judged(node, bundle)


def _judged(node: Node, bundle: LintBundle) -> Iterator[Match]:
    sources = _SOURCES_OF_X if bundle.profile == "apigeex" else _SOURCES
    if not node.children:
        yield Match(
            node, "the <AssignVariable> is empty", "Give it a <Name> and a <Value>, <Ref> or <Template>."
        )
        return
    yield from unknown_children(node, ("Name", *sources))
    names = node.all("Name")
    if len(names) != 1 or not names[0].text.strip():
        yield Match(node, "an <AssignVariable> has exactly one <Name>", "Name the variable to set.")
    for tag in sources:
        for extra in node.all(tag)[1:]:
            yield Match(extra, f"there is more than one <{tag}>", "Keep one.")
    if not any(node.all(tag) for tag in sources):
        yield Match(node, "nothing says what the variable becomes", f"Add one of {', '.join(sources)}.")
    for ref in node.all("Ref"):
        if "{" in ref.text or "}" in ref.text:
            yield Match(
                ref, f"<Ref> names a variable; {ref.text.strip()!r} has braces", "Write the bare name."
            )
    for template in node.all("Template"):
        parsed = bundle.template(template.text)
        if isinstance(parsed, TemplateSyntaxError):
            yield Match(template, f"the template cannot be read: {parsed}", "Correct it.")
    for properties in node.all("PropertySetRef"):
        yield from _property(properties)


def _property(node: Node) -> Iterator[Match]:
    """`FILE.KEY`, each of which may come from variables."""
    text = node.text.strip()
    dots = _without_references(text).count(".")
    if (dots > 1) if "{" in text else (dots != 1):
        yield Match(node, f"{text!r} does not name a property", "Write FILE.KEY, with one dot.")


def _without_references(text: str) -> str:
    """The text between `{…}`."""
    kept, depth = "", 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if depth == 0 and character != "}":
            kept += character
    return kept
