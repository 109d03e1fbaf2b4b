"""Starting, deploying, and memory over time."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.gateways import HERE, ours
from bench.load import Scenario, run_load
from bench.machine import Process, free_port

POLICIES = 300


def startup_table(run: Path, upstream: int) -> str:
    """Start to first answer, idle memory, memory after 200,000 requests, 300 policies, and the light commands."""
    rows = [
        ("process start → first proxied answer", f"{first_answer(run, upstream):.2f} s", "0.8 s", "0.35 s"),
        (f"a bundle of {POLICIES} policies: `apiproxy serve --check`", f"{deploy_many():.2f} s", "1 s", ""),
        ("`apiproxy version`", f"{command('version'):.3f} s", "0.15 s", ""),
        ("`apiproxy serve --help`", f"{command('serve', '--help'):.3f} s", "0.15 s", ""),
    ]
    idle, early, late = memory(run, upstream)
    rows += [
        ("memory of a worker, idle", f"{idle:.0f} MB", "70 MB", "50 MB"),
        ("memory after 20,000 and after 220,000 requests", f"{early:.1f} MB, {late:.1f} MB", "flat", ""),
    ]
    lines = ["### Starting and staying", "", "| what | measured | must | aim |", "|---|--:|--:|--:|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows]) + "\n"


def first_answer(run: Path, upstream: int) -> float:
    gateway = ours("start", "passthrough")
    times = []
    for _ in range(5):
        port = free_port()
        process = Process(gateway.command(port, upstream, run), run / "start.log")
        try:
            times.append(process.wait_until_answered(port, f"{gateway.prefix}/x", {}))
        finally:
            process.stop()
    return statistics.median(times)


def command(*words: str) -> float:
    times = []
    for _ in range(7):
        start = time.monotonic()
        subprocess.run([sys.executable, "-m", "apiproxy_runtime", *words], check=True, capture_output=True)
        times.append(time.monotonic() - start)
    return statistics.median(times)


def deploy_many() -> float:
    """Seconds that a check of 300 policies takes beyond one of a single policy."""
    return check(POLICIES) - check(1)


def check(count: int) -> float:
    steps, source = [], (HERE / "bundles" / "ten" / "apiproxy" / "policies")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "apiproxy"
        for name in ("proxies", "policies"):
            (root / name).mkdir(parents=True)
        (root / "many.xml").write_text('<APIProxy name="many"/>')
        files = sorted(source.glob("*.xml"))
        for number in range(count):
            file = files[number % len(files)]
            name = f"P-{number}"
            text = file.read_text().replace(f'name="{file.stem}"', f'name="{name}"')
            (root / "policies" / f"{name}.xml").write_text(text)
            steps.append(
                f'<Step><Name>{name}</Name><Condition>request.header.x-{number} = "1"</Condition></Step>'
            )
        (root / "proxies" / "default.xml").write_text(
            f"<ProxyEndpoint name='default'><PreFlow><Request>{''.join(steps)}</Request></PreFlow>"
            "<HTTPProxyConnection><BasePath>/many</BasePath></HTTPProxyConnection><RouteRule name='none'/></ProxyEndpoint>"
        )
        times = []
        for _ in range(3):
            start = time.monotonic()
            words = ["serve", "--check", str(root), "--env-dir", str(HERE / "environment")]
            subprocess.run(
                [sys.executable, "-m", "apiproxy_runtime", *words], check=True, capture_output=True
            )
            times.append(time.monotonic() - start)
        return min(times)


def memory(run: Path, upstream: int) -> tuple[float, float, float]:
    """Megabytes idle, after 20,000 requests, and after 200,000 more."""
    gateway = ours("memory", "ten")
    port = free_port()
    process = Process(gateway.command(port, upstream, run), run / "memory.log")
    headers = {"X-API-Key": "k-123456"}
    url = f"http://127.0.0.1:{port}{gateway.prefix}/x"
    try:
        process.wait_until_answered(port, f"{gateway.prefix}/x", headers)
        idle = process.memory()
        done = 0
        while done < 20_000:
            done += run_load(run, url, Scenario("memory"), headers, 32, 2).requests
        early = process.memory()
        while done < 220_000:
            done += run_load(run, url, Scenario("memory"), headers, 32, 5).requests
        return idle, early, process.memory()
    finally:
        process.stop()
