"""Reading the children of an element: what may stand there, and the few types their texts have.

Nothing here raises; what is wrong becomes a finding, and the default is used.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

from apiproxy_runtime.bundle.finding import Findings, Placed
from apiproxy_runtime.bundle.xml import Node

_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NAME = re.compile(r"[A-Za-z0-9._\-$% ]+")


def suggestion(name: str, known: Collection[str]) -> str:
    """ "Did you mean …?" for a name that is not known, or else which ones are (if they are few)."""
    by_lower = {item.lower(): item for item in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {by_lower[close[0]]}?"
    if known and len(known) <= 20:
        return f"Known: {', '.join(sorted(known))}."
    return ""


def check_children(node: Node, known: Collection[str], findings: Findings) -> None:
    """Warn about each child that has no meaning here."""
    for child in node.children:
        if child.tag not in known:
            findings.warning(
                child,
                "UnknownElement",
                f"<{child.tag}> has no meaning in <{node.tag}> and is ignored",
                suggestion(child.tag, known),
            )


def only_child(node: Node, tag: str, findings: Findings) -> Node | None:
    """The child of that name; a second one is a warning, since only the first counts."""
    nodes = node.all(tag)
    for extra in nodes[1:]:
        findings.warning(
            extra, "DuplicateElement", f"<{node.tag}> has more than one <{tag}>", "Only the first one counts."
        )
    return nodes[0] if nodes else None


def text_of(node: Node | None) -> str:
    """The stripped text; "" without a node."""
    return node.text.strip() if node is not None else ""


def boolean(text: str | None, default: bool, place: Placed, what: str, findings: Findings) -> bool:
    """`true` or `false`, in any case; empty or missing is the default."""
    value = (text or "").strip().lower()
    if not value:
        return default
    if value in ("true", "false"):
        return value == "true"
    findings.error(place, "InvalidValue", f'{what} must be true or false, not "{text}"')
    return default


def child_boolean(node: Node, tag: str, default: bool, findings: Findings) -> bool:
    child = only_child(node, tag, findings)
    return default if child is None else boolean(child.text, default, child, f"<{tag}>", findings)


def child_integer(
    node: Node, tag: str, findings: Findings, minimum: int = 0, maximum: int | None = None
) -> int | None:
    """A whole number within bounds; None if missing, empty or (with a finding) not one."""
    child = only_child(node, tag, findings)
    text = text_of(child)
    if child is None or not text:
        return None
    value = int(text) if _INTEGER.fullmatch(text) else None
    if value is not None and value >= minimum and (maximum is None or value <= maximum):
        return value
    bounds = f"from {minimum} to {maximum}" if maximum is not None else f"of at least {minimum}"
    findings.error(child, "InvalidValue", f'<{tag}> must be a whole number {bounds}, not "{text}"')
    return None


def name_of(node: Node, fallback: str, findings: Findings) -> str:
    """The name attribute; without one (an error), `fallback`.

    Allowed are letters, digits, blank and . _ - $ %. Source: docs.cloud.google.com/apigee, "API proxy configuration
    reference".
    """
    name = node.name
    if not name:
        findings.error(
            node,
            "MissingName",
            f"<{node.tag}> has no name attribute",
            f'Write <{node.tag} name="{fallback}">.',
        )
        return fallback
    if not _NAME.fullmatch(name):
        findings.warning(
            node,
            "InvalidName",
            f"the name {name!r} holds characters that Apigee refuses",
            "Use letters, digits, blanks and . _ - $ % only.",
        )
    return name


def read_properties(node: Node, findings: Findings) -> dict[str, str]:
    """`<Properties><Property name="…">value</Property></Properties>` as a dictionary; values are stripped."""
    values: dict[str, str] = {}
    for properties in node.all("Properties"):
        check_children(properties, ("Property",), findings)
        for property_ in properties.all("Property"):
            name = property_.name
            if name:
                values[name] = property_.text.strip()
            else:
                findings.warning(property_, "MissingName", "<Property> has no name attribute and is ignored")
    return values
