"""The name of an endpoint beside that of its file."""

from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.edit import set_attribute
from apiproxy_runtime.lint.parts import EndpointFile
from apiproxy_runtime.lint.rule import Match


def name_matches(endpoint: EndpointFile) -> Iterator[Match]:
    """A match if the name is missing (with a fix) or another than the file's."""
    node, wanted = endpoint.node, endpoint.stem
    if not endpoint.name:
        fix = set_attribute(node, "name", wanted)
        yield Match(node, f"<{node.tag}> has no name", f'Write <{node.tag} name="{wanted}">.', fix=fix)
    elif endpoint.name != wanted:
        yield Match(
            node,
            f"the name {endpoint.name!r} is not that of the file, {wanted!r}",
            f"Rename the file to {endpoint.name}.xml, or change the name and what refers to it.",
        )
