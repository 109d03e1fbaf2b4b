"""What may stand in a kong.yml: fields with types, defaults and rules, for entities and for the configs of plugins.

One declaration serves to read and check a file, to fill in defaults, to write the reference, and to tell a converter
what it may write. The wordings are those of Kong's own schema library, so that they can be looked up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct, field

from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.jsonfile import JsonNode

Kind = Literal["string", "integer", "number", "boolean", "array", "set", "map", "record", "foreign", "any"]

#: What is read of a record: each field of its schema, None where there is neither a value nor a default.
Config = dict[str, Any]

_TEXT_RULE = Callable[[str], str]
_ARTICLE = {"integer": "an integer", "array": "an array"}


class Field(Struct, frozen=True):
    """One field of a record.

    element   of arrays and sets
    keys, values  of maps; None where anything goes
    fields    of records; a required record that is missing is read as an empty one, so that its defaults hold
    rule      says what is wrong with a text, "" when nothing is
    check     says what is wrong with a whole record that is otherwise right, as (field, message) pairs
    """

    kind: Kind
    doc: str = ""
    required: bool = False
    default: Any = None
    one_of: tuple[Any, ...] = ()
    between: tuple[float, float] | None = None
    above: float | None = None
    len_min: int = 0
    element: Field | None = None
    keys: Field | None = None
    values: Field | None = None
    fields: Mapping[str, Field] = field(default_factory=dict)
    rule: _TEXT_RULE | None = None
    check: Callable[[Config], list[tuple[str, str]]] | None = None

    def needs(self) -> Field:
        """The same field, required."""
        return Field(
            self.kind,
            self.doc,
            True,
            self.default,
            self.one_of,
            self.between,
            self.above,
            self.len_min,
            self.element,
            self.keys,
            self.values,
            self.fields,
            self.rule,
            self.check,
        )

    def type_text(self) -> str:
        """The type in a few words: `set of strings`, `map of string`, `one of GET, POST`."""
        if self.one_of:
            return "one of " + ", ".join(str(item) for item in self.one_of)
        if self.kind in ("array", "set") and self.element is not None:
            inner = "one of " + ", ".join(map(str, self.element.one_of)) if self.element.one_of else ""
            return f"{self.kind} of {inner or self.element.kind}"
        if self.kind == "map" and self.values is not None:
            return f"map of {self.values.type_text()}"
        if self.between is not None:
            return f"{self.kind}, {self.between[0]:g} to {self.between[1]:g}"
        if self.above is not None:
            return f"{self.kind} above {self.above:g}"
        return self.kind


def string(
    doc: str = "",
    default: str | None = None,
    *,
    one_of: tuple[str, ...] = (),
    rule: _TEXT_RULE | None = None,
    len_min: int = 1,
) -> Field:
    """A text, by default one that is not empty."""
    return Field("string", doc, default=default, one_of=one_of, rule=rule, len_min=len_min)


def integer(
    doc: str = "",
    default: int | None = None,
    *,
    between: tuple[float, float] | None = None,
    above: float | None = None,
    one_of: tuple[int, ...] = (),
) -> Field:
    return Field("integer", doc, default=default, between=between, above=above, one_of=one_of)


def number(
    doc: str = "",
    default: float | None = None,
    *,
    between: tuple[float, float] | None = None,
    above: float | None = None,
) -> Field:
    return Field("number", doc, default=default, between=between, above=above)


def boolean(doc: str = "", default: bool | None = None) -> Field:
    return Field("boolean", doc, default=default)


def array(element: Field, doc: str = "", default: list[Any] | None = None, *, len_min: int = 0) -> Field:
    return Field("array", doc, default=default, element=element, len_min=len_min)


def set_of(element: Field, doc: str = "", default: list[Any] | None = None, *, len_min: int = 0) -> Field:
    """An array in which nothing stands twice."""
    return Field("set", doc, default=default, element=element, len_min=len_min)


def map_of(
    values: Field, doc: str = "", *, keys: Field | None = None, default: dict[str, Any] | None = None
) -> Field:
    return Field("map", doc, default=default, values=values, keys=keys)


def record(
    fields: Mapping[str, Field],
    doc: str = "",
    *,
    optional: bool = False,
    check: Callable[[Config], list[tuple[str, str]]] | None = None,
) -> Field:
    return Field("record", doc, not optional, fields=fields, check=check)


def anything(doc: str = "") -> Field:
    """Any value; kept as it stands."""
    return Field("any", doc)


def foreign(doc: str = "") -> Field:
    """A reference to an entity, by name or id; read as a text."""
    return Field("foreign", doc)


def header_name(doc: str = "", default: str | None = None) -> Field:
    return string(doc, default, rule=check_header_name)


_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def check_header_name(text: str) -> str:
    if _HEADER.fullmatch(text):
        return ""
    return f"bad header name '{text}', allowed characters are A-Z, a-z, 0-9, '_', and '-'"


def read_record(
    node: JsonNode,
    fields: Mapping[str, Field],
    where: str,
    findings: Findings,
    *,
    check: Callable[[Config], list[tuple[str, str]]] | None = None,
    skip: frozenset[str] = frozenset(),
) -> Config | None:
    """The fields of a record with defaults filled in; None (and errors) when something is wrong.

    where  the path of the record for messages, `services[0]`
    skip   members that the caller reads itself
    """
    if not isinstance(node.value, dict):
        findings.error(node, "", f"{where}: expected a record, not {shown(node)}")
        return None
    before = len(findings.errors)
    config: Config = {}
    for name, value in node.value.items():
        if name in fields or name in skip or name in ("_comment", "_ignore"):
            continue
        cure = suggestion(name, list(fields))
        findings.error(value, "", f"{dotted(where, name)}: unknown field", cure)
    for name, known in fields.items():
        config[name] = read_field(node.value.get(name), known, dotted(where, name), findings, node)
    if check is not None and len(findings.errors) == before:
        for name, message in check(config):
            place = node.value.get(name, node)
            findings.error(place, "", f"{dotted(where, name) if name else where}: {message}")
    return config if len(findings.errors) == before else None


def read_field(node: JsonNode | None, known: Field, where: str, findings: Findings, parent: JsonNode) -> Any:
    """The value of a field, or its default; what is wrong becomes a finding."""
    if node is None or node.value is None:
        if known.default is not None:
            return _fresh(known.default)
        if known.kind == "record" and known.required:
            empty = JsonNode({}, parent.file, parent.line, parent.column)
            return read_record(empty, known.fields, where, findings, check=known.check)
        if known.required:
            findings.error(node or parent, "", f"{where}: required field missing")
        return None
    return _READERS[known.kind](node, known, where, findings)


def _fresh(value: Any) -> Any:
    return value.copy() if isinstance(value, (list, dict)) else value


def _wrong_type(node: JsonNode, known: Field, where: str, findings: Findings) -> None:
    wanted = _ARTICLE.get(known.kind, f"a {known.kind}")
    cure = "Put it in quotes." if known.kind == "string" and not isinstance(node.value, (dict, list)) else ""
    findings.error(node, "", f"{where}: expected {wanted}, not {shown(node)}", cure)


def _read_string(node: JsonNode, known: Field, where: str, findings: Findings) -> Any:
    if not isinstance(node.value, str):
        return _wrong_type(node, known, where, findings)
    text = node.value
    if known.one_of and text not in known.one_of:
        cure = suggestion(text, [str(item) for item in known.one_of])
        findings.error(node, "", f"{where}: expected one of: {', '.join(map(str, known.one_of))}", cure)
    elif len(text) < known.len_min:
        findings.error(node, "", f"{where}: length must be at least {known.len_min}")
    elif known.rule is not None and (wrong := known.rule(text)):
        findings.error(node, "", f"{where}: {wrong}")
    return text


def _read_number(node: JsonNode, known: Field, where: str, findings: Findings) -> Any:
    value = node.value
    if isinstance(value, float) and known.kind == "integer" and value.is_integer():
        value = int(value)
    allowed = (int, float) if known.kind == "number" else (int,)
    if isinstance(value, bool) or not isinstance(value, allowed):
        return _wrong_type(node, known, where, findings)
    assert isinstance(value, (int, float))
    if known.one_of and value not in known.one_of:
        findings.error(node, "", f"{where}: expected one of: {', '.join(map(str, known.one_of))}")
    elif known.between is not None and not known.between[0] <= value <= known.between[1]:
        low, high = known.between
        findings.error(node, "", f"{where}: value should be between {low:g} and {high:g}, not {value:g}")
    elif known.above is not None and not value > known.above:
        findings.error(node, "", f"{where}: value must be greater than {known.above:g}, not {value:g}")
    return value


def _read_boolean(node: JsonNode, known: Field, where: str, findings: Findings) -> Any:
    if not isinstance(node.value, bool):
        return _wrong_type(node, known, where, findings)
    return node.value


def _read_list(node: JsonNode, known: Field, where: str, findings: Findings) -> Any:
    if not isinstance(node.value, list):
        return _wrong_type(node, known, where, findings)
    if len(node.value) < known.len_min:
        findings.error(node, "", f"{where}: length must be at least {known.len_min}")
    assert known.element is not None
    element = known.element.needs() if known.element.default is None else known.element
    items = []
    for index, item in enumerate(node.value):
        value = read_field(item, element, f"{where}[{index}]", findings, node)
        if known.kind != "set" or value not in items:
            items.append(value)
    return items


def _read_map(node: JsonNode, known: Field, where: str, findings: Findings) -> Any:
    if not isinstance(node.value, dict):
        return _wrong_type(node, known, where, findings)
    assert known.values is not None
    read = {}
    for key, item in node.value.items():
        if known.keys is not None:
            _read_string(JsonNode(key, item.file, item.line, item.column), known.keys, where, findings)
        read[key] = read_field(item, known.values.needs(), f"{where}.{key}", findings, node)
    return read


def _read_record(node: JsonNode, known: Field, where: str, findings: Findings) -> Any:
    return read_record(node, known.fields, where, findings, check=known.check)


def _read_foreign(node: JsonNode, known: Field, where: str, findings: Findings) -> Any:
    if isinstance(node.value, str):
        return node.value
    if isinstance(node.value, dict) and len(node.value) == 1:
        key, value = next(iter(node.value.items()))
        if key in ("name", "id", "username") and isinstance(value.value, str):
            return value.value
    findings.error(node, "", f"{where}: expected a name or an id, not {shown(node)}")
    return None


def _read_any(node: JsonNode, known: Field, where: str, findings: Findings) -> Any:
    return node.plain()


_READERS: dict[Kind, Callable[[JsonNode, Field, str, Findings], Any]] = {
    "string": _read_string,
    "integer": _read_number,
    "number": _read_number,
    "boolean": _read_boolean,
    "array": _read_list,
    "set": _read_list,
    "map": _read_map,
    "record": _read_record,
    "foreign": _read_foreign,
    "any": _read_any,
}


def dotted(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def shown(node: JsonNode) -> str:
    """A value for messages."""
    value = node.value
    if isinstance(value, dict):
        return "a record"
    if isinstance(value, list):
        return "an array"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f'"{value}"' if isinstance(value, str) else str(value)
