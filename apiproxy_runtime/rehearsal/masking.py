"""Masking: no secret reaches a recording.

What is a secret is known by names: header names, words in names of parameters and members, what the bundle itself names
(`<APIKey ref>`, `private.` variables, the debug mask) and the values the environment holds (keys of apps, encrypted maps).
Each one is replaced by a stable pseudonym (see `pseudonym`), and then wherever else it stands in the same exchange, in any
of the ways in which texts are written in URLs, JSON and XML.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

from msgspec.structs import replace

from apiproxy_runtime.gateway.http.content_encoding import decode, encode
from apiproxy_runtime.gateway.http.errors import WireError
from apiproxy_runtime.rehearsal.exchange import (
    Exchange,
    HeaderPairs,
    Request,
    Response,
    UpstreamCall,
    charset,
    header_values,
    media_type,
)
from apiproxy_runtime.rehearsal.maskedbody import (
    looks_like_json,
    mask_form,
    mask_json,
    mask_multipart,
    mask_xml,
)
from apiproxy_runtime.rehearsal.masks import Masks

#: Replaced literally elsewhere only from this length on: shorter texts occur by chance.
_LITERAL = 6
_BODY_LIMIT = 50 << 20
_URL_HEADERS = frozenset(("location", "content-location", "referer", "refresh"))
_PUBLIC_AUTH = frozenset(
    [
        "realm",
        "algorithm",
        "qop",
        "nc",
        "uri",
        "opaque",
        "charset",
        "signedheaders",
        "oauth_signature_method",
        "oauth_version",
        "oauth_timestamp",
        "scope",
        "error",
        "error_description",
    ]
)
_AUTH_PARAM = re.compile(r'([A-Za-z_][\w-]*)(\s*=\s*)("[^"]*"|[^\s,"]+)')
_COOKIE_PAIR = re.compile(r"(\s*)([^=;\s]+)=([^;]*)")
#: Secrets that are known by their look wherever they stand.
_LOOKS = re.compile(
    r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*"
    r"|(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    r"|(?<![A-Za-z0-9])(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}"
    r"|(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{30,}|(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}"
    r"|(?<=-----BEGIN PRIVATE KEY-----)[A-Za-z0-9+/=\s\\]+(?=-----END)"
    r"|(?<=-----BEGIN RSA PRIVATE KEY-----)[A-Za-z0-9+/=\s\\]+(?=-----END)"
    r"|(?<=-----BEGIN EC PRIVATE KEY-----)[A-Za-z0-9+/=\s\\]+(?=-----END)"
)


class Masking:
    """Puts something else in the place of every secret of an exchange.

    stands_for  what stands for a secret: `Pseudonyms.of`, or a vault's lookup, which undoes it
    masks       what is a secret
    """

    def __init__(self, stands_for: Callable[[str], str], masks: Masks | None = None) -> None:
        self.masks = masks or Masks()
        self.stands_for = stands_for

    def mask(self, exchange: Exchange) -> Exchange:
        """The exchange without its secrets. What could not be looked into is left out, and noted."""
        return _Sweep(self.masks, self.stands_for).exchange(exchange)


class _Sweep:
    """One exchange on its way: first by structure, which gathers the secrets, then literally."""

    def __init__(self, masks: Masks, stands_for: Callable[[str], str]) -> None:
        self.masks = masks
        self.stands_for = stands_for
        self.found: dict[str, str] = {}
        self.masked: dict[str, None] = {}
        self.notes: list[str] = []

    def exchange(self, exchange: Exchange) -> Exchange:
        for literal in self.masks.literals:
            self.secret(literal)
        request = self.request(exchange.request)
        response = self.response(exchange.response)
        calls = [
            replace(call, request=self.request(call.request), response=self.response(call.response))
            for call in exchange.calls
        ]
        texts = self.literally()
        return replace(
            exchange,
            request=_over_request(request, texts),
            response=_over_response(response, texts),
            calls=tuple(_over_call(call, texts) for call in calls),
            session=texts(
                self.secret(exchange.session) if exchange.session in self.found else exchange.session
            ),
            name=texts(exchange.name),
            notes=tuple(texts(note) for note in (*exchange.notes, *self.notes)),
            masked=tuple(dict.fromkeys((*exchange.masked, *self.masked))),
        )

    def secret(self, value: str) -> str:
        made = self.stands_for(value)
        if made != value:
            self.found[value] = made
        return made

    def told(self, what: str) -> None:
        self.masked[what] = None

    # ---- messages

    def request(self, request: Request) -> Request:
        headers = self.headers(request.headers)
        body = self.body(request.headers, request.body)
        return replace(
            request,
            url=self.url(request.url),
            headers=_with_length(headers, request.body, body),
            body=body,
        )

    def response(self, response: Response | None) -> Response | None:
        if response is None:
            return None
        headers = self.headers(response.headers)
        body = self.body(response.headers, response.body)
        return replace(response, headers=_with_length(headers, response.body, body), body=body)

    def url(self, url: str) -> str:
        """Query, fragment and credentials of a URL."""
        base, mark, rest = url.partition("?")
        query, hash_mark, fragment = rest.partition("#")
        if not mark:
            base, hash_mark, fragment = url.partition("#")
        userinfo = re.match(r"([a-z][a-z0-9+.-]*://)([^/@\s]+)@", base, re.IGNORECASE)
        if userinfo is not None:
            user, colon, password = userinfo[2].partition(":")
            shown = f"{self.secret(user)}{colon}{self.secret(password)}"
            base = f"{userinfo[1]}{shown}@{base[userinfo.end() :]}"
            self.told("url credentials")
        parameters = self.parameters
        return base + mark + parameters(query, "query") + hash_mark + (parameters(fragment, "fragment"))

    def parameters(self, text: str, kind: str) -> str:
        if "=" not in text:
            return text
        return mask_form(text, self.masks.parameter, self.secret, lambda name: self.told(f"{kind} {name}"))

    def headers(self, headers: HeaderPairs) -> HeaderPairs:
        made = []
        for name, value in headers:
            lower = name.lower()
            new = value
            if self.masks.header(lower):
                new = self.header(lower, value)
            elif lower in _URL_HEADERS or "://" in value:
                new = self.url(value)
            if new != value:
                self.told(f"header {name}")
            made.append((name, new))
        return tuple(made)

    def header(self, name: str, value: str) -> str:
        if name == "cookie":
            return _COOKIE_PAIR.sub(lambda pair: f"{pair[1]}{pair[2]}={self.quoted(pair[3])}", value)
        if name == "set-cookie":
            first, rest = value.partition(";")[0], value[len(value.partition(";")[0]) :]
            return _COOKIE_PAIR.sub(lambda pair: f"{pair[1]}{pair[2]}={self.quoted(pair[3])}", first) + rest
        if name.endswith("authorization"):
            return self.authorization(value)
        return self.secret(value)

    def quoted(self, value: str) -> str:
        """A value that may stand in quotes, with blanks round it."""
        inner = value.strip().strip('"')
        return value.replace(inner, self.secret(inner)) if inner else value

    def authorization(self, value: str) -> str:
        scheme, blank, rest = value.partition(" ")
        if not blank:
            return self.secret(value)
        if scheme.lower() == "basic":
            return f"{scheme} {self.basic(rest.strip())}"
        if "=" in rest.rstrip("=") and "," in rest:
            return f"{scheme} " + _AUTH_PARAM.sub(self.auth_param, rest)
        return f"{scheme} {self.secret(rest)}"

    def auth_param(self, match: re.Match[str]) -> str:
        name, equals, value = match.groups()
        if name.lower() in _PUBLIC_AUTH:
            return match.group()
        return f"{name}{equals}{self.quoted(value)}"

    def basic(self, text: str) -> str:
        """Name and password, each by its pseudonym, so that what decodes them still can."""
        try:
            user, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return self.secret(text)
        plain = f"{self.secret(user)}{colon}{self.secret(password)}"
        made = base64.b64encode(plain.encode()).decode()
        self.found[text] = made
        return made

    # ---- bodies

    def body(self, headers: HeaderPairs, body: bytes) -> bytes:
        if not body:
            return body
        coding = ", ".join(header_values(headers, "content-encoding"))
        if not coding:
            return self.plain(headers, body)
        try:
            plain = decode(body, coding, _BODY_LIMIT)
            made = self.plain(headers, plain)
            return body if made == plain else encode(made, coding)
        except WireError:
            if looks_like_json(body[:64].decode("latin-1")):
                # browsers' exports: decoded already, the header still there
                return self.plain(headers, body)
            self.notes.append(
                f"a body under Content-Encoding {coding} was left out: it cannot be searched for secrets"
            )
            return b""

    def plain(self, headers: HeaderPairs, body: bytes) -> bytes:
        kind = media_type(headers)
        content_type = next(header_values(headers, "content-type"), "")
        coding = charset(headers)
        try:
            text = body.decode(coding)
            if text.encode(coding) != body:
                raise ValueError
        except ValueError:
            coding, text = "latin-1", body.decode("latin-1")
        masks = self.masks
        if kind == "application/x-www-form-urlencoded":
            text = self.parameters(text, "form")
        elif kind.startswith("multipart/"):
            boundary = content_type.partition("boundary=")[2].partition(";")[0].strip('" ')
            if boundary:
                text = mask_multipart(text, boundary, masks.parameter, self.secret, self.told)
        elif kind.endswith("json") or looks_like_json(text):
            text = mask_json(text, masks.member, self.secret, self.told)
        elif kind.endswith("xml") or text.lstrip()[:1] == "<":
            text = mask_xml(text, masks.element, self.secret, self.told)
        elif kind in ("", "text/plain") and re.match(r"[\w.~%-]+=[^\s]*\Z", text):
            text = self.parameters(text, "form")
        return text.encode(coding, "replace")

    # ---- literally

    def literally(self) -> Callable[[str], str]:
        """What replaces each secret that was found, however it is written, and what looks like a secret anywhere."""
        ways: dict[str, str] = {}
        for secret, made in self.found.items():
            if not _tells(secret):
                continue
            for write in _WRITINGS:
                ways.setdefault(write(secret), write(made))
        known = (
            re.compile("|".join(_alone(text) for text in sorted(ways, key=len, reverse=True)))
            if ways
            else None
        )
        ours = set(self.found.values())

        def looked(match: re.Match[str]) -> str:
            return match[0] if match[0] in ours else self.stands_for(match[0])

        def over(text: str) -> str:
            if known is not None:
                text = known.sub(lambda match: ways[match[0]], text)
            return _LOOKS.sub(looked, text)

        return over


def _alone(text: str) -> str:
    """A pattern for a text; one of digits is not to be found within a longer number."""
    pattern = re.escape(text)
    return rf"(?<!\d){pattern}(?!\d)" if text.isdigit() else pattern


def _tells(secret: str) -> bool:
    """Whether a text is so much its own that it is a secret wherever it stands; short words occur by chance."""
    return len(secret) >= 2 * _LITERAL or (len(secret) >= _LITERAL and not secret.isalpha())


def _json_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _base64_text(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()


_WRITINGS: tuple[Callable[[str], str], ...] = (
    str,
    lambda text: quote(text, safe="", errors="replace"),
    lambda text: quote_plus(text, errors="replace"),
    _json_text,
    escape,
    _base64_text,
)


def _over_request(request: Request, over: Callable[[str], str]) -> Request:
    body = _over_body(request.headers, request.body, over)
    headers = tuple((name, over(value)) for name, value in request.headers)
    return replace(
        request, url=over(request.url), headers=_with_length(headers, request.body, body), body=body
    )


def _over_response(response: Response | None, over: Callable[[str], str]) -> Response | None:
    if response is None:
        return None
    body = _over_body(response.headers, response.body, over)
    headers = tuple((name, over(value)) for name, value in response.headers)
    return replace(response, headers=_with_length(headers, response.body, body), body=body)


def _over_call(call: UpstreamCall, over: Callable[[str], str]) -> UpstreamCall:
    return replace(
        call,
        request=_over_request(call.request, over),
        response=_over_response(call.response, over),
        failure_text=over(call.failure_text),
    )


def _over_body(headers: HeaderPairs, body: bytes, over: Callable[[str], str]) -> bytes:
    if not body:
        return body
    coding = ", ".join(header_values(headers, "content-encoding"))
    plain = body
    if coding:
        try:
            plain = decode(body, coding, _BODY_LIMIT)
        except WireError:
            coding = ""
    text = plain.decode("utf-8", "surrogateescape")
    made = over(text)
    if made == text:
        return body
    data = made.encode("utf-8", "surrogateescape")
    return encode(data, coding) if coding else data


def _with_length(headers: HeaderPairs, before: bytes, after: bytes) -> HeaderPairs:
    """Content-Length follows the body."""
    if len(before) == len(after):
        return headers
    old, new = str(len(before)), str(len(after))
    return tuple(
        (name, new if name.lower() == "content-length" and value == old else value) for name, value in headers
    )
