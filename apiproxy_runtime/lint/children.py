"""What stands in an element that should not, or too often."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.rule import Match


def unknown_children(node: Node, known: Collection[str]) -> Iterator[Match]:
    """A match for each child that has no meaning in an element."""
    for child in node.children:
        if child.tag not in known:
            cure = suggestion(child.tag, known) or f"Known there: {', '.join(sorted(known))}."
            yield Match(child, f"<{child.tag}> has no meaning in <{node.tag}>", cure)


def repeated_children(node: Node, once: Collection[str] | None = None) -> Iterator[Match]:
    """A match for each child that stands a second time, of all or of those tags."""
    seen: dict[str, Node] = {}
    for child in node.children:
        if once is not None and child.tag not in once:
            continue
        first = seen.setdefault(child.tag, child)
        if first is not child:
            yield Match(
                child,
                f"<{node.tag}> has more than one <{child.tag}>",
                f"Keep one; the first is on line {first.line}.",
            )


def unknown_attributes(node: Node, known: Collection[str]) -> Iterator[Match]:
    """A match for each attribute that has no meaning on an element."""
    for name in node.attributes:
        if name not in known:
            yield Match(
                node, f'<{node.tag}> has no attribute "{name}"', suggestion(name, known) or "Remove it."
            )


def not_boolean(node: Node) -> Iterator[Match]:
    """A match if the text is neither true nor false."""
    if node.text.strip() not in ("true", "false"):
        yield Match(
            node, f"<{node.tag}> must be true or false, not {node.text.strip()!r}", "Write true or false."
        )
