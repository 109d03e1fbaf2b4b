"""cors: what browsers of other origins may do, and the answers to their preflight requests.

With exactly one plain origin its value is sent whatever the request's Origin is. Regular expressions are anchored at
both ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import regex

from apiproxy_runtime.kong.answer import exit_text
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config, array, boolean, number, string
from apiproxy_runtime.kong.site import KongSite
from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.message.message import Message

METHODS = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT")
_PLAIN = re.compile(r"[A-Za-z0-9.:/-]+")
_DEFAULT_PORTS = {("http", 80), ("https", 443)}
_PATIENCE = 1.0

#: (Access-Control-Allow-Origin or None, whether every origin is allowed, whether it depends on the Origin)
Verdict = tuple[str | None, bool, bool]


def compile_cors(config: Config, site: KongSite) -> Phases:
    verdict = judge(config["origins"] or [])
    credentials: bool = config["credentials"]
    allowed_headers = ",".join(config["headers"] or ())
    exposed = ",".join(config["exposed_headers"] or ())
    methods = ",".join(config["methods"] or METHODS)
    max_age = config["max_age"]
    mine = f"cors:{site.instance.id}"

    def allow(headers: Headers, origin: str, add_vary: bool) -> None:
        value, everyone, varies = verdict(origin)
        if credentials and everyone and origin:
            varies = True
            value = origin
        if varies:
            if add_vary:
                headers.add("Vary", "Origin")
            else:
                headers.set("Vary", "Origin")
        if value is None:
            headers.remove("Access-Control-Allow-Origin")
        else:
            headers.set("Access-Control-Allow-Origin", value)
        if credentials and (origin or not everyone):
            headers.set("Access-Control-Allow-Credentials", "true")

    def access(ctx: KongContext) -> None:
        request = ctx.request
        origin = request.headers.get("Origin")
        if request.verb != "OPTIONS" or not origin or "access-control-request-method" not in request.headers:
            return
        ctx.plugin[mine] = True
        if config["preflight_continue"]:
            return
        answer = exit_text(200)
        headers = answer.message.headers
        allow(headers, origin, False)
        asked = allowed_headers or request.headers.get("Access-Control-Request-Headers")
        if asked:
            headers.set("Access-Control-Allow-Headers", asked)
        headers.set("Access-Control-Allow-Methods", methods)
        if max_age is not None:
            headers.set("Access-Control-Max-Age", f"{max_age:g}")
        if (
            config["private_network"]
            and request.headers.get("Access-Control-Request-Private-Network") == "true"
        ):
            headers.set("Access-Control-Allow-Private-Network", "true")
        raise answer

    def header_filter(ctx: KongContext) -> None:
        if mine in ctx.plugin:
            return
        origin = ctx.request.headers.get("Origin") or ""
        if not origin and not config["allow_origin_absent"]:
            return
        response: Message | None = ctx.response
        assert response is not None
        allow(response.headers, origin, True)
        if exposed:
            response.headers.set("Access-Control-Expose-Headers", exposed)

    return Phases(access=access, header_filter=header_filter)


def judge(origins: list[str]) -> Callable[[str], Verdict]:
    """What to say to an origin."""
    if not origins or origins == ["*"]:
        return lambda origin: ("*", True, False)
    if len(origins) == 1 and _PLAIN.fullmatch(origins[0]):
        only = origins[0]
        return lambda origin: (only, False, True)
    tests: list[Callable[[str, str], bool] | None] = [_test(entry) for entry in origins]

    def verdict(origin: str) -> Verdict:
        if not origin:
            return None, False, True
        domain, host = normalised(origin)
        for test in tests:
            if test is None:
                return "*", True, True
            if test(domain, host):
                return domain, False, True
        return None, False, True

    return verdict


def _test(entry: str) -> Callable[[str, str], bool] | None:
    """Whether an origin, given as a whole and as its host, is this one; None for `*`."""
    if entry == "*":
        return None
    if _PLAIN.fullmatch(entry):
        wanted = normalised(entry)[0]
        return lambda domain, host: domain == wanted
    pattern = regex.compile(entry)
    by_host = ":" not in entry
    return lambda domain, host: pattern.fullmatch(host if by_host else domain, timeout=_PATIENCE) is not None


def normalised(origin: str) -> tuple[str, str]:
    """An origin without the port that its scheme has anyway, and its host."""
    try:
        parts = urlsplit(origin)
        host, port = parts.hostname, parts.port
    except ValueError:
        return origin, origin
    if not host:
        return origin, origin
    shown = f":{port}" if port is not None and (parts.scheme, port) not in _DEFAULT_PORTS else ""
    return f"{parts.scheme}://{host}{shown}", host


def check_origin(text: str) -> str:
    if text == "*":
        return ""
    try:
        regex.compile(text)
    except regex.error:
        return f"'{text}' is not a valid regex"
    return ""


PLUGIN = Plugin(
    "cors",
    2000,
    {
        "origins": array(
            string(rule=check_origin), "origins: `*`, texts or regular expressions; none is all"
        ),
        "methods": array(string(one_of=METHODS), "methods that a preflight is told", list(METHODS)),
        "headers": array(string(), "headers that a preflight is told; those that it asks for by default"),
        "exposed_headers": array(string(), "headers of responses that scripts may read"),
        "max_age": number("seconds for which a browser may remember a preflight"),
        "credentials": boolean("allow cookies and authorization", False),
        "private_network": boolean("allow requests from public to private networks", False),
        "preflight_continue": boolean("leave preflights to the upstream", False),
        "allow_origin_absent": boolean("set headers on requests without Origin too", True),
    },
    compile_cors,
    "Answers browsers of other origins.",
    no_scope=frozenset(("consumer", "consumer_group")),
)
