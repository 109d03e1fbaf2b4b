from importlib.metadata import entry_points as by_the_library
from pathlib import Path

import pytest

from apiproxy_runtime.entrypoints import entry_points


@pytest.mark.parametrize(
    "group", ["console_scripts", "pytest11", "apiproxy_runtime.policies", "no.such.group"]
)
def test_the_same_values_as_the_standard_library_tells(group: str) -> None:
    assert entry_points(group) == tuple(sorted({entry.value for entry in by_the_library(group=group)}))


def test_comments_extras_and_other_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "own-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text(
        "[mine]\n# a = x\nb = own.module:Thing [extra]\n\n[other]\nc = y\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert entry_points("mine") == ("own.module:Thing",)
