"""The trace's part of the control port: the emulator's sessions, and what the page asks for under `/trace`.

    POST   /v1/emulator/trace?proxyName=P                        begin a session
    GET    /v1/emulator/trace/transactions?sessionid=ID          its transactions so far
    DELETE /v1/emulator/trace?sessionid=ID                       end it
    GET    /trace/events                                         server-sent events, see below
    GET    /trace/transactions[?text=T]                          one line for each that is kept, or that holds a text
    DELETE /trace/transactions                                   forget them
    GET    /trace/transactions/ID                                all of one
    GET    /trace/transactions/ID/emulator | har | otel          the same to download
    POST   /trace/transactions/ID/replay                         send its request again; {"headers": {NAME: VALUE}}
    GET    /trace/deployed                                       what is deployed, and the deploys that were refused
    GET    /trace/policy?environment=E&proxy=P&policy=N&file=F   a policy's XML with its place

Events: `hello` (all lines), `transactions` (new lines, and how many were left out), `cleared`, `deployed` (what is
deployed has changed). While nobody reads them, and no session is open, nothing is recorded.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Literal

from aiohttp import web

from apiproxy_runtime.bundle.model import Bundle, PolicySource
from apiproxy_runtime.control.answer import Refused, json_answer
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.control.trace.deployed import Deploys
from apiproxy_runtime.control.trace.har import body_of, transaction_har
from apiproxy_runtime.control.trace.live import sse
from apiproxy_runtime.control.trace.otel import transaction_spans
from apiproxy_runtime.control.trace.pagejson import details, holds_text, summary
from apiproxy_runtime.control.trace.session import Session
from apiproxy_runtime.control.trace.trace import Trace
from apiproxy_runtime.control.trace.transaction import MASKED, Transaction
from apiproxy_runtime.control.trace.transactionjson import session_json, transaction_json
from apiproxy_runtime.control.workers import WorkerReplica
from apiproxy_runtime.gateway.egress import HttpEgress
from apiproxy_runtime.gateway.http.client import HttpClient
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, CallFailed

EMULATOR = "/v1/emulator/trace"
#: Seconds without an event after which a comment is sent, so that nobody on the way takes the stream for dead.
HEARTBEAT = 15.0
#: Seconds after which it is noticed that a page was closed.
LOOK = 0.5
#: Milliseconds for which a replayed request may be silent.
REPLAY_TIMEOUT_MS = 60_000
#: Headers that belong to one connection, or that the gateway adds anew.
_NOT_REPLAYED = frozenset(
    (
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-forwarded-for",
        "x-forwarded-port",
        "x-forwarded-proto",
    )
)


def area(trace: Trace) -> Callable[[Host], list[web.RouteDef]]:
    """The area of the control port, over the recordings of a host."""

    def routes(host: Host) -> list[web.RouteDef]:
        deploys = Deploys(host)

        def told(event: object) -> None:
            trace.live.broadcast("deployed", {})

        host.subscribe(deploys.take)
        host.subscribe(told)
        return [*_emulator(host, trace), *_page(host, trace, deploys)]

    return routes


def trace_of(host: Host) -> Trace:
    """The recordings of a host, of all its runtimes and workers."""
    trace = Trace(
        lambda: list(host.runtimes.values()),
        lambda: [other for other in host.others if isinstance(other, WorkerReplica)],
    )
    host.here.made.append(lambda runtime: trace.arrange())
    return trace


def _emulator(host: Host, trace: Trace) -> list[web.RouteDef]:
    async def begin(request: web.Request) -> web.Response:
        proxy = request.query.get("proxyName", "")
        session = trace.open(_runtime_of(host, proxy), proxy)
        await trace.gather()
        return json_answer(session.told())

    async def transactions(request: web.Request) -> web.Response:
        session = _session(trace, request)
        await trace.gather()
        return json_answer(session_json(session, host.now() / 1000))

    async def end(request: web.Request) -> web.Response:
        trace.close(_session(trace, request).id)
        return web.Response()

    return [
        web.post(EMULATOR, begin),
        web.get(f"{EMULATOR}/transactions", transactions),
        web.delete(EMULATOR, end),
    ]


def _runtime_of(host: Host, proxy: str) -> Runtime:
    """The runtime that serves a proxy; of several, that of the environment deployed last. Raises Refused."""
    if not proxy:
        raise Refused(400, "ProxyNameMissing", "name the proxy to trace: ?proxyName=NAME")
    for name in reversed(host.organization.environments):
        runtime = host.runtimes.get(name)
        if runtime is not None and proxy in runtime.router.proxies:
            return runtime
    raise Refused(
        404, "ApplicationNotFound", f'no proxy "{proxy}" is deployed; GET /v1/emulator/tree lists them'
    )


def _session(trace: Trace, request: web.Request) -> Session:
    name = request.query.get("sessionid") or request.query.get("sessionId") or ""
    session = trace.sessions.get(name)
    if session is None:
        raise Refused(
            404, "SessionNotFound", f'there is no trace session "{name}", or it has expired; begin a new one'
        )
    return session


def _page(host: Host, trace: Trace, deploys: Deploys) -> list[web.RouteDef]:
    live = trace.live

    async def find(request: web.Request) -> Transaction:
        wanted = request.match_info["id"]
        if wanted not in live.ring:
            await trace.gather()
        transaction = live.get(wanted)
        if transaction is None:
            raise Refused(404, "TransactionNotFound", "this transaction is not kept any more")
        return transaction

    async def events(request: web.Request) -> web.StreamResponse:
        reader = live.join()
        if reader is None:
            raise Refused(503, "TooManyReaders", "too many pages are open; close one")
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
        )
        try:
            await response.prepare(request)
            await trace.gather()
            hello = {"transactions": live.summaries(), "address": host.here.address}
            await response.write(sse("hello", hello).encode())
            waiting = asyncio.ensure_future(reader.dropped.wait())
            try:
                silent = 0.0
                while not reader.dropped.is_set():
                    message = await _next(reader.waiting, waiting)
                    if request.transport is None or request.transport.is_closing():
                        break
                    silent = 0.0 if message else silent + LOOK
                    if silent >= HEARTBEAT:
                        message, silent = ": still here\n\n", 0.0
                    if not message:
                        continue
                    writing = asyncio.ensure_future(response.write(message.encode()))
                    await asyncio.wait((writing, waiting), return_when=asyncio.FIRST_COMPLETED)
                    if not writing.done():
                        writing.cancel()
                        break
                    writing.result()
            finally:
                waiting.cancel()
            if reader.dropped.is_set() and request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # the page was closed
        finally:
            live.leave(reader)
        return response

    async def transactions(request: web.Request) -> web.Response:
        text = request.query.get("text", "")
        await trace.gather()
        if not text:
            return json_answer({"transactions": live.summaries()})
        found = [summary(one) for one in live.ring.values() if holds_text(one, text)]
        return json_answer({"transactions": found})

    async def clear(request: web.Request) -> web.Response:
        await trace.gather()
        live.clear()
        return json_answer({})

    async def one(request: web.Request) -> web.Response:
        return json_answer(details(await find(request)))

    async def export(request: web.Request) -> web.Response:
        transaction = await find(request)
        form = request.match_info["form"]
        if form == "emulator":
            content: dict[str, Any] = transaction_json(transaction)
        elif form == "har":
            content = transaction_har(transaction, host.here.address)
        else:
            content = transaction_spans(transaction)
        name = f"{_file_name(transaction.proxy or 'no-proxy')}-{transaction.id[:8]}"
        suffix = {"emulator": ".trace.json", "har": ".har", "otel": ".otlp.json"}[form]
        answer = json_answer(content)
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}{suffix}"'
        return answer

    async def again(request: web.Request) -> web.Response:
        transaction = await find(request)
        try:
            asked = json.loads(await request.read() or b"{}")
            given = {str(name): str(value) for name, value in asked.get("headers", {}).items()}
        except (ValueError, AttributeError):
            raise Refused(400, "BadRequest", 'send {"headers": {NAME: VALUE}}, or nothing') from None
        return json_answer(await replay(transaction, host.here.address, given))

    async def deployed(request: web.Request) -> web.Response:
        return json_answer(deploys.told())

    async def policy(request: web.Request) -> web.Response:
        query = request.query
        runtime = host.runtimes.get(query.get("environment", ""))
        found = _policy(runtime, query.get("proxy", ""), query.get("policy", ""), query.get("file", ""))
        if found is None:
            raise Refused(404, "PolicyNotFound", "no deployed bundle holds this policy any more")
        bundle, source = found
        return json_answer(
            {
                "bundle": bundle.name,
                "file": source.file,
                "line": source.node.line,
                "xml": source.node.outer_xml(),
            }
        )

    return [
        web.get("/trace/events", events),
        web.get("/trace/transactions", transactions),
        web.delete("/trace/transactions", clear),
        web.get("/trace/transactions/{id}", one),
        web.get("/trace/transactions/{id}/{form:emulator|har|otel}", export),
        web.post("/trace/transactions/{id}/replay", again),
        web.get("/trace/deployed", deployed),
        web.get("/trace/policy", policy),
    ]


async def _next(waiting: asyncio.Queue[str], dropped: asyncio.Future[Literal[True]]) -> str:
    """The next message; none when none comes for a moment."""
    getting = asyncio.ensure_future(waiting.get())
    done, _ = await asyncio.wait((getting, dropped), timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)
    if getting in done:
        return getting.result()
    getting.cancel()
    return ""


async def replay(transaction: Transaction, address: str, given: dict[str, str]) -> dict[str, object]:
    """Send a recorded request to the traffic port once more; the status it got.

    `given` headers take the place of recorded ones; an empty value leaves the header out. Raises Refused for a
    request that is not known whole.
    """
    recorded = transaction.request
    if recorded.truncated or recorded.form == "stream":
        raise Refused(
            409, "BodyNotKept", "the body of this request was too long, or streamed: it is not kept"
        )
    if not address:
        raise Refused(409, "NoTraffic", "the traffic port does not listen")
    names = {name.lower() for name in given}
    headers = [
        (name, value)
        for name, value in recorded.headers
        if name.lower() not in _NOT_REPLAYED and name.lower() not in names
    ]
    headers += [(name, value) for name, value in given.items() if value]
    hidden = sorted({name for name, value in headers if value == MASKED})
    if hidden:
        raise Refused(
            409, "MaskedHeaders", f"these headers were masked, give their values: {', '.join(hidden)}"
        )
    if MASKED in transaction.uri or "content" in transaction.masked:
        raise Refused(409, "MaskedContent", "a masked query or body cannot be sent again")
    request = Message.request(transaction.method)
    for name, value in headers:
        request.headers.add(name, value)
    request.body = body_of(recorded)
    address = address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    call = Call(
        address + transaction.uri,
        request,
        "replay",
        io_timeout_ms=REPLAY_TIMEOUT_MS,
        host_header=next((value for name, value in recorded.headers if name.lower() == "host"), None),
        use_proxy=False,
    )
    client = HttpClient()
    try:
        answer = await HttpEgress(client).send(call)
    except CallFailed as failure:
        raise Refused(502, "ReplayFailed", f"the traffic port gave no answer: {failure.text}") from None
    finally:
        client.close()
    return {"status": answer.status, "reason": answer.reason_phrase, "size": len(answer.body)}


def _policy(
    runtime: Runtime | None, proxy: str, policy: str, file: str
) -> tuple[Bundle, PolicySource] | None:
    """A policy of the proxy, else of a shared flow or another proxy that holds such a file."""
    if runtime is None:
        return None
    bundles = [program.bundle for program in runtime.router.proxies.values()]
    bundles += [program.bundle for program in runtime.shared_flows.values()]
    bundles.sort(key=lambda bundle: bundle.name != proxy)
    for bundle in bundles:
        source = bundle.policies.get(policy)
        if source is not None and source.file == file:
            return bundle, source
    return None


def _file_name(name: str) -> str:
    return "".join(char if char.isalnum() or char in "._-" else "_" for char in name)
