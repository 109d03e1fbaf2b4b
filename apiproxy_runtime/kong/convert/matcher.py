"""What a route of Kong can ask of a request: methods, a path, headers. Everything else is no routing."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from apiproxy_runtime.kong.convert.paths import Pattern, covers, overlap

#: The methods of Kong's route schema that clients use; routes list them, because a route with fewer kinds of criteria
#: would lose against any with more, whatever its priority.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
ALL = frozenset(METHODS)


class Inexpressible(Exception):
    """Two patterns overlap in a way that no single pattern tells."""


class Matcher(Struct, frozen=True):
    """`path` is the pattern of the path after the base path, None for any; a header without values must be there."""

    methods: frozenset[str] = ALL
    path: Pattern | None = None
    headers: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def both(self, other: Matcher) -> Matcher | None:
        """What fits both; None for nothing. Raises Inexpressible."""
        methods = self.methods & other.methods
        if not methods:
            return None
        if self.path is None or other.path is None:
            path = other.path if self.path is None else self.path
        elif not overlap(self.path, other.path):
            return None
        elif covers(other.path, self.path):
            path = self.path
        elif covers(self.path, other.path):
            path = other.path
        else:
            raise Inexpressible
        headers = dict(self.headers)
        for name, values in other.headers:
            mine = headers.get(name)
            if not mine:
                headers[name] = values
            elif values:
                common = tuple(value for value in mine if value in values)
                if not common:
                    return None
                headers[name] = common
        return Matcher(methods, path, tuple(sorted(headers.items())))

    def without_methods(self, methods: frozenset[str]) -> Matcher | None:
        rest = self.methods - methods
        return replace(self, methods=rest) if rest else None

    @property
    def only_methods(self) -> bool:
        return self.path is None and not self.headers
