"""The options of `crypto.wsSecRsaSign` and `crypto.wsSecRsaValidate`. Source: JavaScript object model page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from apiproxy_runtime.scripting.javascript.wssecurity.envelope import SecurityError

_PERIOD = re.compile(r"(\d+)\s*([smhdw]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Options:
    """What a script has passed: names and values; texts may be message templates, which `render` expands."""

    def __init__(self, given: Mapping[str, Any], render: Callable[[str], str]) -> None:
        self._given = given
        self._render = render

    def has(self, name: str) -> bool:
        return self._given.get(name) is not None

    def text(self, name: str) -> str | None:
        """The text of an option; None when it is missing or empty."""
        return self._text(self._given.get(name)).strip() or None

    def _text(self, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        text = str(value)
        return self._render(text) if "{" in text else text

    def required(self, name: str) -> str:
        text = self.text(name)
        if text is None:
            raise SecurityError(f"{name} is required")
        return text

    def choice(self, name: str, choices: Mapping[str, str], default: str | None) -> str | None:
        """What stands for the word that is written, in any case; for `default` without one."""
        text = self.text(name) or default
        if text is None:
            return None
        found = {word.lower(): meaning for word, meaning in choices.items()}.get(text.lower())
        if found is None:
            raise SecurityError(f'{name} must be one of {", ".join(choices)}, not "{text}"')
        return found

    def flag(self, name: str, default: bool) -> bool:
        text = self.text(name)
        if text is None:
            return default
        if text.lower() not in ("true", "false"):
            raise SecurityError(f'{name} must be true or false, not "{text}"')
        return text.lower() == "true"

    def list(self, name: str) -> tuple[str, ...] | None:
        """The items of an array, or of a text with commas or blanks between; None when it is missing or empty."""
        value = self._given.get(name)
        if isinstance(value, list):
            items = [self._text(item).strip() for item in value]
        else:
            items = re.split(r"[\s,]+", self._text(value))
        return tuple(item for item in items if item) or None

    def names(self, name: str) -> tuple[str, ...] | None:
        """The same for items that may hold blanks: only commas part them."""
        value = self._given.get(name)
        items = (
            [self._text(item) for item in value] if isinstance(value, list) else self._text(value).split(",")
        )
        return tuple(stripped for item in items if (stripped := item.strip())) or None

    def confirmations(self) -> tuple[str, ...] | None:
        """The values of `confirmation`: `*all*` alone for all that are there, an empty one for an element without value."""
        if not self.has("confirmation"):
            return None
        found = self.names("confirmation")
        # the reference writes the word with escapes of its markup
        return ("",) if found is None else tuple("*all*" if each == r"\*all\*" else each for each in found)

    def seconds(self, name: str) -> int | None:
        """A period such as 120s, 10m, 4d; None when it is missing."""
        text = self.text(name)
        if text is None:
            return None
        match = _PERIOD.fullmatch(text.lower())
        if match is None or not int(match[1]):
            raise SecurityError(f'{name} must be a period such as 120s, 10m or 4d, not "{text}"')
        return int(match[1]) * _SECONDS[match[2]]
