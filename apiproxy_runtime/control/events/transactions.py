"""Events of ended transactions: the request log, and faults. A gateway calls us only while a hook wants one of them."""

from __future__ import annotations

from apiproxy_runtime.control.events.marker import HEADER, Marker
from apiproxy_runtime.control.events.requestlog import fault_event
from apiproxy_runtime.control.events.sources import BUILT_IN, LOGGED, RAISED
from apiproxy_runtime.control.observe.reported import Reported
from apiproxy_runtime.message.context import MessageContext


class TransactionEvents:
    """Emits for one runtime. What our own webhooks cause, by their `marker`, is not told of again."""

    def __init__(self, runtime: Reported, marker: Marker) -> None:
        events = runtime.events
        for kind in BUILT_IN:
            events.publish(kind)
        self._log, self._raised = events.publish(LOGGED), events.publish(RAISED)
        self._gateway = runtime.gateway
        self._runtime = runtime
        self._marker = marker

    def reconsider(self) -> None:
        """Have the gateway call us, or no longer, as hooks come and go."""
        others = tuple(told for told in self._gateway.concluded if told != self.concluded)
        wanted = bool(self._log or self._raised)
        self._gateway.concluded = (*others, self.concluded) if wanted else others

    def concluded(self, ctx: MessageContext) -> None:
        """A transaction has ended."""
        field = ctx.request.headers.fields.get(HEADER)
        if field is not None and self._marker.knows(field[1]):
            return
        if self._log:
            self._log(self._runtime.log(ctx, self._runtime.secrets()))
        if ctx.fault is not None and self._raised:
            self._raised(fault_event(ctx, self._runtime.secrets()))
