"""What is a secret, by its name: of headers, parameters, members of JSON and elements of XML."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from apiproxy_runtime.rehearsal.pseudonym import is_secret_name

_SECRET_HEADERS = frozenset(
    [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "apikey",
        "api-key",
        "x-apikey",
        "ocp-apim-subscription-key",
        "x-goog-api-key",
        "x-goog-iam-authorization-token",
        "x-forwarded-client-cert",
    ]
)


class Masks(Struct, frozen=True):
    """What is a secret beside what everybody's names say. Names in any case.

    headers, parameters  names of headers, and of query and form parameters
    paths      members of JSON bodies: `$.a.b`, indices left out, a name after `..` at any depth
    elements   local names of XML elements and attributes
    literals   texts that are secrets wherever they stand
    plain      names that are none, whatever they look like
    """

    headers: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()
    elements: frozenset[str] = frozenset()
    literals: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()

    def header(self, name: str) -> bool:
        lower = name.lower()
        if lower in self.plain:
            return False
        return (
            lower in _SECRET_HEADERS
            or lower in self.headers
            or lower.startswith("x-amz-")
            or (
                is_secret_name(lower)
                and lower != "www-authenticate"
                and not lower.startswith("access-control-")
            )
        )

    def parameter(self, name: str) -> bool:
        lower = name.lower()
        return lower not in self.plain and (
            lower in self.parameters or lower == "key" or is_secret_name(name)
        )

    def member(self, path: str, name: str) -> bool:
        """Of JSON."""
        lower = name.lower()
        if lower in self.plain:
            return False
        return path.lower() in self.paths or f"..{lower}" in self.paths or is_secret_name(name)

    def element(self, path: str, name: str) -> bool:
        """Of XML."""
        lower = name.lower()
        return lower not in self.plain and (lower in self.elements or is_secret_name(name))


def with_names(masks: Masks, secret: Iterable[str], plain: Iterable[str]) -> Masks:
    """Masks for names that a person adds: of headers, parameters, members (or JSONPaths) and elements alike."""
    names = frozenset(name.lower() for name in secret)
    members = frozenset(name if name.startswith("$") else f"..{name}" for name in names)
    return replace(
        masks,
        headers=masks.headers | names,
        parameters=masks.parameters | names,
        paths=masks.paths | members,
        elements=masks.elements | names,
        plain=masks.plain | frozenset(name.lower() for name in plain),
    )
