"""Postman collections, version 2.0 and 2.1: folders, variables, authorization, all kinds of bodies, saved examples."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PureWindowsPath
from typing import Any
from urllib.parse import quote, urlencode

from msgspec import Struct, field

from apiproxy_runtime.rehearsal.exchange import Exchange, Request, Response
from apiproxy_runtime.rehearsal.har import BadRecording
from apiproxy_runtime.rehearsal.importers.multipart import Part, multipart

_VARIABLE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_LANGUAGES = {
    "json": "application/json", "xml": "application/xml", "html": "text/html", "text": "text/plain",
    "javascript": "application/javascript", "graphql": "application/graphql",
}  # fmt: skip
#: Postman's dynamic variables, as values that are the same on each import.
_DYNAMIC = {
    "$guid": "6f9619ff-8b86-4011-b42d-00c04fc964ff", "$randomuuid": "6f9619ff-8b86-4011-b42d-00c04fc964ff",
    "$timestamp": "1700000000", "$isotimestamp": "2023-11-14T22:13:20.000Z", "$randomint": "500",
    "$randomemail": "jane.doe@example.com", "$randomfirstname": "Jane", "$randomlastname": "Doe",
    "$randomboolean": "true", "$randomword": "word",
}  # fmt: skip
_DEPTH = 10


def read_postman(path: Path) -> Iterator[Exchange]:
    """Each request of a collection, followed by its saved examples with their responses.

    `NAME.postman_environment.json` files beside the collection give values to variables. Raises BadRecording, OSError.
    """
    try:
        collection = json.loads(path.read_text("utf-8-sig"))
        items = collection["item"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadRecording(
            f"{path}: this is no Postman collection: {type(error).__name__} {error}. "
            "Export the collection as v2.1."
        ) from None
    values = {**_values(collection.get("variable")), **_environment(path.parent)}
    scope = _Scope(values, collection.get("auth"), path.parent)
    numbers = iter(range(1, 1 << 31))
    for item, name, inner in _walk(items, scope, ""):
        try:
            yield _exchange(item["request"], str(next(numbers)), name, inner, scripts=bool(item.get("event")))
            for example in item.get("response") or ():
                found = _example(example, item["request"], str(next(numbers)), name, inner)
                if found is not None:
                    yield found
        except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
            raise BadRecording(
                f"{path}: the request {name!r} cannot be read: {type(error).__name__} {error}. "
                "Mend it in Postman, and export the collection as v2.1."
            ) from None


class _Scope(Struct):
    """What folders hand down."""

    values: dict[str, str]
    auth: Mapping[str, Any] | None
    folder: Path
    notes: list[str] = field(default_factory=list)

    def text(self, text: object, depth: int = 0) -> str:
        """A text with its variables in place; unknown ones stay, and are noted."""

        def value(match: re.Match[str]) -> str:
            name = match[1]
            found = self.values.get(name, _DYNAMIC.get(name.lower()))
            if found is None:
                self.notes.append(f"the variable {{{{{name}}}}} has no value")
                return match[0]
            if name.startswith("$"):
                self.notes.append(f"{name} has a fixed value")
            return self.text(found, depth + 1) if depth < _DEPTH else found

        return _VARIABLE.sub(value, "" if text is None else str(text))


def _walk(
    items: list[dict[str, Any]], scope: _Scope, folder: str
) -> Iterator[tuple[dict[str, Any], str, _Scope]]:
    for item in items:
        name = f"{folder}{item.get('name', '')}"
        inner = _Scope(
            {**scope.values, **_values(item.get("variable"))}, item.get("auth") or scope.auth, scope.folder
        )
        if "item" in item:
            yield from _walk(item["item"], inner, f"{name} / ")
        elif "request" in item:
            yield item, name, inner


def _values(variables: list[dict[str, Any]] | None) -> dict[str, str]:
    return {
        str(item.get("key", item.get("id"))): str(item.get("value", ""))
        for item in variables or ()
        if not item.get("disabled") and item.get("enabled", True)
    }


def _environment(folder: Path) -> dict[str, str]:
    values: dict[str, str] = {}
    for file in sorted(folder.glob("*.postman_environment.json")):
        values |= _values(json.loads(file.read_text("utf-8-sig")).get("values"))
    return values


def _exchange(
    request: Any,
    number: str,
    name: str,
    scope: _Scope,
    scripts: bool = False,
    response: Response | None = None,
) -> Exchange:
    scope.notes = []
    made = _request({"url": request} if isinstance(request, str) else request, scope)
    if scripts:
        scope.notes.append("scripts of the collection are not run")
    return Exchange(number, made, response, name=name, notes=tuple(dict.fromkeys(scope.notes)))


def _example(example: dict[str, Any], request: Any, number: str, name: str, scope: _Scope) -> Exchange | None:
    """A saved example; None for one that has no status."""
    code = example.get("code")
    if not isinstance(code, int):
        return None
    body = str(example.get("body") or "").encode()
    headers = tuple(
        (str(item["key"]), str(item.get("value", ""))) for item in _enabled(example.get("header"))
    )
    response = Response(code, headers, body, str(example.get("status") or ""))
    label = f"{name} / {example.get('name', code)}"
    return _exchange(example.get("originalRequest") or request, number, label, scope, response=response)


def _request(given: Mapping[str, Any], scope: _Scope) -> Request:
    method = scope.text(given.get("method") or "GET")
    url = _url(given["url"], scope)
    headers = [
        (scope.text(item["key"]), scope.text(item.get("value"))) for item in _enabled(given.get("header"))
    ]
    names = {name.lower() for name, _ in headers}
    content_type, body = _body(given.get("body"), scope)
    if content_type and "content-type" not in names:
        headers.append(("Content-Type", content_type))
    url, more = _authorize(given.get("auth") or scope.auth, url, scope)
    headers += [(name, value) for name, value in more if name.lower() not in names]
    host = Request("GET", url).host
    head = [("Host", host)] if host and "host" not in names else []
    tail = [("Content-Length", str(len(body)))] if body and "content-length" not in names else []
    return Request(method, url, (*head, *headers, *tail), body)


def _enabled(items: Any) -> list[dict[str, Any]]:
    if isinstance(items, str):
        lines = (line.partition(":") for line in items.splitlines() if line.strip())
        return [{"key": name.strip(), "value": value.strip()} for name, _, value in lines]
    return [item for item in items or () if isinstance(item, dict) and not item.get("disabled")]


def _url(url: Any, scope: _Scope) -> str:
    if isinstance(url, str):
        text = scope.text(url)
    elif url.get("host") or url.get("path"):
        text = _composed(url, scope)
    else:
        text = scope.text(url["raw"])
    if not text:
        raise ValueError("it has no URL")
    text = text.partition("#")[0]
    if "://" not in text and not text.startswith("/"):
        text = f"http://{text}"
    return quote(text, safe="%/:=&?~#+!$,;'@()*[]{}")


def _composed(url: Mapping[str, Any], scope: _Scope) -> str:
    host = url.get("host") or ""
    host = scope.text(".".join(host) if isinstance(host, list) else host)
    path = url.get("path") or []
    steps = (
        path.split("/")
        if isinstance(path, str)
        else [str(step.get("value", "") if isinstance(step, dict) else step) for step in path]
    )
    values = {item.get("key", item.get("id")): item.get("value") for item in url.get("variable") or ()}
    steps = [str(values.get(step[1:]) or "1") if step.startswith(":") else step for step in steps]
    where = "/".join(scope.text(step) for step in steps)
    protocol = scope.text(url.get("protocol") or "")
    text = host if "://" in host or not host else f"{protocol or 'http'}://{host}"
    text += f":{scope.text(url['port'])}" if url.get("port") else ""
    text += f"/{where.lstrip('/')}"
    query = [
        scope.text(item["key"])
        + (f"={_part(scope.text(item['value']))}" if item.get("value") is not None else "")
        for item in _enabled(url.get("query"))
        if item.get("key") is not None
    ]
    return f"{text}?{'&'.join(query)}" if query else text


def _part(value: str) -> str:
    return quote(value, safe="%/:~!$,;'@()*[]{}+?=")


def _body(body: Mapping[str, Any] | None, scope: _Scope) -> tuple[str, bytes]:
    """(Content-Type, body)."""
    if not body or body.get("disabled"):
        return "", b""
    mode = body.get("mode")
    if mode == "raw":
        language = ((body.get("options") or {}).get("raw") or {}).get("language", "text")
        raw = scope.text(body.get("raw"))
        return (_LANGUAGES.get(language, "text/plain") if raw else ""), raw.encode()
    if mode == "urlencoded":
        fields = [
            (scope.text(item["key"]), scope.text(item.get("value"))) for item in _enabled(body.get(mode))
        ]
        return "application/x-www-form-urlencoded", urlencode(fields).encode()
    if mode == "formdata":
        return multipart([part for item in _enabled(body.get(mode)) for part in _parts(item, scope)])
    if mode == "graphql":
        graphql = body.get("graphql") or {}
        text = scope.text(graphql.get("variables"))
        sent = {
            "query": scope.text(graphql.get("query")),
            "variables": json.loads(text) if text.strip() else {},
        }
        return "application/json", json.dumps(sent).encode()
    if mode == "file":
        source = (body.get("file") or {}).get("src")
        return "application/octet-stream", _file(source, scope)
    return "", b""


def _parts(item: Mapping[str, Any], scope: _Scope) -> Iterator[Part]:
    name, kind = scope.text(item["key"]), str(item.get("contentType") or "")
    if item.get("type") != "file":
        yield Part(name, scope.text(item.get("value")).encode(), "", kind)
        return
    sources = item.get("src") or ()
    for source in [sources] if isinstance(sources, str) else sources:
        yield Part(name, _file(source, scope), PureWindowsPath(source).name, kind)


def _file(source: str | None, scope: _Scope) -> bytes:
    """A file beside the collection; an absent one is empty, and noted."""
    file = scope.folder / PureWindowsPath(source).name if source else None
    if file is None or not file.is_file():
        scope.notes.append(f"the file {source} is not beside the collection: an empty one is sent")
        return b""
    return file.read_bytes()


def _authorize(auth: Mapping[str, Any] | None, url: str, scope: _Scope) -> tuple[str, list[tuple[str, str]]]:
    """The URL and the headers that an authorization adds."""
    kind = (auth or {}).get("type", "noauth")
    if auth is None or kind == "noauth":
        return url, []
    given = auth.get(kind)
    # version 2.1 has a list of pairs, version 2.0 an object
    held = given if isinstance(given, dict) else {item["key"]: item.get("value") for item in given or ()}
    values = {name: scope.text(value) for name, value in held.items()}
    if kind == "basic":
        pair = f"{values.get('username', '')}:{values.get('password', '')}"
        return url, [("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())]
    if kind == "bearer":
        return url, [("Authorization", f"Bearer {values.get('token', '')}")]
    if kind == "apikey":
        name, value = values.get("key", ""), values.get("value", "")
        if values.get("in") == "query":
            return f"{url}{'&' if '?' in url else '?'}{quote(name)}={quote(value, safe='')}", []
        return url, [(name, value)]
    if kind == "oauth2" and values.get("accessToken"):
        token = values["accessToken"]
        if values.get("addTokenTo") == "queryParams":
            return f"{url}{'&' if '?' in url else '?'}access_token={quote(token, safe='')}", []
        return url, [
            ("Authorization", f"{values.get('headerPrefix') or 'Bearer'} {token}".replace("  ", " "))
        ]
    scope.notes.append(f"authorization of the type {kind} is not made: the request is sent without")
    return url, []
