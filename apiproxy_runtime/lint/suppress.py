"""Comments that switch a rule off in one place: `<!-- apiproxy disable=BN005 kept for the next release -->`.

The comment holds for the line it stands on and the next; within the first three lines of a file, for the whole file.
`apigeelint disable=` is the same, so that comments written for apigeelint go on working. Several ids are separated
by commas. In scripts, any comment will do.
"""

from __future__ import annotations

import re

from msgspec import Struct

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.bundle import LintBundle

_DIRECTIVE = re.compile(r"\b(?:apigeelint|apiproxy)\s+disable=\s*([\w./-]+(?:\s*,\s*[\w./-]+)*)")
_FILE_LEVEL = 3
_SCRIPTS = (".js", ".jsc", ".py", ".xsl", ".xslt", ".json", ".graphql", ".properties")


class Suppressions(Struct, frozen=True):
    """The directives of one file: (rule id in lower case, line at which the comment ends)."""

    directives: tuple[tuple[str, int], ...]

    def hold(self, rule: str, line: int) -> bool:
        """Whether a problem on that line is switched off."""
        return any(
            name in (rule.lower(), rule.lower().partition("/")[0])
            and (end <= _FILE_LEVEL or line in (end, end + 1))
            for name, end in self.directives
        )


def suppressions(bundle: LintBundle, file: str) -> Suppressions:
    """The directives of a file; none in a file that cannot be read."""
    found: list[tuple[str, int]] = []
    if file.lower().endswith(".xml"):
        root = bundle.xml(file) if file in bundle.model.files else None
        if isinstance(root, Node):
            for node in root.walk():
                for comment in node.comments:
                    end = comment.line + comment.text.count("\n")
                    found += [(name, end) for name in _names(comment.text)]
    elif file.lower().endswith(_SCRIPTS):
        raw = next((raw for raw in bundle.files if raw.file == file), None)
        for number, line in enumerate(raw.text().splitlines() if raw else (), 1):
            found += [(name, number) for name in _names(line)]
    return Suppressions(tuple(found))


def _names(text: str) -> list[str]:
    return [name.strip().lower() for match in _DIRECTIVE.finditer(text) for name in match.group(1).split(",")]
