"""What counts for one message: limit, class and window, from the policy or from the caller's product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from apiproxy_policies.traffic.quota_counter import whole_number
from apiproxy_policies.traffic.quota_window import SECONDS, TIME_UNIT
from apiproxy_runtime.policy.api import (
    INTEGER,
    NATURAL,
    VARIABLE,
    Element,
    Fault,
    Getter,
    MessageContext,
    Site,
    Value,
    attribute,
    child,
    many,
    nested,
    text,
    text_of,
)

#: What `<Allow>` lets through when nothing says how many (Quota reference).
DEFAULT_LIMIT = 2000


class ClassAllow(Element):
    """The limit of one class."""

    name: str = attribute("class", default="", doc="value of the class variable")
    count: int | None = attribute("count", NATURAL, doc="how many messages")
    count_ref: str = attribute("countRef", VARIABLE, default="", doc="variable that holds the count")


class Class(Element):
    """Different limits for different values of a variable."""

    ref: str = attribute("ref", VARIABLE, default="", doc="variable that holds the class")
    allows: tuple[ClassAllow, ...] = many("Allow", ClassAllow, doc="the limit of one class")


class Allow(Element):
    """How many messages are let through; `countRef` wins when it resolves."""

    count: int | None = attribute("count", NATURAL, doc="how many messages; 2000 when nothing is said")
    count_ref: str = attribute("countRef", VARIABLE, default="", doc="variable that holds the count")
    text: Value[int] | None = text(INTEGER, ref=True, doc="the count in a product's default configuration")
    classes: Class | None = nested("Class", Class, doc="limits by class")


class AsynchronousConfiguration(Element):
    """How often message processors exchange counts; checked only, since here they never differ."""

    interval: int | None = child("SyncIntervalInSeconds", INTEGER, doc="seconds between two exchanges")
    count: int | None = child("SyncMessageCount", INTEGER, doc="messages between two exchanges")


class DefaultConfig(Element):
    """What holds when the product says nothing."""

    allow: Allow | None = nested("Allow", Allow, doc="how many messages")
    interval: Value[int] | None = child("Interval", INTEGER, ref=True, doc="how many units")
    time_unit: Value[str] | None = child("TimeUnit", TIME_UNIT, ref=True, doc="unit of time")


class UseQuotaConfigInAPIProduct(Element):
    """Takes the limit from the product that the step's policy has found."""

    step_name: str = attribute("stepName", default="", doc="the VerifyAPIKey or OAuthV2 policy")
    default: DefaultConfig | None = nested("DefaultConfig", DefaultConfig, doc="for products without quota")


class Terms(NamedTuple):
    """What counts for one message; `extra` sets products and operations apart."""

    limit: int
    class_name: str | None
    interval: int
    unit: str
    extra: str = ""


#: The terms of a message; None when its product sets no quota.
FindTerms = Callable[[MessageContext], Terms | None]


#: The limit and the class of a message.
KnownLimit = tuple[int, str | None]
Limit = Callable[[MessageContext], KnownLimit]
#: Interval and unit of a message's window.
KnownPeriod = tuple[int, str]
Period = Callable[[MessageContext], KnownPeriod]


def compile_limit(allow: Allow | None, classes: Class | None, site: Site) -> Limit | KnownLimit:
    """The limit of a class when the message has one that is listed, else the general one."""
    general = _count(allow.count if allow else None, allow.count_ref if allow else "", DEFAULT_LIMIT, site)
    if classes is None or not classes.ref:
        if allow is None or not allow.count_ref:
            return DEFAULT_LIMIT if allow is None or allow.count is None else allow.count, None
        return lambda ctx: (general(ctx), None)
    class_of = site.getter(classes.ref)
    limits = {each.name: _count(each.count, each.count_ref, None, site) for each in classes.allows}

    def limit(ctx: MessageContext) -> tuple[int, str | None]:
        name = text_of(class_of(ctx))
        own = limits.get(name)
        found = own(ctx) if own is not None else None
        return (general(ctx), None) if found is None else (found, name)

    return limit


def _count(count: int | None, ref: str, default: int | None, site: Site) -> Callable[[MessageContext], Any]:
    fallback = default if count is None else count
    if not ref:
        return lambda ctx: fallback
    get = site.getter(ref)

    def resolve(ctx: MessageContext) -> int | None:
        found = whole_number(get(ctx))
        return fallback if found is None or found < 0 else found

    return resolve


def compile_period(
    interval: Value[int] | None,
    unit: Value[str] | None,
    site: Site,
    no_interval: Callable[[str], Fault],
    no_unit: Callable[[str], Fault],
) -> Period | KnownPeriod:
    """Interval and unit: the variables of `ref` when they resolve, else the texts, else a fault."""
    interval_of = _setting(interval, site, lambda found: found > 0, no_interval)
    unit_of = _setting(unit, site, SECONDS.__contains__, no_unit)
    if interval is not None and unit is not None and interval.ref is None and unit.ref is None:
        constant = (interval.literal, unit.literal)
        if constant[0] is not None and constant[1] is not None:
            return constant[0], constant[1]
    return lambda ctx: (interval_of(ctx), unit_of(ctx))


def _setting(
    value: Value[Any] | None, site: Site, legal: Callable[[Any], bool], missing: Callable[[str], Fault]
) -> Getter:
    resolve = site.value(value)
    reference = (value.ref if value is not None else None) or "null"

    def setting(ctx: MessageContext) -> Any:
        try:
            found = resolve(ctx)
        except ValueError:
            found = None
        if found is None or not legal(found):
            raise missing(reference)
        return found

    return setting


def policy_terms(limit: Limit | KnownLimit, period: Period | KnownPeriod) -> FindTerms:
    """Terms that no message changes, which is the rule, are made once."""
    if isinstance(limit, tuple) and isinstance(period, tuple):
        known = Terms(*limit, *period)
        return lambda ctx: known

    def find(ctx: MessageContext) -> Terms:
        known_limit = limit if isinstance(limit, tuple) else limit(ctx)
        return Terms(*known_limit, *(period if isinstance(period, tuple) else period(ctx)))

    return find


def product_terms(
    product: UseQuotaConfigInAPIProduct,
    quota: str,
    site: Site,
    period_of: Callable[..., Period | KnownPeriod],
) -> FindTerms:
    """The terms of the product that the step's policy has found, for each app, product and operation.

    `quota` names the variables that hold them, without the prefix that VerifyAPIKey gives its own; `period_of` compiles
    an interval and a unit.
    """
    source = site.bundle.policies.get(product.step_name)
    prefixes = [f"verifyapikey.{product.step_name}.", ""]
    if source is not None and source.element == "VerifyAPIKey":
        prefixes.pop()
    quotas = [
        tuple(site.getter(f"{prefix}{quota}.{part}") for part in ("limit", "interval", "timeunit"))
        for prefix in prefixes
    ]
    parts = [site.getter(name) for name in _PARTS]
    default = _default_terms(product.default, site, period_of)

    def find(ctx: MessageContext) -> Terms | None:
        extra = "\0".join(text_of(part(ctx)) for part in parts)
        for limit_of, interval_of, unit_of in quotas:
            limit = whole_number(limit_of(ctx))
            interval = whole_number(interval_of(ctx))
            unit = text_of(unit_of(ctx)).lower()
            if limit is not None and interval and unit in SECONDS:
                return Terms(limit, None, interval, unit, extra)
        found = default(ctx)
        return found._replace(extra=extra) if found is not None else None

    return find


#: What sets the counters of a product apart.
_PARTS = (
    "apiproduct.name",
    "developer.app.id",
    "apiproduct.operation",
    "apiproduct.operation.resource",
    "apiproduct.operation.methods",
)


def _default_terms(
    default: DefaultConfig | None, site: Site, period_of: Callable[..., Period | KnownPeriod]
) -> FindTerms:
    if default is None or default.allow is None:
        return lambda ctx: None
    allow = default.allow
    if allow.count is None and allow.text is not None:
        allow.count = allow.text.literal
    return policy_terms(
        compile_limit(allow, allow.classes, site), period_of(default.interval, default.time_unit, site)
    )
