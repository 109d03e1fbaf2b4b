"""`GET /v1/emulator/analytics`: the newest transactions as records, with the field names of Apigee's analytics.

Records are kept from the first deploy or question over this API on, so that a server nobody asks pays nothing.
Times are microseconds since the epoch, 0 where the moment did not come.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from aiohttp import web

from apiproxy_runtime.control.answer import json_answer
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.message.context import Client, Deployment, MessageContext

#: How many transactions are kept.
KEPT = 1000


class Transaction(NamedTuple):
    """What is kept of a transaction: as little as can be, since it is made for each request."""

    deployment: Deployment
    client: Client
    base_path: str
    verb: str
    status: int
    fault: str
    target: str
    target_times: tuple[float, float, float, float]


class Analytics:
    """The newest transactions of all runtimes of a host."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.kept: deque[Transaction] = deque(maxlen=KEPT)
        self._begun = False

    def begin(self) -> None:
        """Keep transactions from now on."""
        if not self._begun:
            self._begun = True
            for runtime in self.host.runtimes.values():
                self._follow(runtime)
            self.host.here.made.append(self._follow)

    def _follow(self, runtime: Runtime) -> None:
        runtime.gateway.concluded = (*runtime.gateway.concluded, self._keep)

    def _keep(self, ctx: MessageContext) -> None:
        target = ctx.target
        answer = ctx.error if ctx.fault is not None else ctx.response
        times = (0.0, 0.0, 0.0, 0.0)
        if target is not None:
            times = (target.sent_start, target.sent_end, target.received_start, target.received_end)
        self.kept.append(
            Transaction(
                ctx.deployment,
                ctx.client,
                ctx.base_path,
                ctx.request.verb,
                answer.status if answer is not None else 0,
                ctx.fault.name if ctx.fault is not None else "",
                target.name if target is not None else "",
                times,
            )
        )

    async def answer(self, request: web.Request) -> web.Response:
        """The records, oldest first."""
        self.begin()
        return json_answer([_record(transaction) for transaction in self.kept])


def _record(kept: Transaction) -> dict[str, object]:
    client, deployment = kept.client, kept.deployment
    sent_start, sent_end, received_start, received_end = map(_micros, kept.target_times)
    path, _, query = client.request_uri.partition("?")
    return {
        "organization": deployment.organization,
        "environment": deployment.environment,
        "apiproxy": deployment.proxy,
        "proxy": deployment.proxy,
        "apiproxy_revision": deployment.revision,
        "proxy_basepath": kept.base_path,
        "request_verb": kept.verb,
        "request_uri": client.request_uri,
        "request_path": path,
        "request_querystring": query,
        "client_ip": client.host,
        "response_status_code": kept.status,
        "response_code": kept.status,
        "is_error": 1 if kept.fault else 0,
        "fault_name": kept.fault,
        "target": kept.target,
        "timestamp": int(client.received_start * 1000),
        "client_received_start_timestamp": _micros(client.received_start),
        "client_received_end_timestamp": _micros(client.received_end),
        "target_sent_start_timestamp": sent_start,
        "target_sent_end_timestamp": sent_end,
        "target_received_start_timestamp": received_start,
        "target_received_end_timestamp": received_end,
        "target_response_start_timestamp": received_start,
        "target_response_end_timestamp": received_end,
        "client_sent_start_timestamp": _micros(client.sent_start),
        "client_sent_end_timestamp": _micros(client.sent_end),
        "total_response_time": max(0.0, round((client.sent_end - client.received_start) * 1000, 3)),
    }


def _micros(seconds: float) -> int:
    return int(seconds * 1_000_000)
