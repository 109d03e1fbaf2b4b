"""Health monitors: ask target servers at intervals whether they are well, and take them in or out.

Source: "Load balancing across backend servers", HealthMonitor. A monitor works only with MaxFailures above 0; success
resets the counter and brings the server back, each failure counts like a failed call.
"""

from __future__ import annotations

import asyncio
import uuid

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.model import HealthMonitor, HTTPMonitor, TCPMonitor
from apiproxy_runtime.bundle.targetserver import TargetServer
from apiproxy_runtime.gateway.egress import Outgoing
from apiproxy_runtime.gateway.http.tls import TlsProfile
from apiproxy_runtime.gateway.loadbalancer import Balance
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, CallFailed

#: Seconds that 0 and a missing time-out mean.
DEFAULT_TIMEOUT = 30.0


class HealthChecks:
    """The monitors of what is deployed. `prepare` begins a new deploy, `start` puts its monitors in place."""

    def __init__(self, egress: Outgoing, environment: Environment) -> None:
        self.egress = egress
        self.environment = environment
        self._next: list[tuple[HealthMonitor, Balance]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def prepare(self) -> None:
        self._next = []

    def add(self, monitor: HealthMonitor, balance: Balance) -> None:
        if monitor.is_enabled and monitor.monitor is not None and balance.max_failures > 0:
            self._next.append((monitor, balance))

    def start(self) -> None:
        """Run the monitors of the new deploy in place of those before."""
        self.stop()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._watch(monitor, balance)) for monitor, balance in self._next]

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    async def _watch(self, monitor: HealthMonitor, balance: Balance) -> None:
        while True:
            await asyncio.sleep(max(monitor.interval_in_sec, 1))
            for state in balance.servers:
                server = self.environment.target_servers.get(state.name)
                if server is not None:
                    if await self.is_well(monitor.monitor, server):
                        balance.succeeded(state)
                    else:
                        balance.failed(state)

    async def is_well(self, monitor: TCPMonitor | HTTPMonitor | None, server: TargetServer) -> bool:
        """One check of one server."""
        if isinstance(monitor, TCPMonitor):
            return await self._tcp(monitor, server)
        if isinstance(monitor, HTTPMonitor):
            return await self._http(monitor, server)
        return True

    async def _tcp(self, monitor: TCPMonitor, server: TargetServer) -> bool:
        address, port, _ = self.egress.resolve(server.host, monitor.port or server.port)
        try:
            async with asyncio.timeout(monitor.connect_timeout_in_sec or DEFAULT_TIMEOUT):
                _, writer = await asyncio.open_connection(address, port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    async def _http(self, monitor: HTTPMonitor, server: TargetServer) -> bool:
        asked = monitor.request
        secure = asked.is_ssl or (asked.use_target_server_ssl_info and server.uses_tls)
        request = Message.request(asked.verb or "GET")
        for name, value in asked.headers:
            request.headers.add(name, value)
        if asked.include_health_check_id_header:
            names = (self.environment.organization, self.environment.name, str(uuid.uuid4()))
            request.headers.set("X-Apigee-Healthcheck-Id", "/".join(names))
        if asked.payload:
            request.content = asked.payload
        path = asked.path if asked.path.startswith("/") else f"/{asked.path}"
        call = Call(
            f"{'https' if secure else 'http'}://{server.host}:{asked.port or server.port}{path}",
            request,
            "health",
            int((asked.connect_timeout_in_sec or DEFAULT_TIMEOUT) * 1000),
            int((asked.socket_read_timeout_in_sec or DEFAULT_TIMEOUT) * 1000),
            tls=TlsProfile(verify=not asked.trust_all_ssl) if secure else None,
        )
        try:
            response = await self.egress.send(call)
        except CallFailed:
            return False
        if monitor.response_codes and response.status not in monitor.response_codes:
            return False
        return all(response.headers.get(name) == value for name, value in monitor.response_headers)
