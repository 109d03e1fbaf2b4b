"""Fixes for nodes: another text, another attribute, other markup."""

from __future__ import annotations

import re

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.result import Fix

_ATTRIBUTE = r"""(?<=\s){}\s*=\s*("[^"]*"|'[^']*')"""


def replace_node(node: Node, markup: str) -> Fix:
    """Other markup in place of an element; "" removes it."""
    return Fix(*node.span, markup)


def replace_text(node: Node, text: str) -> Fix:
    """Another text in place of all that an element holds."""
    from xml.sax.saxutils import escape  # it loads an HTTP client, and few runs mend anything

    tag = node.start_tag.removesuffix("/>").removesuffix(">").rstrip()
    return replace_node(node, f"{tag}>{escape(text)}</{node.tag}>")


def set_attribute(node: Node, name: str, value: str) -> Fix:
    """An attribute, new or in place of the one there is."""
    from xml.sax.saxutils import quoteattr  # as above

    tag = node.start_tag
    found = re.search(_ATTRIBUTE.format(re.escape(name)), tag)
    setting = f"{name}={quoteattr(value)}"
    if found is not None:
        tag = tag[: found.start()] + setting + tag[found.end() :]
    else:
        end = "/>" if tag.endswith("/>") else ">"
        tag = f"{tag.removesuffix(end).rstrip()} {setting}{end}"
    start, _ = node.span
    return Fix(start, start + len(node.start_tag.encode()), tag)
