"""Errors of several bundles name the bundle they are in; those of one bundle alone need not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import proxy, steps, write_bundle

APIPROXY = [sys.executable, "-m", "apiproxy_runtime"]
NO_TARGET = '<RouteRule name="none"/>'


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*APIPROXY, *arguments], capture_output=True, text=True, cwd=cwd, timeout=60)


def broken(folder: Path, name: str, base_path: str, policy: str = "Gone") -> None:
    write_bundle(
        folder,
        name,
        {"proxies/default.xml": proxy(base_path, request=steps(policy), routes=NO_TARGET)},
    )


@pytest.mark.parametrize(
    "command", [("serve", "--check", "one", "two"), ("serve", "one", "./two/apiproxy", "--state", "memory")]
)
def test_serve_names_the_bundle_of_each_error(tmp_path: Path, command: tuple[str, ...]) -> None:
    broken(tmp_path, "one", "/1")
    broken(tmp_path, "two", "/2")
    done = run(*command, cwd=tmp_path)
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if "UnknownPolicy" in line]
    assert [line.partition(": ")[2].partition(":")[0] for line in errors] == [
        "one/apiproxy/proxies/default.xml",
        "two/apiproxy/proxies/default.xml",
    ]


def test_findings_of_reading_and_of_compiling_name_it_alike(tmp_path: Path) -> None:
    broken(tmp_path, "one", "/1")
    write_bundle(tmp_path, "two", {"proxies/default.xml": "<ProxyEndpoint>"})
    done = run("serve", "--check", "one", "two", cwd=tmp_path)
    files = {line.split(":")[1].strip() for line in done.stderr.splitlines() if line.startswith("error:")}
    assert files == {"one/apiproxy/proxies/default.xml", "two/apiproxy/proxies/default.xml"}
    # each once, though the runtime reads bundles a second time
    assert len([line for line in done.stderr.splitlines() if "two/apiproxy" in line]) == 1


def test_one_bundle_alone_is_not_named(tmp_path: Path) -> None:
    broken(tmp_path, "one", "/1")
    done = run("serve", "--check", "one", cwd=tmp_path)
    assert done.stderr.startswith("error: apiproxy/proxies/default.xml:")


def test_call_names_the_bundle_of_each_error(tmp_path: Path) -> None:
    broken(tmp_path, "one", "/1")
    broken(tmp_path, "two", "/2")
    done = run("call", "GET", "/1", "--bundle", "one", "--bundle", "two", cwd=tmp_path)
    assert "error: one/apiproxy/proxies/default.xml:" in done.stderr
    assert "error: two/apiproxy/proxies/default.xml:" in done.stderr


def test_a_base_path_conflict_is_told_of_the_later_bundle(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_bundle(tmp_path, name, {"proxies/default.xml": proxy("/same", routes=NO_TARGET)})
    done = run("serve", "--check", "one", "two", cwd=tmp_path)
    assert "error: two/apiproxy/proxies/default.xml:" in done.stderr
    assert "one/apiproxy/proxies" not in done.stderr


def test_lint_tells_a_conflict_of_one_bundle_only(tmp_path: Path) -> None:
    root = tmp_path / "src" / "main" / "apigee"
    (root / "environments" / "test").mkdir(parents=True)
    for name in ("one", "two"):
        write_bundle(root / "apiproxies", name, {"proxies/default.xml": proxy("/same", routes=NO_TARGET)})
    done = run("lint", ".", "--format", "unix", cwd=tmp_path)
    told = [line.split(":")[0] for line in done.stdout.splitlines() if "already taken" in line]
    assert len(told) == 1
    assert told[0].endswith("two/apiproxy/proxies/default.xml")
