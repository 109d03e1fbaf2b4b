"""Measure the gateway and its peers in one alternating run.

Each row is CPU per request (user and system of the process tree), the figure that stays steady when the machine does
not, with its ratio to the yardstick of the same run; then requests per second, latencies and memory.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from bench.gateways import Gateway, ours, peers, yardstick
from bench.load import Load, Scenario, run_load, start_upstream
from bench.machine import Process, free_port
from bench.startup import startup_table
from bench.steps import policy_table

HERE = Path(__file__).parent
RUN = HERE / "run"
KEY = {"X-API-Key": "k-123456"}


class Suite(Struct, frozen=True):
    """One scenario and the gateways that are loaded with it in turns; the first is the yardstick."""

    title: str
    scenario: Scenario
    gateways: Sequence[Gateway]
    must: float
    moonshot: float


class Row(Struct):
    name: str
    cpu: float
    ratio: float
    rps: float
    p50: float
    p99: float
    memory: float
    errors: int


def suites(with_peers: bool) -> list[Suite]:
    get, post = Scenario("GET 1 KB"), Scenario("POST 1 KB", "POST", "/x", 1024)
    ten = ours("apiproxy: ten policies", "ten", headers=KEY)
    return [
        Suite(
            "Pass-through, GET of 1 KB",
            get,
            [yardstick(), ours("apiproxy: pass-through", "passthrough"), *(peers() if with_peers else [])],
            1.5,
            1.0,
        ),
        Suite("Ten policies, GET", get, [yardstick(), ten], 2.2, 1.4),
        Suite("Ten policies, POST of 1 KB", post, [yardstick(), ten], 3.0, 1.9),
        Suite(
            "ServiceCallout and target", get, [yardstick(), ours("apiproxy: callout", "callout")], 2.5, 1.7
        ),
        Suite(
            "ExternalCallout (gRPC) and target",
            get,
            [yardstick(), ours("apiproxy: gRPC callout", "grpc")],
            9.0,
            6.0,
        ),
        Suite(
            "64 KB response",
            Scenario("GET 64 KB", path="/64k"),
            [yardstick(), ours("apiproxy: pass-through", "passthrough")],
            1.3,
            0.9,
        ),
        Suite(
            "1 MB response",
            Scenario("GET 1 MB", path="/1m"),
            [yardstick(), ours("apiproxy: pass-through", "passthrough")],
            1.3,
            0.9,
        ),
    ]


def measure(suite: Suite, upstream: int, rounds: int, seconds: float, connections: int) -> list[Row]:
    """Load the gateways in turns, there and back again, and take the medians."""
    running: list[tuple[Gateway, Process, int]] = []
    cells: dict[str, list[tuple[float, Load]]] = {}
    callout: Process | None = None
    try:
        for gateway in suite.gateways:
            port = free_port()
            command = gateway.command(port, upstream, RUN)
            if "gRPC" in gateway.name:
                grpc_port = free_port()
                callout = Process(
                    [sys.executable, "-m", "bench.callout_server", str(grpc_port)],
                    RUN / "callout.log",
                    cwd=HERE.parent,
                )
                command += ["--connect-to", f"enricher.example.com=http://127.0.0.1:{grpc_port}"]
            env = gateway.env(port, upstream, RUN) if gateway.env is not None else None
            log = RUN / f"{gateway.name.split()[0].strip(':')}-{port}.log"
            process = Process(command, log, env=env, cwd=gateway.cwd)
            running.append((gateway, process, port))
            process.wait_until_answered(port, gateway.prefix + suite.scenario.path, gateway.headers)
        for gateway, _, port in running:
            run_load(RUN, url(gateway, port, suite), suite.scenario, gateway.headers, connections, 1)
        for turn in range(rounds):
            for gateway, process, port in running if turn % 2 == 0 else reversed(running):
                before = process.cpu()
                load = run_load(
                    RUN, url(gateway, port, suite), suite.scenario, gateway.headers, connections, seconds
                )
                used = (process.cpu() - before) / max(1, load.requests) * 1e6
                cells.setdefault(gateway.name, []).append((used, load))
                print(
                    f"  {gateway.name:38} {used:7.1f} µs  {load.requests / load.seconds:8.0f} req/s",
                    file=sys.stderr,
                )
        reference = [used for used, _ in cells[suite.gateways[0].name]]
        return [row(gateway, process, cells[gateway.name], reference) for gateway, process, _ in running]
    finally:
        for _, process, _ in running:
            process.stop()
        if callout is not None:
            callout.stop()


def url(gateway: Gateway, port: int, suite: Suite) -> str:
    return f"http://127.0.0.1:{port}{gateway.prefix}{suite.scenario.path}"


def row(gateway: Gateway, process: Process, cells: list[tuple[float, Load]], reference: list[float]) -> Row:
    return Row(
        gateway.name,
        statistics.median(used for used, _ in cells),
        statistics.median(used / other for (used, _), other in zip(cells, reference, strict=True)),
        statistics.median(load.requests / load.seconds for _, load in cells),
        statistics.median(load.p50 for _, load in cells),
        statistics.median(load.p99 for _, load in cells),
        process.memory(),
        sum(load.errors for _, load in cells),
    )


def table(suite: Suite, rows: list[Row]) -> str:
    lines = [
        f"### {suite.title}",
        "",
        f"Ratio to the yardstick: must be {suite.must:g} at most, aims at {suite.moonshot:g}.",
        "",
        "| gateway | CPU µs/request | ratio | requests/s | p50 ms | p99 ms | memory MB | errors |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {r.name} | {r.cpu:.1f} | {r.ratio:.2f} | {r.rps:,.0f} | {r.p50:.2f} | {r.p99:.2f} | {r.memory:.0f} | {r.errors} |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each gateway (default: 3)")
    parser.add_argument("--seconds", type=float, default=4, help="seconds of load in each turn (default: 4)")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--only", default="", help="run the suites whose title contains this text")
    parser.add_argument(
        "--no-peers", action="store_true", help="leave out nginx, the npm gateways and mitmproxy"
    )
    parser.add_argument("--no-policies", action="store_true", help="leave out the table of policies")
    parser.add_argument("-o", "--output", type=Path, help="write the tables to this file too")
    options = parser.parse_args()
    RUN.mkdir(exist_ok=True)
    upstream, port = start_upstream(RUN)
    parts = []
    try:
        for suite in suites(not options.no_peers):
            if options.only.lower() in suite.title.lower():
                print(suite.title, file=sys.stderr)
                parts.append(
                    table(suite, measure(suite, port, options.rounds, options.seconds, options.connections))
                )
        if not options.only:
            parts.append(startup_table(RUN, port))
            if not options.no_policies:
                parts.append(policy_table())
    finally:
        upstream.stop()
    text = "\n".join(parts)
    print(text)
    if options.output is not None:
        options.output.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
