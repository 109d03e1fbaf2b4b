"""A runtime as reports see it, so that one of bundles and one of a kong.yml are reported in the same way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Struct

from apiproxy_runtime.control.events.requestlog import request_log
from apiproxy_runtime.control.observe.concealed import Concealed
from apiproxy_runtime.gateway.ledger import Ledger
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.policy.events import Events


class Answering(Protocol):
    """A gateway: it calls `concluded` when an answer has been sent, and counts what it has no route for.

    count   have transactions entered in a ledger from now on
    """

    concluded: tuple[Callable[[MessageContext], None], ...]
    unmatched: int

    def count(self, ledger: Ledger) -> None: ...


class Reported(Struct, frozen=True):
    """What a report needs.

    events   what the runtime publishes
    secrets  names of headers and parameters that no report shows, in lower case
    log      the data of `http-log-enterprise`/`log`, of a transaction and the secrets
    """

    environment: str
    gateway: Answering
    events: Events
    secrets: Callable[[], frozenset[str]]
    log: Callable[[MessageContext, frozenset[str]], dict[str, Any]]


def of_bundles(runtime: Runtime) -> Reported:
    services = runtime.services
    return Reported(
        services.environment.name, runtime.gateway, services.events, Concealed(runtime).names, request_log
    )
