"""Troubles: what goes wrong in production, done to a scene that goes well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.rehearsal.generate.origins import Origin, Origins
from apiproxy_runtime.rehearsal.generate.scene import Answer, Scene

_STATUSES = (404, 500, 503, 401, 400, 403, 409, 429, 302)
_FAILURES = ("read_timeout", "unreachable", "connect_timeout", "eof")
#: Ways to write a path that gateways read differently.
PATHS = (
    ("trailing slash", "{path}/"),
    ("double slash", "/{path}"),
    ("double slash inside", "{base}//{rest}"),
    ("dot segment", "{base}/./{rest}"),
    ("parent segment", "{base}/x/../{rest}"),
    ("encoded slash", "{base}%2F{rest}"),
    ("encoded letter", "{base}/%61"),
    ("upper case", "{upper}"),
    ("matrix parameter", "{path};v=1"),
    ("encoded blank", "{base}/a%20b"),
    ("plus sign", "{base}/a+b"),
    ("umlaut", "{base}/%C3%BC"),
)

Told = tuple[str, Scene]


def upstream_troubles(scene: Scene, callers: Iterable[str]) -> Iterator[Told]:
    """Each upstream answers with an error, with nonsense, or not at all."""
    for caller in callers:
        for status in _STATUSES:
            yield (
                f"{caller} answers {status}",
                _answering(scene, caller, Answer(status, {}, {"error": str(status)})),
            )
        for failure in _FAILURES:
            yield f"{caller}: {failure}", _answering(scene, caller, Answer(failure=failure))
        yield (
            f"{caller} answers no JSON",
            _answering(scene, caller, Answer(200, {"Content-Type": "application/json"}, text="{not json")),
        )
        yield f"{caller} answers nothing", _answering(scene, caller, Answer(200, text=""))
        held = scene.answers.get(caller)
        if held is not None and held.document is not None:
            for name, value in (
                ("zeros", 0),
                ("big numbers", 1_000_000),
                ("texts", "text"),
                ("false", False),
                ("true", True),
            ):
                changed = scene.copy()
                changed.answer(caller).document = _all(held.document, value)
                yield f"{caller} answers with {name}", changed


def _answering(scene: Scene, caller: str, answer: Answer) -> Scene:
    changed = scene.copy()
    changed.answers[caller] = answer
    return changed


def _all(document: Any, value: Any) -> Any:
    if isinstance(document, dict):
        return {name: _all(inner, value) for name, inner in document.items()}
    if isinstance(document, list):
        return [_all(inner, value) for inner in document]
    return value


def body_troubles(scene: Scene) -> Iterator[Told]:
    """Bodies that are none."""
    for name, text, kind in (
        ("no JSON", "{not json", "application/json"),
        ("no XML", "<a><b></a>", "text/xml"),
        ("an empty body", "", "application/json"),
        ("a list", "[]", "application/json"),
        ("plain text", "hello", "text/plain"),
    ):
        changed = scene.copy()
        changed.text, changed.content_type, changed.document, changed.form = text, kind, None, {}
        if changed.method in ("GET", "HEAD", "DELETE"):
            changed.method = "POST"
        yield f"body: {name}", changed


def missing_parts(scene: Scene) -> Iterator[Told]:
    """Without one header, parameter or member; with one blank."""
    for kind in ("headers", "query", "form"):
        for name in list(getattr(scene, kind)):
            changed = scene.copy()
            del getattr(changed, kind)[name]
            yield f"without {name}", changed
    if isinstance(scene.document, dict):
        for name in scene.document:
            changed = scene.copy()
            del changed.document[name]
            yield f"without {name} in the body", changed
    if scene.document or scene.query:
        for value in (0, -1, 1_000_000, "text", True, False):
            changed = scene.copy()
            if scene.document:
                changed.document = _all(scene.document, value)
            changed.query = {name: str(value) for name in scene.query}
            yield f"every value {value!r}", changed


def key_troubles(scene: Scene, keys: Iterable[Origin]) -> Iterator[Told]:
    """Each credential: missing, blank, wrong."""
    for origin in keys:
        held = _held(scene, origin)
        if held is None:
            continue
        for name in [each for each in held if each.lower() == origin.name.lower()]:
            for what, value in (("no", None), ("a blank", ""), ("a wrong", "wrong-key-0000")):
                changed = scene.copy()
                there = _held(changed, origin)
                assert there is not None
                if value is None:
                    del there[name]
                else:
                    there[name] = value
                yield f"{what} {name}", changed


def _held(scene: Scene, origin: Origin) -> dict[str, str] | None:
    return {"header": scene.headers, "query": scene.query, "form": scene.form}.get(origin.kind)


def paths(scene: Scene) -> Iterator[Told]:
    """The same path, written in other ways."""
    base = scene.base_path.rstrip("/")
    rest = scene.suffix.lstrip("/")
    path = base + scene.suffix
    for name, shape in PATHS:
        changed = scene.copy()
        changed.raw_path = shape.format(path=path, base=base, rest=rest, upper=path.upper())
        if changed.raw_path.startswith("/"):
            yield f"path: {name}", changed
    for method in ("HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"):
        if method != scene.method:
            changed = scene.copy()
            changed.method = method
            yield f"method {method}", changed


def threats(scene: Scene, bundles: Iterable[Bundle]) -> Iterator[Told]:
    """Bodies at a limit of the threat protection policies, and one over it; what their patterns look for."""
    for bundle in bundles:
        for policy in bundle.policies.values():
            if policy.element == "JSONThreatProtection":
                yield from _json_threats(scene, policy.name, policy.node)
            elif policy.element == "XMLThreatProtection":
                yield from _xml_threats(scene, policy.name)
            elif policy.element == "RegularExpressionProtection":
                yield from _patterns(scene, policy.name)


def _json_threats(scene: Scene, name: str, node: Node) -> Iterator[Told]:
    makers: dict[str, Any] = {
        "ArrayElementCount": lambda count: {"list": [1] * count},
        "ContainerDepth": _nested,
        "ObjectEntryCount": lambda count: {f"k{number}": 1 for number in range(count)},
        "ObjectEntryNameLength": lambda count: {"n" * count: 1},
        "StringValueLength": lambda count: {"text": "s" * count},
    }
    for tag, make in makers.items():
        limit = (node.child_text(tag, "") or "").strip()
        if limit.isdigit() and 0 < int(limit) < 100_000:
            for count in (int(limit), int(limit) + 1):
                changed = scene.copy()
                changed.method = scene.method if scene.method in ("POST", "PUT", "PATCH") else "POST"
                changed.document, changed.text, changed.content_type = make(count), None, "application/json"
                yield f"{name}: {tag} {count}", changed


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


def _xml_threats(scene: Scene, name: str) -> Iterator[Told]:
    for depth in (1, 12, 60):
        changed = scene.copy()
        changed.method = scene.method if scene.method in ("POST", "PUT", "PATCH") else "POST"
        changed.text, changed.content_type = "<a>" * depth + "x" + "</a>" * depth, "text/xml"
        changed.document = None
        yield f"{name}: {depth} elements deep", changed


def _patterns(scene: Scene, name: str) -> Iterator[Told]:
    for attack in (
        "' or 1=1; drop table users; --",
        "<script>alert(1)</script>",
        "exec xp_cmdshell",
        "{{constructor}}",
    ):
        for kind in ("query", "headers"):
            changed = scene.copy()
            held = getattr(changed, kind)
            for each in list(held) or ["q"]:
                held[each] = attack
            yield f"{name}: {attack}", changed


def callers_of(bundles: Iterable[Bundle], origins: Origins) -> list[str]:
    """Whoever calls upstreams."""
    policies = [
        policy.name
        for bundle in bundles
        for policy in bundle.policies.values()
        if policy.element in ("ServiceCallout", "ExternalCallout")
    ]
    return ["target", *dict.fromkeys((*origins.callers.values(), *policies))]
