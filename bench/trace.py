"""What the trace costs: ten policies while nobody looks, and with a trace page open and a session begun.

    python -m bench.trace [--rounds N] [--seconds S]

The same server in both; the two take turns, so that a busy machine is busy for both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
import urllib.request
from http.client import HTTPResponse

from bench.__main__ import RUN
from bench.gateways import BASE_PATH, ours
from bench.load import Scenario, run_load, start_upstream
from bench.machine import Process, free_port

KEY = {"X-API-Key": "k-123456"}
PROXY = "bench-ten"
#: Seconds until nothing is recorded any more once a page was closed.
FORGOTTEN = 5.0


class Page(threading.Thread):
    """Reads the events as the page does."""

    def __init__(self, control: str) -> None:
        super().__init__(daemon=True)
        self.events: HTTPResponse = urllib.request.urlopen(f"{control}/trace/events")
        self.closed = threading.Event()

    def run(self) -> None:
        while not self.closed.is_set() and self.events.readline():
            pass
        self.events.close()

    def close(self) -> None:
        self.closed.set()
        self.join(30)


def begin_session(control: str) -> str:
    """The address of a new session."""
    begun = urllib.request.Request(f"{control}/v1/emulator/trace?proxyName={PROXY}", method="POST")
    with urllib.request.urlopen(begun) as answer:
        return f"{control}/v1/emulator/trace?sessionid={json.load(answer)['name']}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.trace", description=__doc__)
    parser.add_argument("--rounds", type=int, default=8, help="turns of each (default: 8)")
    parser.add_argument("--seconds", type=float, default=3, help="seconds of load in each turn (default: 3)")
    options = parser.parse_args()
    RUN.mkdir(exist_ok=True)
    upstream, upstream_port = start_upstream(RUN)
    port, control_port = free_port(), free_port()
    command = ours("trace", "ten").command(port, upstream_port, RUN)
    command[command.index("--no-control")] = f"--control-port={control_port}"
    server = Process(command, RUN / f"trace-{port}.log")
    control, url = f"http://127.0.0.1:{control_port}", f"http://127.0.0.1:{port}{BASE_PATH}/x"
    found: dict[str, list[tuple[float, float]]] = {"nobody looks": [], "a page and a session": []}

    def measure(name: str) -> None:
        before = server.cpu()
        load = run_load(RUN, url, Scenario("GET 1 KB"), KEY, 32, options.seconds)
        used = (server.cpu() - before) / max(1, load.requests) * 1e6
        found[name].append((load.requests / load.seconds, used))
        print(f"  {name:22} {found[name][-1][0]:8.0f} req/s {used:7.1f} µs", file=sys.stderr)

    try:
        server.wait_until_answered(port, f"{BASE_PATH}/x", KEY)
        run_load(RUN, url, Scenario("GET 1 KB"), KEY, 32, 1)
        for _ in range(options.rounds):
            measure("nobody looks")
            page, session = Page(control), begin_session(control)
            page.start()
            measure("a page and a session")
            urllib.request.urlopen(urllib.request.Request(session, method="DELETE")).close()
            # one more request, so that the page hears something and can close
            urllib.request.urlopen(urllib.request.Request(url, headers=KEY)).close()
            page.close()
            time.sleep(FORGOTTEN)
    finally:
        server.stop()
        upstream.stop()
    print("| | requests/s | CPU µs/request |\n|---|--:|--:|")
    for name, turns in found.items():
        rps, cpu = (statistics.median(column) for column in zip(*turns, strict=True))
        print(f"| {name} | {rps:,.0f} | {cpu:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
