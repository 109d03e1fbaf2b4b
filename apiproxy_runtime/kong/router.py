"""Which route takes a request: Kong's flavour `traditional_compatible`, the default one.

Every kind of criterion that a route has must fit. Of the routes that fit, the one wins that has more kinds of
criteria, then plain hosts only, then more headers, then a regular expression for a path, then the greater
`regex_priority` (of these), then the longer path. A route with paths of different lengths, or of both sorts, counts
as several. A tie goes to the greater id. Source: proxying reference, "Matching priorities", and the behaviour of the
open-source gateway where that page is silent.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import regex

from apiproxy_runtime.kong.model import Route
from apiproxy_runtime.kong.path import normalise

#: Kong names the parts of a split route so.
_SPLIT = uuid.UUID("7f145bf9-0dce-4f91-98eb-debbce4b9f6b")
_KNOWN = 4096
#: seconds that a regular expression may take on one request
_PATIENCE = 1.0

Pattern = regex.Pattern[str]


class Asked(NamedTuple):
    """What of a request routes look at. Host is in lower case and without its port; `port` is the local one."""

    method: str
    path: str
    host: str
    port: int
    scheme: str
    sni: str
    headers: Mapping[str, list[str]]


class Match(NamedTuple):
    """A route, the part of the normalised path that it matched (`/` without paths), and captured groups."""

    route: Route
    path: str
    matched: str
    captures: Mapping[str, str]


Test = Callable[[Asked], bool]


class Matcher:
    """A route, or one group of its paths, ready to be tried."""

    __slots__ = ("id", "patterns", "prefixes", "priority", "route", "tests")

    def __init__(self, route: Route, paths: tuple[str, ...], matcher_id: str) -> None:
        self.route = route
        self.id = matcher_id
        self.prefixes = tuple(path for path in paths if not path.startswith("~"))
        self.patterns = tuple(compile_path(path) for path in paths if path.startswith("~"))
        self.tests = _tests(route)
        self.priority = priority(route, paths)

    def match(self, asked: Asked) -> Match | None:
        """None when it does not fit."""
        for test in self.tests:
            if not test(asked):
                return None
        return self.match_path(asked.path)

    def match_path(self, path: str) -> Match | None:
        for prefix in self.prefixes:
            if path.startswith(prefix):
                return Match(self.route, path, prefix, {})
        for pattern in self.patterns:
            found = pattern.match(path, timeout=_PATIENCE)
            if found is not None:
                groups = {str(number): text for number, text in enumerate(found.groups(), 1) if text}
                groups.update({name: text for name, text in found.groupdict().items() if text})
                if groups:
                    groups["0"] = found.group()
                return Match(self.route, path, found.group(), groups)
        return None if self.prefixes or self.patterns else Match(self.route, path, "/", {})

    def lost_because(self, asked: Asked) -> str:
        """Which criterion does not fit, for `explain`; empty when all do."""
        for test in self.tests:
            if not test(asked):
                return test.__name__
        return "" if self.match_path(asked.path) is not None else "paths"


def compile_path(path: str) -> Pattern:
    """A path that is a regular expression (`~/users/(?<id>[^/]+)$`), anchored at its start. Raises regex.error."""
    return regex.compile(path[1:])


def priority(route: Route, paths: tuple[str, ...]) -> tuple[int, bool, int, bool, int, int]:
    """Sorts matchers, the greatest first."""
    kinds = sum(map(bool, (route.methods, route.hosts, route.headers, route.snis, paths)))
    plain = bool(route.hosts) and not any("*" in host for host in route.hosts)
    is_regex = bool(paths) and paths[0].startswith("~")
    longest = len(paths[0].encode()) if paths and not is_regex else 0
    return kinds, plain, len(route.headers), is_regex, route.regex_priority if is_regex else 0, longest


def split(route: Route) -> list[Matcher]:
    """A matcher for each length of path prefix, and one for the regular expressions."""
    groups: dict[int, list[str]] = {}
    for path in route.paths:
        groups.setdefault(0 if path.startswith("~") else len(path.encode()), []).append(path)
    if len(groups) <= 1:
        return [Matcher(route, route.paths, route.id)]
    return [
        Matcher(route, tuple(paths), str(uuid.uuid5(_SPLIT, f"{route.id}#{number}")))
        for number, paths in enumerate(groups.values(), 1)
    ]


class KongRouter:
    """The routes that are served. `replace` swaps all of them at once."""

    def __init__(self) -> None:
        self.routes: tuple[Route, ...] = ()
        self.matchers: tuple[Matcher, ...] = ()
        self._header_names: tuple[str, ...] = ()
        self._known: dict[tuple[object, ...], Match | None] = {}
        self._paths: dict[str, str] = {}

    def replace(self, routes: Iterable[Route]) -> None:
        """Route to these from now on. Routes of a disabled service take nothing."""
        self.routes = tuple(routes)
        live = [route for route in self.routes if route.service is None or route.service.enabled]
        matchers = [matcher for route in live for matcher in split(route)]
        matchers.sort(key=lambda matcher: (matcher.priority, matcher.id), reverse=True)
        self.matchers = tuple(matchers)
        self._header_names = tuple(sorted({name.lower() for route in live for name in route.headers}))
        self._known = {}

    def normalised(self, path: str) -> str:
        """The path that is matched, for a path as received."""
        known = self._paths.get(path)
        if known is None:
            known = normalise(path)
            if len(self._paths) >= _KNOWN:
                self._paths.clear()
            self._paths[path] = known
        return known

    def match(self, asked: Asked) -> Match | None:
        """The route for a request; None when none fits. Raises TimeoutError for a path's expression that runs wild."""
        key: tuple[object, ...] = asked[:6]
        if self._header_names:
            key += tuple([tuple(asked.headers.get(name, ())) for name in self._header_names])
        try:
            return self._known[key]
        except KeyError:
            pass
        found = None
        for matcher in self.matchers:
            found = matcher.match(asked)
            if found is not None:
                break
        if len(self._known) >= _KNOWN:
            self._known.clear()
        self._known[key] = found
        return found

    def explain(self, asked: Asked) -> list[tuple[str, str]]:
        """Each candidate in order of priority, with why it lost: `methods`, `hosts`, …, "" for the one that wins.

        Behind the winner the others that would fit are told as `lower priority`.
        """
        told: list[tuple[str, str]] = []
        won = False
        for matcher in self.matchers:
            reason = matcher.lost_because(asked)
            if not reason and won:
                reason = "lower priority"
            won = won or not reason
            told.append((matcher.route.title, reason))
        return told

    def ambiguous(self) -> list[tuple[Route, Route]]:
        """Pairs of routes with one priority and a path prefix in common, whose winner only their ids decide."""
        pairs = []
        for first, second in zip(self.matchers, self.matchers[1:], strict=False):
            if first.route is not second.route and first.priority == second.priority:
                a, b = first.route, second.route
                same = (a.methods, a.hosts, a.headers, a.snis) == (b.methods, b.hosts, b.headers, b.snis)
                if same and (set(first.prefixes) & set(second.prefixes) or not a.paths):
                    pairs.append((a, b))
        return pairs


def _tests(route: Route) -> tuple[Test, ...]:
    """What besides the path must fit, cheapest first; the names of these functions are what `explain` tells."""
    tests: list[Test] = []
    if route.methods:
        allowed = frozenset(route.methods)

        def methods(asked: Asked) -> bool:
            return asked.method in allowed

        tests.append(methods)
    if route.hosts:
        tests.append(_hosts_test(route.hosts))
    if route.snis:
        names = _hosts_test(tuple(sni.rstrip(".") for sni in route.snis))

        def snis(asked: Asked) -> bool:
            # without TLS server names do not count
            return asked.scheme != "https" or names(asked._replace(host=asked.sni))

        tests.append(snis)
    if route.headers:
        tests.append(_headers_test(route.headers))
    return tuple(tests)


def _hosts_test(patterns: tuple[str, ...]) -> Test:
    exact: set[str] = set()
    starts: list[str] = []
    ends: list[str] = []
    with_port: list[tuple[str, int]] = []
    for pattern in patterns:
        name, colon, port = pattern.lower().rpartition(":")
        if colon and port.isdigit() and "]" not in port:
            with_port.append((name, int(port)))
            continue
        _sort_host(pattern.lower(), exact, starts, ends)
    prefixes, suffixes = tuple(starts), tuple(ends)
    # a port in the pattern is compared with the port that was connected to
    by_port = tuple((_hosts_test((name,)), port) for name, port in with_port)

    def hosts(asked: Asked) -> bool:
        host = asked.host
        if host in exact or host.startswith(prefixes) or host.endswith(suffixes):
            return True
        return any(asked.port == port and fits(asked) for fits, port in by_port)

    return hosts


def _sort_host(pattern: str, exact: set[str], starts: list[str], ends: list[str]) -> None:
    if pattern.startswith("*"):
        ends.append(pattern[1:])
    elif pattern.endswith("*"):
        starts.append(pattern[:-1])
    else:
        exact.add(pattern)


def _headers_test(wanted: Mapping[str, tuple[str, ...]]) -> Test:
    checks: list[tuple[str, frozenset[str], tuple[Pattern, ...]]] = []
    for name, values in wanted.items():
        # the text of an expression is lower-cased too, so that `\D` means `\d`: Kong does so
        patterns = tuple(regex.compile(value[2:].lower()) for value in values if value.startswith("~*"))
        plain = frozenset(value.lower() for value in values if not value.startswith("~*"))
        checks.append((name.lower(), plain, patterns))

    def headers(asked: Asked) -> bool:
        for name, plain, patterns in checks:
            field = asked.headers.get(name)
            if field is None:
                return False
            given = [value.lower() for value in field[1:]]
            if any(value in plain for value in given):
                continue
            if not any(pattern.search(value, timeout=_PATIENCE) for pattern in patterns for value in given):
                return False
        return True

    return headers
