"""`apiproxy new`: what it makes deploys, answers and has no mistakes in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiproxy_runtime.cli.main import main
from tests.house import house


async def test_a_new_proxy_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "hello", "-o", str(tmp_path / "hello")]) == 0
    assert "apiproxy serve" in capsys.readouterr().out
    async with house(tmp_path / "hello/apiproxy") as gateway:
        reply = await gateway.get('/hello/a"b')
        assert (reply.status, reply.json()) == (200, {"proxy": "hello", "path": "/a%22b"})


async def test_a_new_proxy_calls_its_target(tmp_path: Path) -> None:
    command = [
        "new",
        "orders",
        "-o",
        str(tmp_path),
        "--target",
        "http://up.test/base",
        "--base-path",
        "/shop/v1",
    ]
    assert main(command) == 0
    async with house(tmp_path / "apiproxy") as gateway:
        reply = await gateway.get("/shop/v1/42")
        assert reply.json()["path"] == "/base/42"
        assert reply.headers["X-Request-Id"]


@pytest.mark.parametrize("target", [[], ["--target", "https://api.example.com/v1"]])
def test_a_new_proxy_has_no_errors(
    tmp_path: Path, target: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "hello", "-o", str(tmp_path), *target]) == 0
    capsys.readouterr()
    assert main(["lint", str(tmp_path)]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["a b"], "no name for a proxy"),
        (["x", "--base-path", "v1"], "--base-path"),
        (["x", "--base-path", "/"], "--base-path"),
        (["x", "--target", "api.example.com"], "--target"),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", *arguments, "-o", str(tmp_path)]) == 2
    assert why in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "hello", "-o", str(tmp_path)]) == 0
    assert main(["new", "hello", "-o", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err
