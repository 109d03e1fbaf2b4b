"""What a handler of event hooks is: fields that its configuration may hold, and what makes its delivery.

A handler is one module of this package with `HANDLER`; `table.py` names them all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import Struct

from apiproxy_runtime.control.events.marker import Marker
from apiproxy_runtime.control.events.schema import Fields
from apiproxy_runtime.policy.egress import Egress

#: An event as it is sent: `source`, `event`, and the fields that were published for it.
Event = dict[str, Any]
#: Delivers one event: what a test of the hook shows. Raises Undelivered.
Deliver = Callable[[Event], Awaitable[Any]]
#: A function of the configuration file: true when the event is dealt with, else it is called again later.
Function = Callable[[Event, str, str, int], object]


class Undelivered(Exception):
    """The event did not arrive, and may be sent again."""


class NotAllowed(ValueError):
    """The hook asks for what whoever runs the server did not allow."""


class Tools(Struct, frozen=True):
    """What handlers deliver with.

    marker     makes the header by which the runtime knows its own webhooks
    functions  what the configuration file allows `lambda` to call, by name
    """

    egress: Egress
    marker: Marker
    functions: Mapping[str, Function]


class Handler(Struct, frozen=True):
    """One kind of hook. `make` raises NotAllowed; `pings`: a new hook, and `GET …/ping`, sends a ping."""

    name: str
    fields: Fields
    make: Callable[[dict[str, Any], Tools], Deliver]
    pings: bool = False
