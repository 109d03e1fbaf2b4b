"""The second face: every request that reached an upstream or a callout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from apiproxy_runtime.rehearsal.compare.body import compare_bodies
from apiproxy_runtime.rehearsal.compare.form import compare_form
from apiproxy_runtime.rehearsal.compare.headers import compare_headers
from apiproxy_runtime.rehearsal.difference import Difference, Severity, shown
from apiproxy_runtime.rehearsal.exchange import Request, UpstreamCall

#: Request headers that carry secrets: sent where they were not sent before, they leak.
SECRETS = ("authorization", "cookie", "apikey", "api-key", "x-api-key", "token", "secret", "password")
Pair = tuple[int, int]


def compare_calls(before: Sequence[UpstreamCall], after: Sequence[UpstreamCall]) -> Iterator[Difference]:
    """Differences of the calls of one case: which were made, how often, in which order, and what each carried."""
    pairs, gone, new = matched(before, after)
    for number in gone:
        call = before[number]
        severity = Severity.critical if call.purpose == "target" else Severity.major
        yield _call("call-missing", call, shown(_line(call)), "", severity, number)
    made = {_key(before[old].request) for old, _ in pairs}
    for number in new:
        call = after[number]
        repeated = _key(call.request) in made
        grave = call.purpose == "target" or (
            repeated and call.request.method not in ("GET", "HEAD", "OPTIONS")
        )
        kind = "call-repeated" if repeated else "call-extra"
        severity = Severity.critical if grave else Severity.major
        extra = _call(kind, call, "", shown(_line(call)), severity, -1)
        yield replace(extra, call_after=number)
    if [new for _, new in pairs] != sorted(new for _, new in pairs):
        old_order = ", ".join(_line(before[old]) for old, _ in pairs)
        new_order = ", ".join(_line(after[new]) for new in sorted(new for _, new in pairs))
        first = before[pairs[0][0]]
        order = _call("order", first, shown(old_order), shown(new_order), Severity.major, pairs[0][0])
        yield replace(order, call_after=pairs[0][1])
    for old, new_number in pairs:
        for difference in _requests(before[old], after[new_number], old):
            yield replace(difference, call_after=new_number)


def matched(
    before: Sequence[UpstreamCall], after: Sequence[UpstreamCall]
) -> tuple[list[Pair], list[int], list[int]]:
    """Which call of the new side stands for which of the old one, and what is left on each side.

    Same method, host and path first; then same host and path; then same host; then same purpose.
    """
    if len(before) == len(after) and all(
        _key(one.request) == _key(other.request) for one, other in zip(before, after, strict=True)
    ):
        return [(number, number) for number in range(len(before))], [], []
    pairs: list[Pair] = []
    old, new = list(range(len(before))), list(range(len(after)))
    for alike in (_same_call, _same_place, _same_host, _same_purpose):
        for one in list(old):
            for other in list(new):
                if alike(before[one], after[other]):
                    pairs.append((one, other))
                    old.remove(one)
                    new.remove(other)
                    break
    return sorted(pairs), old, new


def _key(request: Request) -> tuple[str, str, str]:
    return request.method, request.host.lower(), request.path


def _same_call(one: UpstreamCall, other: UpstreamCall) -> bool:
    return _key(one.request) == _key(other.request)


def _same_place(one: UpstreamCall, other: UpstreamCall) -> bool:
    return _key(one.request)[1:] == _key(other.request)[1:]


def _same_host(one: UpstreamCall, other: UpstreamCall) -> bool:
    return one.request.host.lower() == other.request.host.lower()


def _same_purpose(one: UpstreamCall, other: UpstreamCall) -> bool:
    return one.purpose == other.purpose == "target"


def _requests(one: UpstreamCall, other: UpstreamCall, number: int) -> Iterator[Difference]:
    old, new = one.request, other.request
    if old.method != new.method:
        yield _at(one, "method", "method", old.method, new.method, Severity.major, number)
    if old.url != new.url:
        yield from _urls(one, old, new, number)
    for path, kind, before, after in compare_headers(old.headers, new.headers):
        severity = Severity.minor
        if kind == "header-extra" and any(name in path for name in SECRETS):
            severity = Severity.critical
        elif path in ("header.host", "header.content-type", "header.authorization"):
            severity = Severity.major
        yield _at(one, path, kind, before, after, severity, number)
    for path, kind, before, after in compare_bodies(old.headers, old.body, new.headers, new.body):
        severity = Severity.minor if kind == "layout" else Severity.major
        yield _at(one, path, kind, before, after, severity, number)


def _urls(call: UpstreamCall, old: Request, new: Request, number: int) -> Iterator[Difference]:
    if old.origin and new.origin and old.origin.lower() != new.origin.lower():
        yield _at(call, "url.origin", "url", old.origin, new.origin, Severity.major, number)
    if old.path != new.path:
        yield _at(call, "url.path", "url", old.path, new.path, Severity.major, number)
    for name, kind, before, after in compare_form(old.query, new.query):
        severity = Severity.minor if kind == "layout" else Severity.major
        yield _at(call, f"url.query.{name}" if name else "url.query", kind, before, after, severity, number)


def _at(
    call: UpstreamCall, path: str, kind: str, before: str, after: str, severity: Severity, number: int
) -> Difference:
    return Difference(
        "upstream", call.request.host, path, kind, shown(before), shown(after), severity, call=number
    )


def _call(
    kind: str, call: UpstreamCall, before: str, after: str, severity: Severity, number: int
) -> Difference:
    return Difference("upstream", call.request.host, "call", kind, before, after, severity, call=number)


def _line(call: UpstreamCall) -> str:
    return f"{call.request.method} {call.request.url}"
