"""`crit`: the headers of a token that whoever reads it has to understand (RFC 7515, section 4.1.11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from apiproxy_policies.security.jose.refused import Refused
from apiproxy_policies.security.jose.settings import Resolve, split_list
from apiproxy_runtime.policy.api import MessageContext

#: the only critical header that is understood here without being named in KnownHeaders (RFC 7797)
_UNDERSTOOD = frozenset(("b64",))

CheckCritical = Callable[[MessageContext, Mapping[str, Any]], None]


def compile_critical(known: Resolve | None, *, ignore: bool) -> CheckCritical:
    """What refuses tokens with critical headers that the policy does not know.

    known   names of KnownHeaders, as list or comma list
    ignore  IgnoreCriticalHeaders

    The function raises Refused UnhandledCriticalHeader.
    """

    def check(ctx: MessageContext, header: Mapping[str, Any]) -> None:
        critical = header.get("crit")
        if critical is None or ignore:
            return
        if not isinstance(critical, list) or not critical:
            raise Refused("UnhandledCriticalHeader", header="crit")
        names = _UNDERSTOOD.union(split_list(known(ctx)) if known is not None else ())
        for name in critical:
            if name not in names:
                raise Refused("UnhandledCriticalHeader", header=name)

    return check
