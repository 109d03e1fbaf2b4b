"""Run API proxy bundles: each PATH is a folder apiproxy/ or sharedflowbundle/, its parent, a .zip, or a workspace."""

from __future__ import annotations

import argparse
import asyncio
import gc
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from apiproxy_runtime.bundle.discover import NoBundleFound
from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import DeployError, Findings
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.cli.announce import address_of, announce_all, report, say
from apiproxy_runtime.cli.control import (
    check_control,
    listen_for_control,
    print_event,
    report_end,
    serve_control,
)
from apiproxy_runtime.cli.running import GRACE, configure_logging, records_folder, run_loop, told_to_stop
from apiproxy_runtime.cli.trace import TextTrace
from apiproxy_runtime.cli.watch import watch_files
from apiproxy_runtime.cli.workers import Share
from apiproxy_runtime.cli.workload import Loaded, load, read_settings
from apiproxy_runtime.control.content import Content, command_line_content
from apiproxy_runtime.control.events.configuration import read_functions
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.control.observe.accesslog import AccessLog
from apiproxy_runtime.control.observe.reporting import Reporting, open_spans
from apiproxy_runtime.control.replica import LocalReplica
from apiproxy_runtime.control.workers import WorkerReplica, obey
from apiproxy_runtime.gateway.egress import read_connect_to
from apiproxy_runtime.gateway.gateway import render_refusal
from apiproxy_runtime.gateway.http.exchange import Exchange
from apiproxy_runtime.gateway.http.heap import keep_freed_memory
from apiproxy_runtime.gateway.http.limits import Limits
from apiproxy_runtime.gateway.http.server import Server
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.kong.document import alone
from apiproxy_runtime.state.open import open_store
from apiproxy_runtime.state.records import Records
from apiproxy_runtime.state.store import Store, StoreError

if TYPE_CHECKING:
    from apiproxy_runtime.rehearsal.recording import Recorder


def run(options: argparse.Namespace) -> int:
    """0, or 2 when something cannot be deployed."""
    configure_logging(options.log_format)
    try:
        connect_to = read_connect_to(options.connect_to)
        settings = read_settings(options)
        check_control(options)
        kong = alone(options.paths)
        if kong is not None:
            if settings:
                raise ValueError(f"--setting speaks to policies of bundles; {kong} has none")
            return run_kong(options, kong, connect_to)
        loaded = replace(load(options.paths, options), settings=settings)
    except (NoBundleFound, ValueError) as error:
        print(f"apiproxy serve: {error}", file=sys.stderr)
        return 2
    if options.record is not None and not options.check:
        return serve_recorded(options, loaded, connect_to)
    if options.workers > 1 and not options.check:
        from apiproxy_runtime.cli.workers import run_workers  # forks: only what several workers need

        return run_workers(options, lambda share: run_loop(serve(options, loaded, connect_to, share)))
    return run_loop(serve(options, loaded, connect_to))


def run_kong(options: argparse.Namespace, path: Path, connect_to: dict[str, str]) -> int:
    """Serve a kong.yml in place of bundles."""
    from apiproxy_runtime.cli.kong import serve_kong  # Kong's plugins: only what a kong.yml needs

    if options.workers > 1 and not options.check:
        from apiproxy_runtime.cli.workers import run_workers  # forks: only what several workers need

        return run_workers(options, lambda share: run_loop(serve_kong(options, path, connect_to, True)))
    return run_loop(serve_kong(options, path, connect_to))


def serve_recorded(options: argparse.Namespace, loaded: Loaded, connect_to: dict[str, str]) -> int:
    """Serve, and write all traffic to a HAR file."""
    # what records is loaded only when it is asked for
    from apiproxy_runtime.cli.recorder import recorder_of
    from apiproxy_runtime.rehearsal.bundlemasks import masks_of

    try:
        if options.workers > 1:
            raise ValueError("--record needs one process: leave --workers out")
        masks = masks_of(loaded.bundles, loaded.environment, loaded.test_data)
        with recorder_of(options.record, options, masks) as recorder:
            return run_loop(serve(options, loaded, connect_to, recorder=recorder))
    except (ValueError, OSError) as error:
        print(f"apiproxy serve: {error}", file=sys.stderr)
        return 2


async def serve(
    options: argparse.Namespace,
    loaded: Loaded,
    connect_to: dict[str, str],
    share: Share | None = None,
    recorder: Recorder | None = None,
) -> int:
    """Deploy, listen, and serve until a signal says stop."""
    try:
        store = open_store("memory" if options.check else options.state)
    except StoreError as error:
        print(f"apiproxy serve: {error}", file=sys.stderr)
        return 2
    trace = TextTrace(sys.stdout) if options.trace else None
    records = Records(records_folder(options))

    def make_runtime(environment: Environment) -> Runtime:
        runtime = Runtime(
            environment,
            TestData(),
            store,
            connect_to=connect_to,
            settings=loaded.settings,
            records=records,
            outgoing=recorder.outgoing if recorder is not None else None,
        )
        if trace is not None:
            runtime.watch(trace)
        return runtime

    replica = LocalReplica(store, make_runtime)
    try:
        reporting = make_reporting(options, store, connect_to)
        reporting.follow(replica)
    except (ValueError, OSError) as error:
        print(f"apiproxy serve: {error}", file=sys.stderr)
        await replica.close(0)
        return 2
    if share is not None and share.leader is not None:
        return await follow(options, replica, reporting, share.leader)
    others = [WorkerReplica(end) for end in share.others] if share is not None else []
    host = Host(
        loaded.environment.organization, loaded.environment.name, replica, others, strict=options.strict
    )
    if options.check:
        started = await start(host, loaded)
        await replica.close(0)
        return 0 if started else 2
    return await lead(options, host, loaded, reporting, share is not None, recorder)


async def start(host: Host, loaded: Loaded) -> bool:
    """Deploy what the command line and the store have, and tell of it; False, once it was said why, if it cannot be."""
    try:
        warnings = await host.start(content_of(loaded, host))
        loaded.findings.raise_errors()
    except DeployError as error:
        findings = Findings((*loaded.findings, *error.findings))
        report(findings, sys.stderr)
        count = len(findings.errors)
        print(f"Refused: {count} error{'s' * (count != 1)}, nothing was deployed.", file=sys.stderr)
        return False
    except StoreError as error:
        print(f"apiproxy serve: {error}", file=sys.stderr)
        return False
    report(Findings((*loaded.findings.warnings, *warnings)), sys.stderr)
    announce_all(host, loaded)
    return True


def make_reporting(options: argparse.Namespace, store: Store, connect_to: dict[str, str]) -> Reporting:
    """What this process reports of its requests. Raises ValueError, OSError for files that cannot be used."""
    return Reporting(
        store,
        connect_to=connect_to,
        metrics=not options.no_control,
        access_log=(
            AccessLog(options.access_log, options.access_log_format)
            if options.access_log and not options.check
            else None
        ),
        spans=None if options.check else open_spans(),
        functions=read_functions(options.event_hooks) if options.event_hooks else None,
    )


def content_of(loaded: Loaded, host: Host) -> Content:
    """What the command line brings, as the host takes it. Findings go to those of `loaded`."""
    return command_line_content(
        loaded.environment.name,
        loaded.workspace,
        loaded.bundles,
        loaded.test_data.maps,
        loaded.findings,
        host.now(),
        loaded.folders,
        loaded.test_data.tokens,
    )


async def lead(
    options: argparse.Namespace,
    host: Host,
    loaded: Loaded,
    reporting: Reporting,
    share_port: bool,
    recorder: Recorder | None,
) -> int:
    """Serve as the process that deploys: with the control port, and watching files.

    The control port is taken before anything is deployed: workers answer from the first deploy on.
    """
    loop = asyncio.get_running_loop()
    tasks: list[asyncio.Task[None]] = []
    control = None
    if not options.no_control:
        control = listen_for_control(options)
        if control is None:
            await host.here.close(0)
            return 2

    def started() -> list[asyncio.Task[None]]:
        if control is not None:
            tasks.append(loop.create_task(serve_control(host, reporting, control, options)))
            tasks[-1].add_done_callback(report_end)
        if options.watch:
            tasks.append(
                loop.create_task(
                    watch_files(
                        options.paths, lambda: tasks.append(loop.create_task(redeploy(options, host)))
                    )
                )
            )
        return tasks

    try:
        if not await start(host, loaded):
            await host.here.close(0)
            return 2
        if control is not None:
            host.subscribe(print_event)
            say(f"Control: {address_of(options.control_host, control.getsockname()[1])}")
        return await listen(options, host.here, reporting, share_port, started, told_to_stop(), recorder)
    finally:
        if control is not None:
            control.close()


async def follow(
    options: argparse.Namespace, replica: LocalReplica, reporting: Reporting, leader: socket.socket
) -> int:
    """Serve as a worker that deploys what its leader says; traffic is accepted from the first deploy on."""
    # records transactions: only what a worker needs
    from apiproxy_runtime.control.trace.correspondent import Correspondent
    from apiproxy_runtime.control.trace.news import TRACE

    committed = asyncio.Event()
    answers: dict[str, Callable[[Any], object]] = {
        "tally": lambda _: reporting.counted(),
        TRACE: Correspondent(replica).report,
    }
    obeying = asyncio.get_running_loop().create_task(obey(leader, replica, committed.set, answers))
    waiting = asyncio.get_running_loop().create_task(committed.wait())
    await asyncio.wait((obeying, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not committed.is_set():
        await replica.close(0)
        return 2
    stop = told_to_stop()
    # without its leader it would serve what nobody can change any more
    obeying.add_done_callback(lambda _: stop.set())
    try:
        return await listen(options, replica, reporting, True, list, stop)
    finally:
        obeying.cancel()


async def listen(
    options: argparse.Namespace,
    replica: LocalReplica,
    reporting: Reporting,
    share_port: bool,
    started: Callable[[], list[asyncio.Task[None]]],
    stop: asyncio.Event,
    recorder: Recorder | None = None,
) -> int:
    """Accept traffic until told to `stop`; then let requests in flight finish.

    `started` begins what goes on beside the traffic; its tasks are cancelled first.
    """
    handle: Callable[[Exchange], Awaitable[None]] = replica.handle
    if recorder is not None:
        handle = recorder.round(replica.handle, lambda: background_of(replica))
    server = Server(handle, Limits(), render=render_refusal)
    try:
        await server.start(options.host, options.port, reuse_port=share_port)
    except OSError as error:
        print(
            f"apiproxy serve: cannot listen on {options.host}:{options.port}: {error.strerror}",
            file=sys.stderr,
        )
        await replica.close(0)
        return 2
    reporting.server = server
    await reporting.start()
    keep_freed_memory()
    # what is deployed lives as long as the process: the collector need not look at it again
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    replica.address = address_of(options.host, server.port)
    count = sum(len(runtime.router.proxies) for runtime in replica.runtimes.values())
    say(f"Ready: {replica.address} ({count} prox{'y' if count == 1 else 'ies'})")
    beside = started()
    await stop.wait()
    for task in beside:
        task.cancel()
    if beside:
        await asyncio.wait(beside, timeout=1)
    await server.stop(GRACE)
    for runtime in replica.runtimes.values():
        await runtime.gateway.drain(GRACE)
    if recorder is not None:
        await recorder.settle()
    await reporting.close()
    await replica.close(GRACE)
    return 0


def background_of(replica: LocalReplica) -> set[asyncio.Task[Any]]:
    """What goes on after answers, in all environments."""
    tasks: set[asyncio.Task[Any]] = set()
    return tasks.union(*(gateway.background for gateway in replica.gateways))


async def redeploy(options: argparse.Namespace, host: Host) -> None:
    """Deploy what the files hold now; a broken save leaves the old revision serving."""
    try:
        loaded = load(options.paths, options)
        await host.rename(content_of(loaded, host), loaded.findings)
    except DeployError as error:
        report(error.findings, sys.stderr)
        print("Refused: the revision before goes on serving.", file=sys.stderr, flush=True)
    except (NoBundleFound, StoreError) as error:
        print(f"Refused: {error}; the revision before goes on serving.", file=sys.stderr, flush=True)
    else:
        print("Deployed anew.", flush=True)
