"""Page and sessions over several processes: what any worker does, the one with the control port shows."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_serve_control import Running, free_port, request, serving
from tests.control.house import says, workspace
from tests.house import proxy, target

#: Connections after which each of three workers has had one, but for one start in a million.
MANY = 40


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with serving("--workers", "3", "--port", str(free_port()), cwd=tmp_path) as process:
        yield process


def told(running: Running, path: str, body: bytes | None = None, method: str | None = None) -> Any:
    status, text = request(running.control + path, body, method)
    assert status in (200, 201), text
    return json.loads(text or "null")


def eventually(look: Callable[[], bool]) -> None:
    patience = time.monotonic() + 10
    while not look():
        assert time.monotonic() < patience
        time.sleep(0.05)


@contextlib.contextmanager
def page(running: Running) -> Iterator[Callable[[str], Any]]:
    """An open page: gives the data of the next event of a name."""
    with urllib.request.urlopen(f"{running.control}/trace/events", timeout=20) as stream:

        def event(wanted: str) -> Any:
            while stream.readline().decode().strip() != f"event: {wanted}":
                pass
            return json.loads(stream.readline().decode().removeprefix("data: "))

        yield event


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """The URL of a target that takes requests and answers none."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def asks(name: str, url: str) -> dict[str, str]:
    return {
        f"apiproxy/{name}.xml": f"<APIProxy name='{name}' revision='1'/>",
        "apiproxy/proxies/default.xml": proxy(f"/{name}"),
        "apiproxy/targets/default.xml": target(url),
    }


def test_the_page_shows_the_requests_of_all_workers(running: Running) -> None:
    assert running.deploy(workspace({"hello": says("hello", "hi")}))[0] == 200
    with page(running) as event:
        assert event("hello")["transactions"] == []
        for number in range(MANY):
            assert request(f"{running.traffic}/hello?n={number}")[0] == 200
        assert request(f"{running.traffic}/nothing")[0] == 404
        shown: dict[str, Any] = {}
        while len(shown) < MANY + 1:
            for line in event("transactions")["transactions"]:
                shown[line["uri"]] = line
        one = told(running, f"/trace/transactions/{shown['/hello?n=7']['id']}")
        assert [point["policy"] for point in one["points"] if point["is"] == "step"] == ["reply"]
        found = told(running, "/trace/transactions?text=n=8")["transactions"]
        assert [line["uri"] for line in found] == ["/hello?n=8"]
        told(running, "/trace/transactions", method="DELETE")
        assert told(running, "/trace/transactions")["transactions"] == []
        request(f"{running.traffic}/hello?n=after")
        assert [line["uri"] for line in event("transactions")["transactions"]] == ["/hello?n=after"]


def test_a_session_holds_the_transactions_of_all_workers_as_soon_as_they_were_answered(
    running: Running,
) -> None:
    assert running.deploy(workspace({"hello": says("hello", "hi"), "other": says("other", "ho")}))[0] == 200
    name = told(running, "/v1/emulator/trace?proxyName=hello", b"")["name"]
    for number in range(MANY):
        request(f"{running.traffic}/hello?n={number}")
        request(f"{running.traffic}/other")
        session = told(running, f"/v1/emulator/trace/transactions?sessionid={name}")
        assert len(session["Messages"]) == number + 1
    texts = [json.dumps(message) for message in session["Messages"]]
    assert all(f"/hello?n={number}" in text for number, text in enumerate(texts))
    for _ in range(MANY):
        request(f"{running.traffic}/hello")
    messages = told(running, f"/v1/emulator/trace/transactions?sessionid={name}")["Messages"]
    assert len(messages) == 50
    assert all(message["completed"] for message in messages)


def test_a_debug_session_holds_the_transactions_of_all_workers(running: Running) -> None:
    assert running.deploy(workspace({"hello": says("hello", "hi")}))[0] == 200
    place = "/v1/organizations/acme/environments/test/apis/hello/revisions/1/debugsessions"
    name = told(running, place, b"{}")["name"]
    for _ in range(MANY):
        request(f"{running.traffic}/hello")
    found = told(running, f"{place}/{name}/data")["sessions"]
    assert len(found) == MANY
    assert told(running, f"{place}/{name}/data/{found[-1]['id']}")["completed"]


def test_what_is_under_way_in_a_worker_shows_and_a_worker_that_ends_takes_it_along(running: Running) -> None:
    with silent() as url:
        assert running.deploy(workspace({"slow": asks("slow", url)}))[0] == 200
        name = told(running, "/v1/emulator/trace?proxyName=slow", b"")["name"]
        with page(running) as event:
            event("hello")
            callers = [
                threading.Thread(target=ignoring, args=(f"{running.traffic}/slow",), daemon=True)
                for _ in range(MANY)
            ]
            for caller in callers:
                caller.start()
            shown: set[str] = set()
            while len(shown) < MANY:
                lines = event("transactions")["transactions"]
                assert not any(line["completed"] for line in lines)
                shown |= {line["id"] for line in lines}
            # it is told as it is now, and not as it was when it began to show
            steps = told(running, f"/trace/transactions/{next(iter(shown))}")
            assert [point["is"] for point in steps["points"]][-1] == "call"
            session = told(running, f"/v1/emulator/trace/transactions?sessionid={name}")
            assert len(session["Messages"]) == MANY
            assert not any(message["completed"] for message in session["Messages"])

            pid = running.process.pid
            workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            for worker in workers[1:]:
                os.kill(int(worker), signal.SIGKILL)
            eventually(lambda: 0 < len(told(running, "/trace/transactions")["transactions"]) < MANY)


def ignoring(url: str) -> None:
    with contextlib.suppress(OSError):
        urllib.request.urlopen(url, timeout=30).close()


def test_when_the_process_with_the_control_port_ends_all_end(running: Running) -> None:
    pid = running.process.pid
    leader, *_ = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(int(leader), signal.SIGKILL)
    assert running.process.wait(20) != 0
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(running.traffic, timeout=5)
