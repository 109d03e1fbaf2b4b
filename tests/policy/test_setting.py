"""What a command line may say to policies."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from apiproxy_runtime.policy.kinds import POSITIVE, one_of
from apiproxy_runtime.policy.registry import all_settings
from apiproxy_runtime.policy.setting import Setting, parse_settings

MODE = Setting("a.mode", one_of("old", "new"), "new", "which way")
LIMIT = Setting("a.limit", POSITIVE, "7", "how many")
SERVE = Path(__file__).parents[2] / "docs" / "serve.md"


def test_a_setting_has_its_default_until_something_is_said() -> None:
    assert (MODE.value({}), LIMIT.value({})) == ("new", 7)


def test_settings_are_read_from_the_command_line() -> None:
    settings = parse_settings(["a.mode=old", "a.limit = 9 "], (MODE, LIMIT))
    assert (MODE.value(settings), LIMIT.value(settings)) == ("old", 9)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("a.mode", "--setting must be NAME=VALUE, not 'a.mode'"),
        ("a.mod=old", "--setting: there is no 'a.mod'; there are a.limit, a.mode. Did you mean a.mode?"),
        ("zzz=1", "--setting: there is no 'zzz'; there are a.limit, a.mode."),
        ("a.mode=newer", "--setting: a.mode must be one of old, new, not 'newer'"),
        ("a.limit=0", "--setting: a.limit must be a positive integer, not '0'"),
    ],
)
def test_what_is_no_setting_is_told(given: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
        parse_settings([given], (MODE, LIMIT))


def test_defaults_are_of_their_kind() -> None:
    for setting in all_settings().values():
        assert setting.value({}) == setting.kind.parse(setting.default)


def test_the_documentation_lists_every_setting() -> None:
    section = SERVE.read_text(encoding="utf-8").partition("\n## Settings\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE) == list(all_settings())
