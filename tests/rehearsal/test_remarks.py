"""What a kong.yml says of what it leaves out is the reason of a difference."""

from __future__ import annotations

import pytest

from apiproxy_runtime.rehearsal.remarks import remarks_in

TEXT = """\
# 4 TODO comments say what Kong does not do by itself.
services:
  # TODO apiproxy/targets/t.xml:3: the fault rule Down runs AM-Down, AM-Headers: Kong has no fault rules; write a plugin
  - name: s
    plugins:
      # TODO apiproxy/policies/AM-A.xml:1: AM-A: the Header X from {x}
      # TODO apiproxy/policies/RF-B.xml:1: RF-B keeps callers out and got no plugin
      - name: request-termination
      - name: cors
      # TODO apiproxy/policies/AM-A.xml:1: AM-A: as above
      # name: request-transformer
      - name: key-auth
"""


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("AM-A (apiproxy/policies/AM-A.xml:1)", "", "the Header X from {x}"),
        ("AM-A", "cors (kong.yml:9)", "the Header X from {x}"),
        (
            "AM-Headers (apiproxy/policies/AM-Headers.xml:1)",
            "",
            "the fault rule Down runs AM-Down, AM-Headers: Kong has no fault rules; write a plugin",
        ),
        ("", "request-termination (move/kong.yml:8)", "RF-B keeps callers out and got no plugin"),
        ("AM-Other", "key-auth (kong.yml:12)", "the Header X from {x}"),
        ("", "cors (kong.yml:9)", ""),
        ("", "", ""),
    ],
)
def test_a_reason_is_found_by_policy_and_by_plugin(before: str, after: str, reason: str) -> None:
    assert remarks_in(TEXT).reason(before, after) == reason


def test_a_file_without_comments_says_nothing() -> None:
    assert remarks_in('_format_version: "3.0"\n') == remarks_in("")
