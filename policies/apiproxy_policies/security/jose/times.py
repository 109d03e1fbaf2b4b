"""The times of a token, held against the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from apiproxy_policies.security.jose.refused import Refused
from apiproxy_policies.security.jose.settings import PERIOD, converted
from apiproxy_runtime.policy.api import BOOLEAN, Element, MessageContext, Site, Value, attribute, text

#: Raises Refused when the claims are not as they should be.
Check = Callable[[MessageContext, Mapping[str, Any]], None]
#: farther than any moment that a token may mean, in seconds
_FAR = 10**15


class MaxLifespan(Element):
    """The longest time a token may be meant to live."""

    value: Value[int] = text(PERIOD, ref=True)
    use_issue_time: bool = attribute(
        "useIssueTime", BOOLEAN, default=False, doc="true: counted from `iat` in place of `nbf`"
    )


def compile_times(
    time_allowance: Value[int] | None,
    max_lifespan: MaxLifespan | None,
    site: Site,
    *,
    ignore_issued_at: bool,
    lenient: bool,
) -> Check:
    """What judges `exp`, `nbf`, `iat` and the time between them (RFC 7519, section 4.1; VerifyJWT reference).

    The function raises Refused: TokenExpired, TokenNotYetValid, InvalidClaim, FailedToResolveVariable.
    """
    world = site.world
    allowance = converted(time_allowance, site, lenient=lenient, refusal="InvalidClaim")
    check_lifespan = _lifespan(max_lifespan, site, lenient)

    def check(ctx: MessageContext, claims: Mapping[str, Any]) -> None:
        now = world.now()
        slack = (allowance(ctx) or 0) / 1000 if allowance is not None else 0
        if (expiry := _moment(claims, "exp")) is not None and now >= expiry + slack:
            raise Refused("TokenExpired")
        if (begin := _moment(claims, "nbf")) is not None and now < begin - slack:
            raise Refused("TokenNotYetValid")
        if not ignore_issued_at and (issued := _moment(claims, "iat")) is not None and now < issued - slack:
            raise Refused("TokenNotYetValid")
        if check_lifespan is not None:
            check_lifespan(ctx, claims)

    return check


def _lifespan(element: MaxLifespan | None, site: Site, lenient: bool) -> Check | None:
    most = (
        converted(element.value, site, lenient=lenient, refusal="InvalidClaim")
        if element is not None
        else None
    )
    if element is None or most is None:
        return None
    use_issue_time = element.use_issue_time

    def check(ctx: MessageContext, claims: Mapping[str, Any]) -> None:
        limit = most(ctx)
        if limit is None:
            return
        expiry = _moment(claims, "exp")
        begin = None if use_issue_time else _moment(claims, "nbf")
        if begin is None:
            begin = _moment(claims, "iat")
        if expiry is None or (expiry - (begin or 0)) * 1000 > limit:
            raise Refused("InvalidClaim", claim="exp")

    return check


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    """A time among the claims, in seconds. Raises Refused InvalidClaim when it is no number."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("InvalidClaim", claim=name)
    # integers of JSON have no end, and floats beside them do
    return max(-_FAR, min(_FAR, value))
