"""`apiproxy serve` as a process: starting, refusing, watching, tracing, stopping."""

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import mark, proxy, raise_fault, show, steps, target, write_bundle

APIPROXY = [sys.executable, "-m", "apiproxy_runtime"]


def simple(folder: Path, text: str = "hello") -> Path:
    reply = f"<AssignMessage name='reply'><Set><Payload contentType='text/plain'>{text}</Payload></Set></AssignMessage>"
    return write_bundle(
        folder,
        "simple",
        {
            "proxies/default.xml": proxy(
                "/simple", response=steps("reply"), routes="<RouteRule name='none'/>"
            ),
            "policies/reply.xml": reply,
        },
    )


class Served:
    def __init__(self, *arguments: str, cwd: Path) -> None:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [*APIPROXY, "serve", "--no-control", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=cwd,
            env=environment,
        )
        self.lines: list[str] = []
        ready = self.read_until("Ready: ")
        match = re.search(r"http://127\.0\.0\.1:(\d+)", ready)
        assert match is not None, self.lines
        self.port = int(match.group(1))

    def read_until(self, text: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if text in line:
                return line
        raise AssertionError(f"no {text!r} in {self.lines}")

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@contextlib.contextmanager
def served(*arguments: str, cwd: Path) -> Iterator[Served]:
    running = Served(*arguments, cwd=cwd)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait()


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*APIPROXY, *arguments], capture_output=True, text=True, cwd=cwd, timeout=60)


def test_a_bundle_is_served_and_stops_cleanly(tmp_path: Path) -> None:
    with served(str(simple(tmp_path)), cwd=tmp_path) as running:
        assert running.get("/simple/x") == (200, "hello")
        assert any("Deployed simple revision 1: /simple (default)" in line for line in running.lines)
        assert running.stop() == 0
    assert (tmp_path / ".apiproxy" / "state.db").exists()


def test_check_prints_what_is_deployed_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = run("serve", "--check", str(simple(tmp_path)), cwd=tmp_path)
    assert done.returncode == 0
    assert "Deployed simple revision 1: /simple (default)" in done.stdout
    assert not (tmp_path / ".apiproxy").exists()


def test_a_bundle_that_cannot_be_deployed_is_refused_with_all_its_errors(tmp_path: Path) -> None:
    path = write_bundle(
        tmp_path,
        "broken",
        {
            "proxies/default.xml": proxy(request=steps("missing", ok='request.verb = "GET')),
            "targets/default.xml": target(),
            "policies/ok.xml": mark("ok"),
            "policies/torn.xml": "<AssignMessage name='torn'><Set>",
            "policies/index.xml": "<AssignMessage name='index'><Remove><Headers><Header name='x.0'/></Headers></Remove></AssignMessage>",
        },
    )
    done = run("serve", "--check", str(path), cwd=tmp_path)
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert any("proxies/default.xml:" in line and "missing" in line for line in errors)
    assert any("proxies/default.xml:" in line and "InvalidCondition" in line for line in errors)
    assert any("policies/torn.xml:1" in line for line in errors)
    assert any(
        "InvalidIndex: AssignMessage[index]: index must be greater than zero in x.0" in line
        for line in errors
    )
    assert "nothing was deployed" in done.stderr


def test_a_path_without_a_bundle_says_what_was_looked_for(tmp_path: Path) -> None:
    done = run("serve", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert "apiproxy/" in done.stderr


def test_watch_deploys_a_saved_file_and_keeps_the_old_revision_when_it_is_broken(tmp_path: Path) -> None:
    path = simple(tmp_path)
    policy = path / "policies" / "reply.xml"
    with served("--watch", "--state", "memory", str(path), cwd=tmp_path) as running:
        assert running.get("/simple")[1] == "hello"
        began = time.monotonic()
        policy.write_text(policy.read_text().replace("hello", "changed"))
        running.read_until("Deployed anew")
        assert time.monotonic() - began < 1.5
        assert running.get("/simple")[1] == "changed"
        policy.write_text("<AssignMessage name='reply'><Set>")
        running.read_until("the revision before goes on serving")
        assert any("policies/reply.xml:1" in line for line in running.lines)
        assert running.get("/simple")[1] == "changed"


def test_trace_prints_steps_conditions_variables_and_faults(tmp_path: Path) -> None:
    path = write_bundle(
        tmp_path,
        "traced",
        {
            "proxies/default.xml": proxy(
                "/traced", request=steps("first", boom='request.queryparam.x = "1"')
            ),
            "policies/first.xml": show("first", X_Verb="{request.verb}"),
            "policies/boom.xml": raise_fault("boom", 418, "no"),
            "targets/default.xml": target(),
        },
    )
    with served("--trace", "--state", "memory", str(path), cwd=tmp_path) as running:
        assert running.get("/traced?x=1") == (418, "no")
        running.read_until("418 ")
    text = "".join(running.lines)
    for line in (
        "GET /traced?x=1",
        "PROXY_REQ_FLOW PreFlow",
        "* first (AssignMessage)",
        "get request.verb = GET",
        'request.queryparam.x = "1" is true',
        "FAULT RaiseFault (steps.raisefault.RaiseFault) 418",
    ):
        assert line in text


def test_workers_share_a_port(tmp_path: Path) -> None:
    path = simple(tmp_path)
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*APIPROXY, "serve", "--no-control", "--port", str(port), "--workers", "2", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
    )
    try:
        assert process.stdout is not None
        ready = 0
        for line in process.stdout:
            ready += "Ready: " in line
            if ready == 2:
                break
        assert ready == 2
        for _ in range(6):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/simple")
            assert connection.getresponse().read() == b"hello"
            connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()


def test_call_prints_the_answer_and_its_trace(tmp_path: Path) -> None:
    path = simple(tmp_path)
    done = run("call", "GET", "/simple/a?b=1", "--bundle", str(path), "-H", "X-Mine: 1", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("HTTP/1.1 200 OK\n")
    assert "\nX-Mine: 1\n" in done.stdout
    assert done.stdout.rstrip().endswith("hello")
    assert "* reply (AssignMessage)" in done.stderr


def test_lint_reports_deploy_errors_with_their_places(tmp_path: Path) -> None:
    path = write_bundle(
        tmp_path,
        "b",
        {
            "proxies/default.xml": proxy(request=steps("SA")),
            "targets/default.xml": target(),
            "policies/SA.xml": '<SpikeArrest name="SA">\n  <Rate>often</Rate>\n</SpikeArrest>',
        },
    )
    done = run("lint", str(path), cwd=tmp_path)
    assert done.returncode == 1
    assert re.search(r"policies/SA.xml\n.*2:3 +error +InvalidAllowedRate: ", done.stdout, re.DOTALL)
    assert "1 error" in done.stdout
    assert run("lint", str(simple(tmp_path)), cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    "arguments", [("version",), ("--help",), ("serve", "--help"), ("lint", "--help"), ("call", "--help")]
)
def test_help_and_version(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 0
    assert "apiproxy" in done.stdout


@pytest.mark.parametrize("arguments", [("version",), ("--help",), ("serve", "--help"), ("lint", "--help")])
def test_commands_that_do_not_serve_import_no_engine(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    probe = (
        "import sys; from apiproxy_runtime.cli.main import main\n"
        f"try: main({list(arguments)!r})\nexcept SystemExit: pass\n"
        "print([m for m in ('aiohttp', 'grpc', 'quickjs', 'redis', 'httptools') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, cwd=tmp_path, timeout=30
    )
    heavy = done.stdout.strip().splitlines()[-1]
    assert heavy == "[]"


def test_an_unknown_command_is_named(tmp_path: Path) -> None:
    done = run("sevre", cwd=tmp_path)
    assert done.returncode == 2
    assert "sevre" in done.stderr
