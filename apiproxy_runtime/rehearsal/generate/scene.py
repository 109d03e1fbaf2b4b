"""A case in the making: what the client sends and what upstreams answer, in parts that can be set one by one."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

from msgspec import Struct, field

from apiproxy_runtime.rehearsal.exchange import Request, Response

HOST = "api.example.com"


class Answer(Struct):
    """What an upstream answers. `failure` is a kind of CallFailed in place of an answer."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    document: Any = None
    text: str | None = None
    failure: str = ""

    def response(self) -> Response | None:
        if self.failure:
            return None
        headers = dict(self.headers)
        body = b""
        if self.text is not None:
            body = self.text.encode()
            headers.setdefault(
                "Content-Type", "application/xml" if self.text.startswith("<") else "text/plain"
            )
        elif self.document is not None:
            body = json.dumps(self.document).encode()
            headers.setdefault("Content-Type", "application/json")
        return Response(self.status, tuple(headers.items()), body)


class Scene(Struct):
    """`base_path` and `suffix` make the path. `answers` are by who calls: `target`, or the name of a policy."""

    base_path: str
    suffix: str = ""
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] = field(default_factory=dict)
    document: Any = None
    text: str | None = None
    content_type: str = ""
    raw_path: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    #: what the scene leaves to chance, for people
    hopes: tuple[str, ...] = ()

    def copy(self) -> Scene:
        return copy.deepcopy(self)

    def parts(self, kind: str) -> dict[str, str]:
        """The headers, or the parameters of `query` or `form`; raises KeyError for another kind of part."""
        return {"header": self.headers, "query": self.query, "form": self.form}[kind]

    def answer(self, caller: str) -> Answer:
        """The answer for a caller, made when there is none yet."""
        return self.answers.setdefault(caller, Answer())

    def request(self) -> Request:
        path = (
            self.raw_path
            or quote(self.base_path.rstrip("/") + self.suffix, safe="/%:@!$&'()*+,;=~-._")
            or "/"
        )
        query = "&".join(
            f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in self.query.items()
        )
        headers = {"Host": HOST, **self.headers}
        body, kind = b"", self.content_type
        if self.text is not None:
            body, kind = (
                self.text.encode(),
                kind or ("application/xml" if self.text.startswith("<") else "text/plain"),
            )
        elif self.document is not None:
            body, kind = json.dumps(self.document).encode(), kind or "application/json"
        elif self.form:
            body, kind = urlencode(self.form).encode(), kind or "application/x-www-form-urlencoded"
        names = {name.lower() for name in headers}
        if kind and "content-type" not in names:
            headers["Content-Type"] = kind
        if body or self.method in ("POST", "PUT", "PATCH"):
            # as clients do: Apigee answers 411 to those that do not say how long their body is
            headers["Content-Length"] = str(len(body))
        return Request(self.method, f"{path}?{query}" if query else path, tuple(headers.items()), body)


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def put_json(document: Any, path: list[str | int], value: Any) -> Any:
    """The document with a value at a path of names and positions."""
    if not path:
        return value
    step, *rest = path
    if isinstance(step, int):
        items = list(document) if isinstance(document, list) else []
        while len(items) <= step:
            items.append({})
        items[step] = put_json(items[step], rest, value)
        return items
    members = dict(document) if isinstance(document, dict) else {}
    members[step] = put_json(members.get(step), rest, value)
    return members


def drop_json(document: Any, path: list[str | int]) -> Any:
    """The document without what stands at a path."""
    step, *rest = path
    if isinstance(document, dict) and step in document:
        found = dict(document)
        if rest:
            found[str(step)] = drop_json(found[str(step)], rest)
        else:
            del found[str(step)]
        return found
    return document


def xml_of(paths: dict[tuple[str, ...], str], namespaces: dict[str, str]) -> str:
    """A document that has a text at each path of element names (`@name` at the end for an attribute)."""
    tree: dict[str, Any] = {}
    for path, value in paths.items():
        here = tree
        for step in path[:-1]:
            inner = here.setdefault(step, {})
            if not isinstance(inner, dict):
                inner = here[step] = {"": inner}
            here = inner
        here[path[-1]] = value
    declared = "".join(f' xmlns:{prefix}="{escape(uri)}"' for prefix, uri in namespaces.items())
    return "".join(_element(name, inner, declared) for name, inner in tree.items())


def _element(name: str, inner: Any, declared: str = "") -> str:
    if not isinstance(inner, dict):
        return f"<{name}{declared}>{escape(str(inner))}</{name}>"
    attributes = "".join(
        f' {key[1:]}="{escape(str(value))}"' for key, value in inner.items() if key.startswith("@")
    )
    content = "".join(
        escape(str(value)) if key == "" else _element(key, value)
        for key, value in inner.items()
        if not key.startswith("@")
    )
    return f"<{name}{declared}{attributes}>{content}</{name}>"
