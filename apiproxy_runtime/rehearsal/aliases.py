"""Tokens and ids that one side issues and the other does not know.

What a recorded answer, or the old side's, holds under a name such as `access_token` stands for what this side's answer
holds there. Later requests of this side carry its own value; and where a value of one side differs from the other's in
nothing but such tokens, they are equal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from msgspec.structs import replace

from apiproxy_runtime.rehearsal.compare.body import decoded
from apiproxy_runtime.rehearsal.exchange import HeaderPairs, Request, Response, header_values

_NAMES = re.compile(
    r"(?i)(^|[_-])(token|code|session|sessionid|sid|csrf|nonce|jti|state|id_token)$|[a-z]Token$"
)
#: A body without any of these holds no token, and need not be parsed.
_HINT = re.compile(rb"(?i)token|code|session|sid|csrf|nonce|jti|state")
_WORD = re.compile(r"[A-Za-z0-9._~+/=-]{6,}")
#: Aliases of one side that are remembered; the oldest go first.
MEMORY = 20_000


class Aliases:
    """Old value → new value, for one side."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    def learn(self, known: Response | None, own: Response | None) -> None:
        """Take in what stands in one answer where the other has something else."""
        if known is None or own is None or known == own:
            return
        values = dict(tokens(own))
        for place, value in tokens(known):
            other = values.get(place)
            if other and other != value and len(value) >= 6:
                self._known[value] = other
                if len(self._known) > MEMORY:
                    del self._known[next(iter(self._known))]

    def translate(self, text: str) -> str:
        """The text with each known value replaced by its alias."""
        if not self._known:
            return text
        return _WORD.sub(lambda found: self._word(found[0]), text)

    def _word(self, word: str) -> str:
        alias = self._known.get(word)
        if alias is None and "=" in word:
            name, _, value = word.partition("=")
            other = self._known.get(value)
            return word if other is None else f"{name}={other}"
        return word if alias is None else alias

    def request(self, request: Request) -> Request:
        """The request as a client of this side would send it."""
        if not self._known:
            return request
        headers: HeaderPairs = tuple((name, self.translate(value)) for name, value in request.headers)
        body = request.body
        if body and len(body) <= 1 << 20:
            try:
                body = self.translate(body.decode()).encode()
            except UnicodeDecodeError:
                body = request.body
        path, mark, query = request.url.partition("?")
        url = f"{path}{mark}{self.translate(query)}" if mark else path
        if headers == request.headers and body == request.body and url == request.url:
            return request
        return replace(request, headers=headers, body=body, url=url)


def tokens(response: Response) -> Iterator[tuple[str, str]]:
    """What an answer issues, by place: token members of JSON, cookies, codes in a redirection."""
    for line in header_values(response.headers, "set-cookie"):
        name, _, value = line.partition(";")[0].partition("=")
        yield f"cookie {name.strip()}", value.strip()
    location = response.header("location")
    if location:
        parts = urlsplit(location)
        for name, value in (*parse_qsl(parts.query), *parse_qsl(parts.fragment)):
            if _NAMES.search(name):
                yield f"location {name}", value
    if not response.body or len(response.body) > 1 << 20:
        return
    body = decoded(response.headers, response.body)
    if body[:1] == b"{" and _HINT.search(body):
        try:
            tree = json.loads(body)
        except ValueError:
            return
        yield from _members(tree, "$")


def _members(tree: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(tree, dict):
        for name, value in tree.items():
            if isinstance(value, str):
                if _NAMES.search(name):
                    yield f"{path}.{name}", value
            else:
                yield from _members(value, f"{path}.{name}")
    elif isinstance(tree, list):
        for number, item in enumerate(tree):
            yield from _members(item, f"{path}[{number}]")
