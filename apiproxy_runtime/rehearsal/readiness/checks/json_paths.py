"""X010: JSONPath that newer libraries read in another way."""

import re
from collections.abc import Iterator

from apiproxy_runtime.bundle.model import PolicySource
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.expression.template.nodes import Call, Literal
from apiproxy_runtime.expression.template.parser import TemplateSyntaxError, parse_template
from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit, Severity
from apiproxy_runtime.rehearsal.readiness.subject import Subject

_LENGTH = re.compile(r"@\.length\s*-\s*\d+")
_FILTER_INDEX = re.compile(r"\[\?.*\]\s*\[\s*-?\d+\s*\]")
_INDEX = re.compile(r"\[\s*\d+\s*\]")


def _paths(policy: PolicySource) -> Iterator[tuple[Node, str]]:
    """The JSONPaths of a policy, those in templates too."""
    for node in policy.node.walk():
        text = node.text.strip()
        if node.tag in ("JSONPath", "JsonPath") and text:
            yield node, text
        elif "jsonPath(" in text:
            try:
                parsed = parse_template(text)
            except TemplateSyntaxError:
                continue
            for part in parsed.nodes:
                if isinstance(part, Call) and part.function == "jsonPath" and part.arguments:
                    first = part.arguments[0]
                    yield node, first.text if isinstance(first, Literal) else first.name


def _judge(path: str) -> tuple[str, str, Severity] | None:
    if path.rstrip(".") == "$" and path != "$":
        return "is no path: a dot with nothing behind it", "Write $.", "blocks"
    if _LENGTH.search(path):
        return "counts from the end with @.length", "Write [-1] for the last element.", "changes"
    if _FILTER_INDEX.search(path):
        fix = "Take the element with a filter alone, and the first of the answer elsewhere."
        return "takes an element by its number after a filter: Edge gives it, X gives []", fix, "changes"
    if _INDEX.search(path):
        return "takes an element by its number: what comes when it is missing differs", "", "changes"
    return None


def _find(subject: Subject) -> Iterator[Hit]:
    for policy in subject.policies():
        for node, path in _paths(policy):
            judged = _judge(path)
            if judged is not None:
                what, fix, severity = judged
                yield Hit(node, f"{path} {what}", policy, severity, fix)


CHECK = Check(
    "X010",
    "changes",
    "JSONPath",
    "Edge uses version 0.8.0 of the library, X 2.4.0: some paths find something else",
    "Rehearse the call with a body that has the element and with one that has not.",
    _find,
    "https://docs.cloud.google.com/apigee/docs/api-platform/get-started/compare-apigee-products",
)
