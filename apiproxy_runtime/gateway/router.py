"""Base paths: which ProxyEndpoint takes a request.

Matching is by whole segments and case-sensitive. The longest base path wins; a literal segment beats `*`, which
stands for exactly one segment. Source: API proxy configuration reference, BasePath.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from apiproxy_runtime.program.program import EndpointProgram, ProxyProgram


class Match(NamedTuple):
    """An endpoint and what follows its base path (with its slash, or empty)."""

    program: EndpointProgram
    suffix: str


class Router:
    """The endpoints that are deployed. `replace` swaps all of them at once."""

    def __init__(self) -> None:
        self.proxies: dict[str, ProxyProgram] = {}
        self._literal: dict[str, EndpointProgram] = {}
        self._wild: list[tuple[tuple[str, ...], EndpointProgram]] = []
        self._known: dict[str, tuple[EndpointProgram, int]] = {}

    def replace(self, programs: Iterable[ProxyProgram]) -> None:
        """Route to these proxies from now on; requests that run keep the program they began with."""
        self.proxies = {program.bundle.name: program for program in programs}
        literal: dict[str, EndpointProgram] = {}
        wild: list[tuple[tuple[str, ...], EndpointProgram]] = []
        for program in self.proxies.values():
            for endpoint in program.endpoints:
                if "*" in endpoint.base_path:
                    wild.append((tuple(endpoint.base_path.strip("/").split("/")), endpoint))
                else:
                    literal[endpoint.base_path.rstrip("/")] = endpoint
        # longest first; among equals the one whose literal segments come earlier
        wild.sort(key=lambda item: (-len(item[0]), [segment == "*" for segment in item[0]]))
        self._literal, self._wild, self._known = literal, wild, {}

    def endpoint(self, proxy: str, name: str) -> EndpointProgram | None:
        program = self.proxies.get(proxy)
        return program.endpoint(name) if program is not None else None

    def match(self, path: str) -> Match | None:
        """The endpoint for a path without query; None when no base path fits."""
        known = self._known.get(path)
        if known is not None:
            return Match(known[0], path[known[1] :])
        found = self._find(path)
        if found is not None and len(self._known) < 4096:
            self._known[path] = found
        return Match(found[0], path[found[1] :]) if found is not None else None

    def _find(self, path: str) -> tuple[EndpointProgram, int] | None:
        """The endpoint and how many characters of the path its base path takes."""
        best: tuple[EndpointProgram, int] | None = None
        end = len(path)
        while True:
            candidate = self._literal.get(path[:end].rstrip("/") if end == len(path) else path[:end])
            if candidate is not None:
                taken = len(path[:end].rstrip("/")) if end == len(path) else end
                best = (candidate, taken)
                break
            end = path.rfind("/", 0, end)
            if end < 0:
                break
        literal_segments = (
            best[0].base_path.strip("/").count("/") + 1 if best and best[0].base_path != "/" else 0
        )
        for segments, endpoint in self._wild:
            if len(segments) <= literal_segments:
                break
            taken_by = _fits(segments, path)
            if taken_by is not None:
                return endpoint, taken_by
        return best


def _fits(segments: tuple[str, ...], path: str) -> int | None:
    """How many characters of the path the segments take; None when they do not fit."""
    position = 0
    for segment in segments:
        if path[position : position + 1] != "/":
            return None
        end = path.find("/", position + 1)
        if end < 0:
            end = len(path)
        actual = path[position + 1 : end]
        if not actual or (segment != "*" and segment != actual):
            return None
        position = end
    return position
