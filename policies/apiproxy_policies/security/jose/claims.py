"""Claims and headers that a policy's XML names: values to put into a token, or to find in one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from apiproxy_policies.security.jose.compact import read_object
from apiproxy_policies.security.jose.refused import Refused
from apiproxy_policies.security.jose.settings import Resolve, split_list
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    PAYLOAD,
    Element,
    MessageContext,
    Site,
    Value,
    attribute,
    many,
    one_of,
    text,
    text_of,
)

#: Claims with elements of their own (GenerateJWT reference).
REGISTERED_CLAIMS = frozenset(("kid", "iss", "sub", "aud", "iat", "exp", "nbf", "jti"))
#: Headers that the policy writes itself.
REGISTERED_HEADERS = frozenset(("alg", "typ"))
#: A JWS has a type only when it is given one here.
REGISTERED_JWS_HEADERS = frozenset(("alg",))
_TYPES = one_of("string", "number", "boolean", "map")
#: A claim whose variable is not set while IgnoreUnresolvedVariables is true.
_LEFT_OUT = object()

Collect = Callable[[MessageContext], dict[str, Any]]


class Claim(Element):
    """One claim."""

    tag = "Claim"
    name: str = attribute(
        "name",
        default="",
        required=True,
        error="MissingNameForAdditionalClaim",
        message="a <Claim> of AdditionalClaims has no name",
        cure='Write <Claim name="…">.',
    )
    type: str = attribute(
        "type",
        _TYPES,
        default="string",
        error="InvalidTypeForAdditionalClaim",
        message="a claim cannot be of the type {value}",
        cure="Write string, number, boolean or map.",
    )
    array: bool = attribute(
        "array",
        BOOLEAN,
        default=False,
        error="InvalidValueOfArrayAttribute",
        message="array must be true or false, not {value}",
        cure='Write array="true" for a list of values.',
        doc="true: a list, written with commas",
    )
    value: Value[str] = text(PAYLOAD, ref=True, doc="the value; of type map a message template of JSON")


class HeaderClaim(Element):
    """One header."""

    tag = "Claim"
    name: str = attribute(
        "name",
        default="",
        required=True,
        error="MissingNameForAdditionalHeader",
        message="a <Claim> of AdditionalHeaders has no name",
        cure='Write <Claim name="…">.',
    )
    type: str = attribute(
        "type",
        _TYPES,
        default="string",
        error="InvalidTypeForAdditionalHeader",
        message="a header cannot be of the type {value}",
        cure="Write string, number, boolean or map.",
    )
    array: bool = attribute(
        "array",
        BOOLEAN,
        default=False,
        error="InvalidValueOfArrayAttribute",
        message="array must be true or false, not {value}",
        cure='Write array="true" for a list of values.',
        doc="true: a list, written with commas",
    )
    value: Value[str] = text(PAYLOAD, ref=True, doc="the value; of type map a message template of JSON")


class AdditionalClaims(Element):
    """Claims without an element of their own."""

    ref: str | None = attribute("ref", doc="variable that holds a JSON object with claims; they win")
    claims: tuple[Claim, ...] = many("Claim", Claim)


class AdditionalHeaders(Element):
    """Headers beyond `alg`, `typ` and `kid`."""

    ref: str | None = attribute("ref", doc="variable that holds a JSON object with headers; they win")
    claims: tuple[HeaderClaim, ...] = many("Claim", HeaderClaim)


Additional = AdditionalClaims | AdditionalHeaders


def check_claim_names(additional: AdditionalClaims | None, site: Site) -> None:
    """Report claims that have elements of their own."""
    _check_names(additional, REGISTERED_CLAIMS, "InvalidNameForAdditionalClaim", site)


def check_header_names(
    additional: AdditionalHeaders | None, site: Site, reserved: frozenset[str] = REGISTERED_HEADERS
) -> None:
    """Report headers that the policy writes itself."""
    _check_names(additional, reserved, "InvalidNameForAdditionalHeader", site)


def _check_names(additional: Additional | None, reserved: frozenset[str], error: str, site: Site) -> None:
    for claim in additional.claims if additional is not None else ():
        if claim.name in reserved:
            cure = "It is set by the policy, or has an element of its own."
            site.error(claim.node, error, cure, name=claim.name)


def collector(additional: Additional | None, site: Site, *, lenient: bool) -> Collect | None:
    """What gathers the values by name; None when there is nothing to gather.

    A claim whose variable is not set and that has no text is left out when `lenient` (IgnoreUnresolvedVariables), else
    the function raises Refused: FailedToResolveVariable. It also raises InvalidClaim for a value of another type than
    announced, and InvalidJsonFormat when the object of `ref` is no JSON.
    """
    if additional is None:
        return None
    constants: dict[str, Any] = {}
    changing: list[tuple[str, Resolve]] = []
    for claim in additional.claims:
        resolve = _value(claim, site, lenient)
        if claim.value.ref is None and not (claim.type == "map" and "{" in (claim.value.text or "")):
            try:
                constants[claim.name] = resolve(_NOWHERE)
                continue
            except Refused:
                site.error(
                    claim.node,
                    "InvalidValueForElement",
                    f"Write a {claim.type}.",
                    element=f"Claim {claim.name}",
                    value=claim.value.text or "",
                )
        changing.append((claim.name, resolve))
    ref = additional.ref
    get_object = site.getter(ref) if ref else None
    if not changing and get_object is None:
        return (lambda ctx: constants) if constants else None

    def collect(ctx: MessageContext) -> dict[str, Any]:
        found = constants.copy()
        for name, resolve in changing:
            value = resolve(ctx)
            if value is not _LEFT_OUT:
                found[name] = value
        if get_object is not None:
            value = get_object(ctx)
            if value is not None:
                found.update(_object(value))
            elif not lenient:
                raise Refused("FailedToResolveVariable", variable=ref)
        return found

    return collect


_NOWHERE: Any = None


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    try:
        return read_object(text_of(value))
    except ValueError:
        raise Refused("InvalidJsonFormat") from None


def _value(claim: Claim | HeaderClaim, site: Site, lenient: bool) -> Resolve:
    convert = _converter(claim)
    literal, ref = claim.value.text, claim.value.ref
    if literal is not None:
        literal = literal.strip() or None
    if literal is not None and claim.type == "map" and "{" in literal:
        policy = site.policy
        assert policy is not None
        render = site.template(
            literal,
            claim.node,
            ignore_unresolved=lenient,
            unresolved=lambda variable: policy.fault("FailedToResolveVariable", variable=variable),
        )
        fallback: Resolve = lambda ctx: convert(render(ctx))  # noqa: E731
    else:
        fallback = lambda ctx: convert(literal or "")  # noqa: E731
    if ref is None:
        return fallback
    get, name = site.getter(ref), ref

    def resolve(ctx: MessageContext) -> Any:
        found = get(ctx)
        if found is not None:
            return convert(found)
        if literal:
            return fallback(ctx)
        if lenient:
            return _LEFT_OUT
        raise Refused("FailedToResolveVariable", variable=name)

    return resolve


def _converter(claim: Claim | HeaderClaim) -> Callable[[Any], Any]:
    convert, name = _CONVERTERS[claim.type], claim.name

    def one(value: Any) -> Any:
        try:
            return convert(value)
        except ValueError:
            raise Refused("InvalidClaim", claim=name) from None

    if not claim.array:
        return one

    def several(value: Any) -> list[Any]:
        if isinstance(value, str) and value.lstrip().startswith("["):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                pass
        return [one(item) for item in (value if isinstance(value, list | tuple) else split_list(value))]

    return several


def _number(value: Any) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        return int(text_of(value))
    except ValueError:
        number = float(text_of(value))
        if number != number or number in (float("inf"), float("-inf")):
            raise
        return number


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "false": False}
    try:
        return words[text_of(value).strip().lower()]
    except KeyError:
        raise ValueError(value) from None


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else read_object(text_of(value))


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "string": text_of,
    "number": _number,
    "boolean": _boolean,
    "map": _map,
}


def check_values(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> None:
    """Raise Refused InvalidClaim for the first expected value that is missing or different."""
    for name, value in expected.items():
        if name not in actual or not same(value, actual[name]):
            raise Refused("InvalidClaim", claim=name)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal; true is no number."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
