"""Run API proxy bundles: each PATH is a folder apiproxy/ or sharedflowbundle/, its parent, a .zip, or a workspace."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from apiproxy_runtime.bundle.discover import NoBundleFound
from apiproxy_runtime.bundle.finding import DeployError, Finding, Findings
from apiproxy_runtime.bundle.testdata import describe
from apiproxy_runtime.cli.trace import TextTrace
from apiproxy_runtime.cli.watch import watch_files
from apiproxy_runtime.cli.workload import Loaded, load
from apiproxy_runtime.gateway.egress import read_connect_to
from apiproxy_runtime.gateway.gateway import render_refusal
from apiproxy_runtime.gateway.http.heap import keep_freed_memory
from apiproxy_runtime.gateway.http.limits import Limits
from apiproxy_runtime.gateway.http.server import Server
from apiproxy_runtime.gateway.runtime import Deployed, Runtime
from apiproxy_runtime.state.open import open_store
from apiproxy_runtime.state.records import Records
from apiproxy_runtime.state.store import StoreError

#: Seconds that requests in flight get when the server is told to stop.
GRACE = 10.0


def run(options: argparse.Namespace) -> int:
    """0, or 2 when something cannot be deployed."""
    configure_logging(options.log_format)
    try:
        connect_to = read_connect_to(options.connect_to)
        loaded = load(options.paths, options)
    except (NoBundleFound, ValueError) as error:
        print(f"apiproxy serve: {error}", file=sys.stderr)
        return 2
    if options.workers > 1 and not options.check:
        from apiproxy_runtime.cli.workers import run_workers  # forks: only what several workers need

        return run_workers(
            options, lambda share: run_loop(serve(options, loaded, connect_to, share_port=share))
        )
    return run_loop(serve(options, loaded, connect_to))


def run_loop(work: Coroutine[Any, Any, int]) -> int:
    """Run on uvloop where it is installed: it takes a tenth off the CPU of each request."""
    try:
        import uvloop  # optional, from the extra "speed"
    except ImportError:
        return asyncio.run(work)
    return int(uvloop.run(work))


async def serve(
    options: argparse.Namespace, loaded: Loaded, connect_to: dict[str, str], share_port: bool = False
) -> int:
    """Deploy, listen, and serve until a signal says stop."""
    try:
        store = open_store("memory" if options.check else options.state)
    except StoreError as error:
        print(f"apiproxy serve: {error}", file=sys.stderr)
        return 2
    trace = TextTrace(sys.stdout) if options.trace else None
    runtime = Runtime(
        loaded.environment,
        loaded.test_data,
        store,
        connect_to=connect_to,
        records=Records(records_folder(options)),
    )
    if trace is not None:
        runtime.watch(trace)
    try:
        await runtime.load_test_data()
        deployed = runtime.deploy(loaded.bundles, loaded.findings)
    except DeployError as error:
        report(error.findings, sys.stderr)
        print(
            f"Refused: {len(error.errors)} error{'s' * (len(error.errors) != 1)}, nothing was deployed.",
            file=sys.stderr,
        )
        await runtime.close(0)
        return 2
    report(deployed.warnings, sys.stderr)
    announce(deployed, loaded)
    if options.check:
        await runtime.close(0)
        return 0
    return await listen(options, loaded, runtime, share_port)


def records_folder(options: argparse.Namespace) -> Path | None:
    """Where logs and analytics of policies are kept: beside the SQLite database; in memory with other stores."""
    scheme, _, path = str(options.state).partition(":")
    return Path(path).expanduser().parent / "records" if scheme == "sqlite" and not options.check else None


async def listen(options: argparse.Namespace, loaded: Loaded, runtime: Runtime, share_port: bool) -> int:
    """Accept traffic until SIGINT or SIGTERM; then let requests in flight finish."""
    server = Server(runtime.gateway.handle, Limits(), render=render_refusal)
    try:
        await server.start(options.host, options.port, reuse_port=share_port)
    except OSError as error:
        print(
            f"apiproxy serve: cannot listen on {options.host}:{options.port}: {error.strerror}",
            file=sys.stderr,
        )
        await runtime.close(0)
        return 2
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    watching = None
    if options.watch:
        watching = loop.create_task(watch_files(options.paths, lambda: redeploy(options, runtime)))
    keep_freed_memory()
    # what is deployed lives as long as the process: the collector need not look at it again
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    host = f"[{options.host}]" if ":" in options.host else options.host
    count = len(runtime.router.proxies)
    # with its line break in one piece: several workers may write at the same moment
    line = f"Ready: http://{host}:{server.port} ({count} prox{'y' if count == 1 else 'ies'})\n"
    print(line, end="", flush=True)
    await stop.wait()
    if watching is not None:
        watching.cancel()
    await server.stop(GRACE)
    await runtime.close(GRACE)
    return 0


def redeploy(options: argparse.Namespace, runtime: Runtime) -> None:
    """Deploy what the files hold now; a broken save leaves the old revision serving."""
    try:
        loaded = load(options.paths, options)
        runtime.deploy(loaded.bundles, loaded.findings)
    except DeployError as error:
        report(error.findings, sys.stderr)
        print("Refused: the revision before goes on serving.", file=sys.stderr, flush=True)
    except NoBundleFound as error:
        print(f"Refused: {error}; the revision before goes on serving.", file=sys.stderr, flush=True)
    else:
        print("Deployed anew.", flush=True)


def report(findings: tuple[Finding, ...] | Findings, stream: Any) -> None:
    """One line for each finding."""
    for finding in findings:
        print(f"{finding.severity}: {finding}", file=stream)


def announce(deployed: Deployed, loaded: Loaded) -> None:
    """What was found and what is deployed."""
    for line in describe(loaded.environment, loaded.test_data):
        print(f"Found {line}")
    for flow in deployed.shared_flows:
        print(f"Deployed shared flow {flow.name} ({len(flow.steps)} steps)")
    for program in deployed.proxies:
        for endpoint in program.endpoints:
            print(
                f"Deployed {program.bundle.name} revision {program.deployment.revision}: {endpoint.base_path} ({endpoint.name})"
            )


def configure_logging(form: str) -> None:
    """Warnings and worse, on standard error."""
    handler = logging.StreamHandler()
    if form == "json":
        from apiproxy_runtime.cli.jsonlog import JsonFormatter  # only when asked for

        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
