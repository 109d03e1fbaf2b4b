"""Send one request through a bundle, in this process, and print the answer with its trace."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from msgspec.structs import replace

from apiproxy_runtime.bundle.discover import NoBundleFound
from apiproxy_runtime.bundle.finding import DeployError
from apiproxy_runtime.cli.announce import report
from apiproxy_runtime.cli.running import run_loop
from apiproxy_runtime.cli.trace import TextTrace
from apiproxy_runtime.cli.workload import Loaded, load, read_settings
from apiproxy_runtime.gateway.egress import read_connect_to
from apiproxy_runtime.gateway.observation import observe
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.message.context import Client, MessageContext
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.program.transaction import run_post_client, run_transaction
from apiproxy_runtime.state.open import open_store


def run(options: argparse.Namespace) -> int:
    """0 for an answer below 400, 1 for one above, 2 when the bundle cannot be deployed."""
    paths = options.bundle or [Path("apiproxy") if Path("apiproxy").is_dir() else Path()]
    try:
        connect_to = read_connect_to(options.connect_to)
        settings = read_settings(options)
        loaded = replace(load(paths, options), settings=settings)
        request = read_request(options)
    except (NoBundleFound, ValueError, OSError) as error:
        print(f"apiproxy call: {error}", file=sys.stderr)
        return 2
    return run_loop(call(options, loaded, connect_to, request))


def read_request(options: argparse.Namespace) -> Message:
    """The request that the options describe. Raises ValueError, OSError."""
    path, _, query = options.target.partition("?")
    request = Message.request(options.method.upper(), path if path.startswith("/") else f"/{path}", query)
    request.headers.set("Host", "localhost")
    for header in options.header:
        name, colon, value = header.partition(":")
        if not colon or not name.strip():
            raise ValueError(f"a header must be 'NAME: VALUE', not {header!r}")
        request.headers.add(name.strip(), value.strip())
    if options.data is not None:
        request.body = (
            Path(options.data[1:]).read_bytes() if options.data.startswith("@") else options.data.encode()
        )
        if "Content-Type" not in request.headers:
            request.headers.set("Content-Type", "application/x-www-form-urlencoded")
    if request.body or request.verb in ("POST", "PUT", "PATCH"):
        request.headers.set("Content-Length", str(len(request.body)))
    return request


async def call(
    options: argparse.Namespace, loaded: Loaded, connect_to: dict[str, str], request: Message
) -> int:
    """Deploy, run the request, print."""
    runtime = Runtime(
        loaded.environment,
        loaded.test_data,
        open_store(options.state),
        connect_to=connect_to,
        settings=loaded.settings,
    )
    trace = None if options.no_trace else TextTrace(sys.stderr)
    if trace is not None:
        runtime.watch(trace)
    try:
        await runtime.load_test_data()
        runtime.deploy(loaded.bundles, loaded.findings, loaded.folders)
    except DeployError as error:
        report(error.findings, sys.stderr)
        await runtime.close(0)
        return 2
    match = runtime.router.match(request.path)
    if match is None:
        print(f"apiproxy call: no proxy has a base path for {request.path}", file=sys.stderr)
        await runtime.close(0)
        return 2
    client = Client()
    client.request_uri = request.uri
    client.received_start = client.received_end = runtime.services.world.now()
    ctx = MessageContext(request, match.program.deployment, client)
    ctx.endpoint_name, ctx.base_path, ctx.path_suffix = (
        match.program.name,
        match.program.base_path,
        match.suffix,
    )
    if trace is not None:
        observe(ctx, trace.observer(ctx, None))
    response = await run_transaction(match.program, ctx)
    for edit in ctx.late_edits:
        edit(response)
    if match.program.post_client:
        await run_post_client(match.program, ctx)
    if ctx.observer is not None:
        ctx.observer.transaction_ends(ctx)
    print(f"HTTP/1.1 {response.status} {response.reason_phrase}")
    for name, value in response.headers:
        print(f"{name}: {value}")
    print(flush=True)
    if response.stream is not None:
        async for chunk in response.stream:
            sys.stdout.buffer.write(chunk)
    else:
        sys.stdout.buffer.write(response.body)
    sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()
    await runtime.close()
    return 0 if response.status < 400 else 1
