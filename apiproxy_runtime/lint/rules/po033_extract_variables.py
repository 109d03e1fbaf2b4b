from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule

_TYPES = ("boolean", "double", "float", "integer", "long", "nodeset", "string")
_PATTERNED = ("URIPath", "QueryParam", "Header", "FormParam")


class ExtractVariablesHygiene(Rule):
    """An ExtractVariables whose parts do not say what to extract, or into what."""

    id = "PO033"
    name = "ExtractVariables hygiene"
    severity = "error"
    elements = ("ExtractVariables",)
    bad = "<JSONPayload><Variable name='a' type='text'/></JSONPayload>"
    good = "<JSONPayload><Variable name='a' type='string'><JSONPath>$.a</JSONPath></Variable></JSONPayload>"
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/extract-variables-policy"
    )

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        root = policy.node
        for tag in ("JSONPayload", "XMLPayload"):
            payloads = root.all(tag)
            for extra in payloads[1:]:
                yield Match(extra, f"there is more than one <{tag}>", "Join them.")
            for payload in payloads[:1]:
                if not payload.all("Variable"):
                    yield Match(payload, f"<{tag}> has no <Variable>", "Add one.")
                for variable in payload.all("Variable"):
                    yield from _typed(variable)
        for variable in root.all("Variable"):
            yield from _patterned(variable)
        for tag in _PATTERNED:
            for node in root.all(tag):
                yield from _patterned(node)


def _typed(node: Node) -> Iterator[Match]:
    kind = node.attributes.get("type")
    if kind is not None and kind not in _TYPES:
        yield Match(node, f"the type {kind!r} is not known", f"Write one of {', '.join(_TYPES)}.")


def _patterned(node: Node) -> Iterator[Match]:
    if not node.all("Pattern"):
        yield Match(node, f"<{node.tag}> has no <Pattern>", "Add one.")
    for other in node.children:
        if other.tag != "Pattern":
            yield Match(other, f"<{other.tag}> has no meaning in <{node.tag}>", "Keep <Pattern> only.")
