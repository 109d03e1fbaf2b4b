"""What a command line may say to all policies of a kind: `--setting NAME=VALUE`.

A policy lists the settings that it heeds in `Policy.settings`, and reads one while it is compiled with `Site.setting`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from msgspec import Struct

from apiproxy_runtime.policy.kinds import Kind


class Setting(Struct, frozen=True):
    """A setting: its name, what its value may be, the value it has when nothing is said, and what it does."""

    name: str
    kind: Kind
    default: str
    doc: str

    def value(self, settings: Mapping[str, str]) -> Any:
        """What the settings say, as the kind reads it. Raises ValueError for what is not of the kind."""
        text = settings.get(self.name, self.default)
        try:
            return self.kind.parse(text.strip())
        except ValueError:
            raise ValueError(f"{self.name} must be {self.kind.describe}, not {text!r}") from None


def parse_settings(given: Iterable[str], known: Iterable[Setting]) -> dict[str, str]:
    """`NAME=VALUE` texts as a mapping. Raises ValueError with a sentence for the command line."""
    by_name = {setting.name: setting for setting in known}
    found: dict[str, str] = {}
    for text in given:
        name, separator, value = text.partition("=")
        name = name.strip()
        if not separator:
            raise ValueError(f"--setting must be NAME=VALUE, not {text!r}")
        if name not in by_name:
            close = get_close_matches(name, by_name, 1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise ValueError(
                f"--setting: there is no {name!r}; there are {', '.join(sorted(by_name))}.{hint}"
            )
        found[name] = value.strip()
        try:
            by_name[name].value(found)
        except ValueError as error:
            raise ValueError(f"--setting: {error}") from None
    return found
