"""Record the traffic to a live API or to bundles that run here."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from apiproxy_runtime.bundle.discover import NoBundleFound
from apiproxy_runtime.bundle.finding import DeployError
from apiproxy_runtime.cli.announce import report
from apiproxy_runtime.cli.recorder import recorder_of, show_progress
from apiproxy_runtime.cli.running import GRACE, configure_logging, run_loop, told_to_stop
from apiproxy_runtime.cli.workload import Loaded, load
from apiproxy_runtime.gateway.egress import HttpEgress, read_connect_to
from apiproxy_runtime.gateway.gateway import render_refusal
from apiproxy_runtime.gateway.http.client import HttpClient
from apiproxy_runtime.gateway.http.exchange import Exchange
from apiproxy_runtime.gateway.http.limits import Limits
from apiproxy_runtime.gateway.http.server import Server
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.rehearsal.bundlemasks import masks_of
from apiproxy_runtime.rehearsal.masks import Masks
from apiproxy_runtime.rehearsal.recording import Recorder, recorded
from apiproxy_runtime.rehearsal.reverse import reverse_proxy
from apiproxy_runtime.state.open import open_store
from apiproxy_runtime.state.store import StoreError


def run(options: argparse.Namespace) -> int:
    """0 when stopped, 2 when it could not run."""
    configure_logging("text")
    urls = [to for to in options.to if to.lower().startswith(("http://", "https://"))]
    try:
        connect_to = read_connect_to(options.connect_to)
        if urls and len(options.to) > 1:
            raise ValueError("--to takes one URL, or one or several paths of bundles")
        loaded = None if urls else load([Path(to) for to in options.to], options)
        masks = (
            masks_of(loaded.bundles, loaded.environment, loaded.test_data) if loaded is not None else Masks()
        )
        with recorder_of(options.output, options, masks) as recorder:
            if loaded is None:
                return run_loop(record_url(options, urls[0], connect_to, recorder))
            return run_loop(record_bundles(options, loaded, connect_to, recorder))
    except (NoBundleFound, ValueError, OSError, StoreError) as error:
        print(f"apiproxy record: {error}", file=sys.stderr)
        return 2


async def record_url(
    options: argparse.Namespace, url: str, connect_to: dict[str, str], recorder: Recorder
) -> int:
    """Pass requests on to a live API until a signal says stop."""
    client = HttpClient()
    try:
        handle = reverse_proxy(url, HttpEgress(client, connect_to), recorder)
        return await listen(options, handle, recorder, f"recording {url}")
    finally:
        client.close()


async def record_bundles(
    options: argparse.Namespace, loaded: Loaded, connect_to: dict[str, str], recorder: Recorder
) -> int:
    """Serve bundles until a signal says stop."""
    runtime = Runtime(
        loaded.environment,
        loaded.test_data,
        open_store(options.state),
        connect_to=connect_to,
        outgoing=recorder.outgoing,
    )
    try:
        await runtime.load_test_data()
        deployed = runtime.deploy(loaded.bundles, loaded.findings, loaded.folders)
    except DeployError as error:
        report(error.findings, sys.stderr)
        await runtime.close(0)
        return 2
    report(deployed.warnings, sys.stderr)
    for program in deployed.proxies:
        for endpoint in program.endpoints:
            print(f"Deployed {program.bundle.name}: {endpoint.base_path} ({endpoint.name})")
    gateway = runtime.gateway
    try:
        handle = recorded(gateway.handle, lambda: gateway.background, recorder)
        return await listen(options, handle, recorder, f"recording {', '.join(options.to)}")
    finally:
        await runtime.close(GRACE)


async def listen(
    options: argparse.Namespace,
    handle: Callable[[Exchange], Awaitable[None]],
    recorder: Recorder,
    what: str,
) -> int:
    """Accept traffic until SIGINT or SIGTERM."""
    server = Server(handle, Limits(), render=render_refusal)
    try:
        await server.start(options.host, options.port)
    except OSError as error:
        print(
            f"apiproxy record: cannot listen on {options.host}:{options.port}: {error.strerror}",
            file=sys.stderr,
        )
        return 2
    stop = told_to_stop()
    loop = asyncio.get_running_loop()
    host = f"[{options.host}]" if ":" in options.host else options.host
    print(f"Ready: http://{host}:{server.port} ({what})", flush=True)
    progress = loop.create_task(show_progress(recorder)) if sys.stderr.isatty() else None
    await stop.wait()
    if progress is not None:
        progress.cancel()
        print(file=sys.stderr)
    await server.stop(GRACE)
    await recorder.settle()
    return 0
