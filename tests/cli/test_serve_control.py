"""`apiproxy serve` with its control port, as a process: starting empty, deploying, workers, and what is refused."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.control.house import says, workspace

APIPROXY = [sys.executable, "-m", "apiproxy_runtime", "serve"]


def request(
    url: str, body: bytes | None = None, method: str | None = None, token: str = ""
) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    call = urllib.request.Request(url, body, headers, method=method)
    try:
        with urllib.request.urlopen(call, timeout=30) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


class Running:
    """A server process; `lines` is what it printed until it was ready."""

    def __init__(self, arguments: tuple[str, ...], cwd: Path, environ: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [*APIPROXY, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=cwd,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environ},
        )
        self.lines: list[str] = []
        self.traffic = self.read_until(r"Ready: (\S+)")
        # the first worker may be ready before the process that leads them
        while "--workers" in arguments and sum(line.startswith("Ready: ") for line in self.lines) < int(
            arguments[arguments.index("--workers") + 1]
        ):
            self.read_until("Ready: ")
        self.control = next(
            (match[1] for line in self.lines if (match := re.match(r"Control: (\S+)", line))), ""
        )

    def read_until(self, pattern: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            match = re.search(pattern, line)
            if match is not None:
                return match[1] if match.groups() else line
        raise AssertionError(f"no {pattern!r} in {self.lines}")

    def deploy(self, body: bytes, environment: str = "test") -> tuple[int, Any]:
        status, text = request(f"{self.control}/v1/emulator/deploy?environment={environment}", body)
        return status, json.loads(text)


@contextlib.contextmanager
def serving(*arguments: str, cwd: Path, **environ: str) -> Iterator[Running]:
    if "--control-port" not in arguments:
        arguments = ("--control-port", "0", *arguments)
    if "--port" not in arguments:
        arguments = ("--port", "0", *arguments)
    running = Running(arguments, cwd, environ)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
        running.process.wait(20)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_without_a_path_it_starts_empty_and_waits_for_a_deploy(tmp_path: Path) -> None:
    with serving("--state", "memory", cwd=tmp_path) as running:
        assert "(0 proxies)" in running.lines[-1]
        assert running.lines[-2].startswith("Control: ")
        assert running.deploy(workspace({"hello": says("hello", "hi")})) == (200, {"revision": "1"})
        assert request(f"{running.traffic}/hello") == (200, "hi")
        assert running.read_until("Deployed hello revision 1 in test: /hello")


def test_a_refused_deploy_is_told_in_the_terminal_with_its_first_error(tmp_path: Path) -> None:
    with serving("--state", "memory", cwd=tmp_path) as running:
        broken = {**says("hello", "hi"), "apiproxy/policies/reply.xml": "<Nothing name='reply'/>"}
        assert running.deploy(workspace({"hello": broken}))[0] == 400
        line = running.read_until("Refused.*")
        assert line.startswith("Refused hello revision 1 in test: src/main/apigee/apiproxies/hello/apiproxy/")
        assert running.deploy(workspace({}))[0] == 400
        assert running.read_until("Refused.*").startswith("Refused a deploy to test: ")


def test_a_deploy_outlives_the_process_and_the_command_line_wins(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    for path, text in says("hello", "from the command line").items():
        file = bundle / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    with serving(cwd=tmp_path) as running:
        running.deploy(workspace({"hello": says("hello", "deployed"), "other": says("other", "kept")}))
    with serving(cwd=tmp_path) as running:
        assert "Deployed hello revision 1: /hello (default)\n" in running.lines
        assert request(f"{running.traffic}/hello") == (200, "deployed")
    with serving(str(bundle), cwd=tmp_path) as running:
        assert request(f"{running.traffic}/hello") == (200, "from the command line")
        assert request(f"{running.traffic}/other") == (200, "kept")


def test_what_was_deployed_and_conflicts_with_the_command_line_is_left_out(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    for path, text in says("named", "from the command line", "/same").items():
        file = bundle / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    with serving(cwd=tmp_path) as running:
        running.deploy(workspace({"old": says("old", "x", "/same"), "other": says("other", "kept")}))
    with serving(str(bundle), cwd=tmp_path) as running:
        assert any("old revision 1 was deployed before and is left out" in line for line in running.lines)
        assert request(f"{running.traffic}/same") == (200, "from the command line")
        assert request(f"{running.traffic}/other") == (200, "kept")


def test_a_control_port_that_is_taken_is_said_plainly(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments = ["--state", "memory", "--port", "0", "--control-port", str(port)]
        done = subprocess.run(
            [*APIPROXY, *arguments], capture_output=True, text=True, cwd=tmp_path, timeout=30
        )
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port} for the control API" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_control_port_open_to_others_needs_a_token(host: str, tmp_path: Path) -> None:
    arguments = ["--state", "memory", "--port", "0", "--control-port", "0", "--control-host", host]
    done = subprocess.run([*APIPROXY, *arguments], capture_output=True, text=True, cwd=tmp_path, timeout=30)
    assert done.returncode == 2
    assert "--control-token" in done.stderr


def test_the_token_may_come_from_the_environment(tmp_path: Path) -> None:
    options = ("--state", "memory", "--control-host", "0.0.0.0")
    with serving(*options, cwd=tmp_path, APIPROXY_CONTROL_TOKEN="s3cret") as running:
        url = running.control.replace("0.0.0.0", "127.0.0.1") + "/v1/emulator/version"
        assert request(url)[0] == 401
        assert request(url, token="s3cret")[0] == 200


def test_without_control_nothing_listens(tmp_path: Path) -> None:
    with serving("--state", "memory", "--no-control", cwd=tmp_path) as running:
        assert running.control == ""


def test_a_deploy_reaches_all_workers_and_a_refused_one_none(tmp_path: Path) -> None:
    port = free_port()
    with serving("--workers", "3", "--port", str(port), cwd=tmp_path) as running:

        def answers() -> set[str]:
            return {request(f"http://127.0.0.1:{port}/hello")[1] for _ in range(60)}

        for text in ("one", "two"):
            assert running.deploy(workspace({"hello": says("hello", text)}))[0] == 200
            assert answers() == {text}
        broken = says("hello", "three")
        broken["apiproxy/policies/reply.xml"] = "<Nothing name='reply'/>"
        assert running.deploy(workspace({"hello": broken}))[0] == 400
        assert answers() == {"two"}


def test_a_worker_that_was_killed_holds_up_no_deploy(tmp_path: Path) -> None:
    port = free_port()
    with serving("--workers", "3", "--port", str(port), cwd=tmp_path) as running:
        pid = running.process.pid
        workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(int(workers[-1]), signal.SIGKILL)
        assert running.deploy(workspace({"hello": says("hello", "hi")}))[0] == 200
        assert {request(f"http://127.0.0.1:{port}/hello")[1] for _ in range(30)} == {"hi"}


def test_workers_end_with_the_process_that_was_started_even_when_it_is_killed(tmp_path: Path) -> None:
    """What would be left listening would answer beside the next start, with what was deployed before."""
    port = free_port()
    with serving("--workers", "2", "--port", str(port), cwd=tmp_path) as running:
        running.process.kill()
        running.process.wait(5)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except ConnectionRefusedError:
                break
            time.sleep(0.1)
        else:
            pytest.fail("a worker goes on listening")
