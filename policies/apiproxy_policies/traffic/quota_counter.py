"""What Quota, LLMTokenQuota and ResetQuota share: where counters are kept, whose they are, what is said of them.

Counters live in the store, so all workers and machines count on the same ones, at once and exactly: `<Distributed>`,
`<Synchronous>` and `<AsynchronousConfiguration>` are read and checked, but every quota is distributed and synchronous.
"""

from __future__ import annotations

from collections.abc import Callable

from apiproxy_policies.traffic.quota_window import SECONDS, Ends, calendar_end, clock_end, flexi_end
from apiproxy_runtime.policy.api import (
    VARIABLE,
    Answer,
    Count,
    Element,
    EventKind,
    Fault,
    MessageContext,
    Site,
    attribute,
    names_secret,
    shortened,
    text_of,
)

#: The identifier of messages that have none, as faults and variables print it.
NO_IDENTIFIER = "_default"


#: What is told of a message above a limit. `identifier` is cut short where it is an API key or a token.
EXCEEDED = EventKind(
    "quota",
    "exceeded",
    (
        "environment",
        "proxy",
        "revision",
        "policy",
        "policy_type",
        "identifier",
        "class",
        "limit",
        "used",
        "expires",
        "consumer",
        "ip",
    ),
    ("proxy", "policy", "identifier", "class"),
    "A Quota policy refused a message above its limit",
)


class Counters:
    """The counters of one policy, or of all that share a name: one for each key.

    `of_type` is the policy's type; `start` the calendar's, when there is one.
    """

    def __init__(
        self, site: Site, name: str, shared_name: str | None, of_type: str | None, start: float | None
    ) -> None:
        deployment = site.deployment
        # sums over rolling windows are counters of another kind; a new revision must not take one for the other
        kind = "rolling-quota" if of_type == "rollingwindow" else "quota"
        self._directory = f"{kind}/{deployment.organization}/{deployment.environment}/"
        self._name = f"/shared/{shared_name}" if shared_name else f"/policy/{name}"
        self._store = site.store
        self._now = site.world.now
        self._rolling = of_type == "rollingwindow"
        self._end: Ends = clock_end
        if of_type == "flexi":
            self._end = flexi_end
        elif of_type == "calendar" and start is not None:
            self._end = calendar_end(start)

    def add(
        self, ctx: MessageContext, key: str, amount: int, limit: int | None, interval: int, unit: str
    ) -> Answer[Count]:
        """Count an amount unless that would pass the limit; 0 only looks, less gives back.

        The proxy is the transaction's, so that a shared flow counts for each proxy that calls it.
        """
        space = self._directory + ctx.deployment.proxy + self._name
        if self._rolling:
            return self._store.roll(space, key, amount, limit, interval * SECONDS[unit])
        return self._store.count(space, key, amount, limit, self._end(self._now(), interval, unit))


def counter_key(identifier: str, class_name: str | None, extra: str = "") -> str:
    """The key of one counter; the parts may hold anything."""
    if class_name is None and not extra:
        return identifier
    return "\0".join((identifier, class_name or "", extra))


class Reference(Element):
    """An element that names a flow variable in `ref`."""

    ref: str = attribute("ref", VARIABLE, default="", doc="flow variable")


def compile_identifier(reference: Reference | None, site: Site) -> Callable[[MessageContext], str]:
    """Whose messages are counted together; all of them where nothing resolves."""
    if reference is None or not reference.ref:
        return lambda ctx: NO_IDENTIFIER
    get = site.getter(reference.ref)

    def identifier(ctx: MessageContext) -> str:
        found = get(ctx)
        return (found if found.__class__ is str else text_of(found)) or NO_IDENTIFIER

    return identifier


def whose(reference: Reference | None) -> Callable[[MessageContext, str], dict[str, object]]:
    """What events of refused messages say of them: proxy, identifier, consumer (the app's name) and address."""
    secret = reference is not None and names_secret(reference.ref)

    def tell(ctx: MessageContext, identifier: str) -> dict[str, object]:
        variables, deployment = ctx.variables, ctx.deployment
        if secret or identifier == variables.get("apigee.client_id"):
            identifier = shortened(identifier)
        return {
            "environment": deployment.environment,
            "proxy": deployment.proxy,
            "revision": deployment.revision,
            "identifier": identifier,
            "consumer": variables.get("apigee.developer.app.name"),
            "ip": ctx.client.forwarded_ip or ctx.client.ip,
        }

    return tell


def compile_weight(
    reference: Reference | None, site: Site, invalid: Callable[[str], Fault]
) -> Callable[[MessageContext], int] | None:
    """For how many a message counts; None where it is always one, one too where nothing resolves."""
    if reference is None or not reference.ref:
        return None
    get = site.getter(reference.ref)

    def weight(ctx: MessageContext) -> int:
        found = get(ctx)
        if found is None or found == "":
            return 1
        number = whole_number(found)
        if number is None or number < 0:
            raise invalid(text_of(found))
        return number

    return weight


def whole_number(value: object) -> int | None:
    """A variable's value as an integer; None when it is none."""
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return int(text_of(value).strip(), 10)
    except ValueError:
        return None


_COUNTS = ("allowed.count", "used.count", "available.count", "exceed.count", "total.exceed.count")


class Report:
    """Sets `ratelimit.{policy}.…` to what a counter said."""

    def __init__(self, policy: str, site: Site) -> None:
        prefix = f"ratelimit.{policy}."
        self._names = tuple(prefix + name for name in (*_COUNTS, "expiry.time", "identifier"))
        self._class_names = (prefix + "class", *(f"{prefix}class.{name}" for name in _COUNTS))

    def __call__(
        self, ctx: MessageContext, count: Count, limit: int, identifier: str, class_name: str | None
    ) -> None:
        passed, number, refused, expires = count
        available = limit - number if limit > number else 0
        exceeded = 0 if passed else 1
        allowed_count, used, left, exceed, total, expiry, identified = self._names
        values: dict[str, object] = {
            allowed_count: limit,
            used: number,
            left: available,
            exceed: exceeded,
            total: refused,
            expiry: round(expires * 1000),
            identified: identifier,
        }
        ctx.variables.update(values)
        if class_name is not None:
            counts = (class_name, limit, number, available, exceeded, refused)
            ctx.variables.update(dict(zip(self._class_names, counts, strict=True)))
