from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.children import repeated_children, unknown_attributes, unknown_children
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule

_ACTIONS = ("Add", "AssignVariable", "Copy", "Remove", "Set")
_TOP = (*_ACTIONS, "AssignTo", "Description", "DisplayName", "IgnoreUnresolvedVariables", "Properties")
_NAMED = {"Headers": "Header", "QueryParams": "QueryParam", "FormParams": "FormParam"}
_SCALARS = ("Path", "ReasonPhrase", "StatusCode", "Verb", "Version")
_CHILDREN = {
    "Set": (*_NAMED, *_SCALARS, "Payload", "Authentication"),
    "Add": tuple(_NAMED),
    "Copy": (*_NAMED, *_SCALARS, "Payload"),
    "Remove": (*_NAMED, *_SCALARS, "Payload"),
}


class AssignMessageHygiene(Rule):
    """An AssignMessage with parts that Apigee ignores, or with none that does anything."""

    id = "PO034"
    name = "AssignMessage hygiene"
    severity = "error"
    elements = ("AssignMessage",)
    bad = "<AssignMessage name='AM-1'><Sett/></AssignMessage>"
    good = "<AssignMessage name='AM-1'><Remove><Payload>true</Payload></Remove></AssignMessage>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/assign-message-policy"
    supersedes = ("UnknownElement", "UnknownAttribute", "RepeatedElement")

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        root = policy.node
        if not any(child.tag in _ACTIONS for child in root.children):
            cure = f"Add one of {', '.join(_ACTIONS)}, or remove the policy."
            yield Match(root, "the policy does nothing", cure)
        yield from unknown_children(root, _TOP)
        yield from repeated_children(root, ("IgnoreUnresolvedVariables", "DisplayName"))
        for action in root.children:
            if action.tag in _CHILDREN:
                yield from _action(action)


def _action(action: Node) -> Iterator[Match]:
    yield from unknown_children(action, _CHILDREN[action.tag])
    yield from repeated_children(action, (*_SCALARS, "Payload"))
    yield from unknown_attributes(action, ("source",) if action.tag == "Copy" else ())
    for group in action.children:
        member = _NAMED.get(group.tag)
        if member is not None:
            yield from unknown_children(group, (member,))
            yield from unknown_attributes(group, ())
            for node in group.all(member):
                yield from unknown_attributes(node, ("name",))
        elif group.tag in _SCALARS and action.tag in ("Copy", "Remove"):
            text = group.text.strip().lower()
            if text not in ("", "true", "false"):
                yield Match(group, f"<{group.tag}> must be true or false here, not {text!r}", "Write true.")
