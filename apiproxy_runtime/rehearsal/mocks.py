"""Canned answers for outgoing calls, written by hand: the file given with `--mocks`.

YAML or JSON, a list, or an object with the list under `mocks`. Each entry says what it answers and how:

    - request:
        method: GET                     # any when left out
        host: stock.example.com         # with :port when it is not the scheme's own; * and ? are wildcards
        path: /v1/items/*               # ~ in front makes it a regular expression
        query: {sku: tea}               # these parameters, others may be there
        headers: {X-Region: eu}
        body: {contains: tea}           # or equals: text, matches: expression, json: value that the body holds
      response:
        status: 200
        headers: {Content-Type: application/json}
        json: {inStock: true}           # or body: text, base64: …, file: path beside the mocks file
      times: 1                          # used up after that many calls of one case; for ever when left out

`failure: unreachable` in place of `response` makes the call fail; the kinds are those of `CallFailed`.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl

import regex
import yaml
from msgspec import Struct

from apiproxy_runtime.rehearsal.exchange import Request, Response

Test = Callable[[str], bool]

FAILURES = frozenset(
    ("unreachable", "connect_timeout", "read_timeout", "deadline", "eof", "tls", "bad_response", "too_big")
)


class BadMocks(ValueError):
    """A mocks file that cannot be used; the text names the entry, what is wrong with it, and the cure."""


class Mock(Struct, frozen=True):
    """`fails` names the first thing of a request that does not fit, None when all does.

    answers_for  whether it names a `host[:port]`; one that fits any host names none
    """

    fails: Callable[[Request], str | None]
    response: Response | None
    failure: str
    times: int
    name: str
    answers_for: Test = lambda host: False


def read_mocks(path: Path) -> list[Mock]:
    """The mocks of a file, in order. Raises BadMocks, OSError."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadMocks(f"{path}: neither YAML nor JSON: {error}") from None
    entries = content.get("mocks") if isinstance(content, dict) else content
    if not isinstance(entries, list):
        raise BadMocks(f"{path}: a list of mocks, or an object with such a list under 'mocks', is needed")
    mocks = []
    for number, entry in enumerate(entries, 1):
        try:
            mocks.append(_mock(entry, path.parent, number))
        except (ValueError, TypeError, AttributeError, OSError, regex.error) as error:
            raise BadMocks(f"{path}: mock {number}: {error}") from None
    return mocks


def answering(address: str, document: object, name: str) -> Mock:
    """What answers every request for one address with a JSON document."""

    def fails(request: Request) -> str | None:
        return None if request.url == address else "url"

    body = json.dumps(document).encode()
    return Mock(fails, Response(200, (("Content-Type", "application/json"),), body), "", 0, name)


def _mock(entry: object, folder: Path, number: int) -> Mock:
    entry = _object(entry, "a mock", ("request", "response", "failure", "times", "name"))
    wanted = _object(
        entry.get("request") or {}, "request", ("method", "host", "path", "query", "headers", "body")
    )
    if ("response" in entry) == ("failure" in entry):
        raise ValueError("give either a response or a failure")
    failure = str(entry.get("failure", ""))
    if failure and failure not in FAILURES:
        raise ValueError(f"failure {failure!r} is none of {', '.join(sorted(FAILURES))}")
    response = None if failure else _response(entry.get("response") or {}, folder)
    name = str(entry.get("name") or f"mock {number}")
    host = str(wanted.get("host") or "").lower()
    names = _text_test(host) if host.strip("*") else lambda host: False
    return Mock(_condition(wanted), response, failure, int(entry.get("times") or 0), name, names)


def _response(given: object, folder: Path) -> Response:
    given = _object(given, "response", ("status", "headers", "json", "body", "base64", "file"))
    headers = [
        (str(name), str(value))
        for name, values in _object(given.get("headers") or {}, "headers").items()
        for value in (values if isinstance(values, list) else [values])
    ]
    body = b""
    if "json" in given:
        body = json.dumps(given["json"], ensure_ascii=False).encode()
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", "application/json"))
    elif "base64" in given:
        try:
            body = base64.b64decode(str(given["base64"]), validate=True)
        except binascii.Error as error:
            raise ValueError(f"base64: {error}") from None
    elif "file" in given:
        body = (folder / str(given["file"])).read_bytes()
    elif given.get("body") is not None:
        body = str(given["body"]).encode()
    status = int(given.get("status", 200))
    if not 100 <= status <= 599:
        raise ValueError(f"status {status} is none: use 100 to 599")
    return Response(status, tuple(headers), body)


def _condition(wanted: Mapping[str, Any]) -> Callable[[Request], str | None]:
    method = str(wanted.get("method") or "").upper()
    host = _text_test(str(wanted.get("host") or "*").lower())
    path = _text_test(str(wanted.get("path") or "*"))
    query = {str(k): str(v) for k, v in _object(wanted.get("query") or {}, "query").items()}
    headers = {str(k): _text_test(str(v)) for k, v in _object(wanted.get("headers") or {}, "headers").items()}
    body = _body_test(wanted.get("body"))

    def fails(request: Request) -> str | None:
        if method and request.method.upper() != method:
            return f"method is {request.method}, not {method}"
        if not host(request.host.lower()):
            return f"host is {request.host}, not {wanted['host']}"
        if not path(request.path):
            return f"path is {request.path}, not {wanted['path']}"
        if query:
            given = parse_qsl(request.query, keep_blank_values=True)
            for item in query.items():
                if item not in given:
                    return f"query has no {item[0]}={item[1]}"
        for name, test in headers.items():
            value = request.header(name)
            if value is None or not test(value):
                return f"header {name} is {value!r}"
        if not body(request.body):
            return "body does not fit"
        return None

    return fails


def _text_test(pattern: str) -> Test:
    if pattern == "*":
        return lambda text: True
    if pattern.startswith("~"):
        matches = regex.compile(pattern[1:]).fullmatch
        return lambda text: matches(text, timeout=1) is not None
    if any(sign in pattern for sign in "*?["):
        return lambda text: fnmatch.fnmatchcase(text, pattern)
    return lambda text: text == pattern


def _body_test(wanted: object) -> Callable[[bytes], bool]:
    if wanted is None:
        return lambda body: True
    if isinstance(wanted, str):
        wanted = {"equals": wanted}
    wanted = _object(wanted, "body", ("contains", "equals", "matches", "json"))
    if len(wanted) != 1:
        raise ValueError("body: give one of contains, equals, matches, json")
    ((how, value),) = wanted.items()
    if how == "json":
        return lambda body: _holds(_json(body), value)
    if how == "matches":
        search = regex.compile(str(value)).search
        return lambda body: search(body.decode("utf-8", "replace"), timeout=1) is not None
    text = str(value).encode()
    if how == "contains":
        return lambda body: text in body
    return lambda body: body == text


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _holds(actual: object, wanted: object) -> bool:
    """Whether `actual` has all that `wanted` has: objects may have more members."""
    if isinstance(wanted, dict):
        return isinstance(actual, dict) and all(
            key in actual and _holds(actual[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(actual, list) and len(actual) == len(wanted) and all(map(_holds, actual, wanted))
    return actual == wanted


def _object(value: object, what: str, members: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be an object")
    found = cast("dict[str, Any]", value)
    unknown = [str(key) for key in found if members and key not in members]
    if unknown:
        raise ValueError(f"{what} has no member {unknown[0]!r}: use {', '.join(members)}")
    return found
