"""Finds the path template that a request's path fits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

_VARIABLE = re.compile(r"\{([^{}/]+)\}")


class Routes:
    """Path templates: those without variables first, then those whose early segments are literal."""

    def __init__(self, templates: Iterable[str]) -> None:
        self._literal: dict[str, str] = {}
        self._templates: list[tuple[list[bool], str, re.Pattern[str], list[str]]] = []
        for template in templates:
            bare = template.rstrip("/") or "/"
            if "{" not in bare:
                self._literal[bare] = template
                continue
            names = _VARIABLE.findall(bare)
            pattern = "".join(
                "([^/]+)" if index % 2 else re.escape(part)
                for index, part in enumerate(_VARIABLE.split(bare))
            )
            variable = ["{" in segment for segment in bare.split("/")]
            self._templates.append((variable, template, re.compile(pattern), names))
        self._templates.sort(key=lambda entry: entry[0])

    def find(self, path: str) -> tuple[str, Mapping[str, str]] | None:
        """The template and the values of its variables, percent-decoded. A slash at the end makes no difference."""
        bare = path.rstrip("/") or "/"
        literal = self._literal.get(bare)
        if literal is not None:
            return literal, {}
        for _, template, pattern, names in self._templates:
            match = pattern.fullmatch(bare)
            if match is not None:
                return template, dict(zip(names, map(unquote, match.groups()), strict=True))
        return None
