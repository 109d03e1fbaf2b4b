"""Schemas of OpenAPI documents as validators of jsonschema-rs.

OpenAPI 3.0 and Swagger 2.0 extend JSON Schema draft 4, 3.1 is draft 2020-12. What those drafts do not know is said in
their words: `nullable`, `discriminator`, numeric formats, and properties that are read-only or write-only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

from apiproxy_policies.openapi.document import Direction, Document

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

#: What is wrong with a value, each a sentence; empty when nothing is.
Check = Callable[[Any], list[str]]

_ROOT = "apiproxy:document"
#: members that hold names, not keywords
_NAMES = frozenset(("properties", "patternProperties", "definitions", "$defs", "schemas", "dependentSchemas"))
#: members that hold values, not schemas
_VALUES = frozenset(("example", "examples", "default", "enum", "const"))
_RANGES = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
#: of so many things that are wrong the rest is not told
_MOST_ERRORS = 20


class SchemaError(ValueError):
    """A schema that cannot be compiled."""


class Schemas:
    """Compiles the schemas of a document for requests or for responses."""

    def __init__(self, document: Document, direction: Direction) -> None:
        # compiled code of some size, loaded when the first bundle needs it
        import jsonschema_rs

        self.document = document
        self._hidden = "readOnly" if direction == "request" else "writeOnly"
        draft_4 = document.version != "3.1"
        self._validator: Any = (
            jsonschema_rs.Draft4Validator if draft_4 else jsonschema_rs.Draft202012Validator
        )
        draft = jsonschema_rs.Draft4 if draft_4 else jsonschema_rs.Draft202012
        try:
            self._registry = jsonschema_rs.Registry([(_ROOT, self._rewrite(document.root, ""))], draft=draft)
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            raise SchemaError(str(error)) from None
        self._referencing_error = jsonschema_rs.ReferencingError

    def compile(self, schema: Any) -> Check:
        """A function that says what is wrong with a value. Raises SchemaError."""
        if not schema or schema is True:
            return lambda value: []
        try:
            validator = self._validator(
                self._rewrite(schema, _ROOT),
                registry=self._registry,
                validate_formats=True,
                formats={"date": _is_date},
                offline=True,
            )
        except (ValueError, TypeError, self._referencing_error) as error:
            raise SchemaError(str(error)) from None
        is_valid, iter_errors = validator.is_valid, validator.iter_errors

        def check(value: Any) -> list[str]:
            try:
                return [] if is_valid(value) else describe(iter_errors(value))
            except (ValueError, RecursionError) as error:
                return [str(error)]

        return check

    def _rewrite(self, node: Any, base: str, named: bool = False) -> Any:
        """A copy in the draft's own words; references get `base` in front. `named`: the keys are names."""
        if isinstance(node, list):
            return [self._rewrite(each, base) for each in node]
        if not isinstance(node, dict):
            return node
        if named:
            return {key: self._rewrite(each, base) for key, each in node.items()}
        reference = node.get("$ref")
        if isinstance(reference, str):
            self.document.find(reference)
            if reference in self.document.dangling:
                return {}
        new = {
            key: each if key in _VALUES else self._rewrite(each, base, key in _NAMES)
            for key, each in node.items()
        }
        if isinstance(reference, str):
            new["$ref"] = base + reference
        return self._say(new, base)

    def _say(self, schema: dict[str, Any], base: str) -> dict[str, Any]:
        required, properties = schema.get("required"), schema.get("properties")
        if isinstance(required, list) and isinstance(properties, dict):
            schema["required"] = [name for name in required if not self._is_hidden(properties.get(name))]
            if not schema["required"]:
                del schema["required"]
        bounds = _RANGES.get(str(schema.get("format")))
        if bounds is not None and schema.get("type") in ("integer", "number"):
            low, high = bounds
            schema["allOf"] = [*schema.get("allOf", []), {"minimum": low, "maximum": high}]
        discriminator = schema.get("discriminator")
        if isinstance(discriminator, dict):
            self._choose(schema, discriminator, base)
        if schema.pop("nullable", None) is True and self.document.version == "3.0":
            return _nullable(schema)
        return schema

    def _is_hidden(self, schema: Any) -> bool:
        found = self.document.resolve(schema)
        return isinstance(found, dict) and found.get(self._hidden) is True

    def _choose(self, schema: dict[str, Any], discriminator: dict[str, Any], base: str) -> None:
        """oneOf and anyOf with a discriminator: the branch that the property's value names has to fit."""
        name = discriminator.get("propertyName")
        for keyword in ("oneOf", "anyOf"):
            branches = schema.get(keyword)
            if not isinstance(name, str) or not isinstance(branches, list):
                continue
            values = [_discriminator_values(branch, discriminator, base) for branch in branches]
            if not all(values):
                continue
            del schema[keyword]
            schema.setdefault("allOf", []).append({"required": [name]})
            schema["anyOf"] = [
                {"allOf": [{"properties": {name: {"enum": value}}}, branch]}
                for value, branch in zip(values, branches, strict=True)
            ]
            return


def _discriminator_values(branch: Any, discriminator: dict[str, Any], base: str) -> list[str]:
    """The values that mean a branch: the mapping's keys for it, and else the schema's name."""
    reference = branch.get("$ref") if isinstance(branch, dict) else None
    if not isinstance(reference, str):
        return []
    reference = reference.removeprefix(base)
    name = reference.rpartition("/")[2]
    mapping = discriminator.get("mapping")
    if not isinstance(mapping, dict):
        return [name]
    named = [key for key, target in mapping.items() if target in (reference, name)]
    return named or [name]


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(schema.get("type"), str) and not schema.keys() & {"allOf", "anyOf", "oneOf", "not"}:
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        return schema
    return {"anyOf": [{"enum": [None]}, schema]}


def _is_date(text: str) -> bool:
    try:
        return _DATE.fullmatch(text) is not None and date.fromisoformat(text) is not None
    except ValueError:
        return False


# ---- what is wrong, in words


def describe(errors: Any) -> list[str]:
    """Sentences for validation errors, in the words of the validator that Apigee has."""
    missing: dict[str, list[str]] = {}
    sentences: list[str] = []
    for error in errors:
        place = "".join(f"/{part}" for part in error.instance_path)
        if error.kind.name == "required":
            missing.setdefault(place, []).append(error.kind.property)
        else:
            sentences.append(_at(place) + _sentence(error))
        if len(sentences) >= _MOST_ERRORS:
            break
    names = [
        f"{_at(place)}Object has missing required properties ({_json(sorted(found))})"
        for place, found in missing.items()
    ]
    return [*names, *sentences]


def _at(place: str) -> str:
    return f"[Path '{place}'] " if place else ""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _sentence(error: ValidationError) -> str:
    kind, value = error.kind, error.instance
    words = _WORDS.get(kind.name)
    return words(kind.value, value) if words is not None else error.message


_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (str, "string"),
    (int, "integer"),
    (float, "number"),
    (list, "array"),
    (dict, "object"),
)


def _type_of(value: Any) -> str:
    return next((name for kind, name in _TYPES if isinstance(value, kind)), "null")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_WORDS: dict[str, Callable[[Any, Any], str]] = {
    "type": lambda types, value: (
        f"Instance type ({_type_of(value)}) does not match any allowed primitive type "
        f"(allowed: {_json(_listed(types))})"
    ),
    "enum": lambda options, value: (
        f"Instance value ({_json(value)}) not found in enum (possible values: {_json(options)})"
    ),
    "additionalProperties": lambda names, value: (
        f"Object instance has properties which are not allowed by the schema: {_json(names)}"
    ),
    "maximum": lambda limit, value: (
        f"Numeric instance is greater than the required maximum (maximum: {limit}, found: {value})"
    ),
    "minimum": lambda limit, value: (
        f"Numeric instance is lower than the required minimum (minimum: {limit}, found: {value})"
    ),
    "exclusiveMaximum": lambda limit, value: (
        f"Numeric instance is not strictly lower than the required maximum {limit}"
    ),
    "exclusiveMinimum": lambda limit, value: (
        f"Numeric instance is not strictly greater than the required minimum {limit}"
    ),
    "maxLength": lambda limit, value: (
        f"String {_json(value)} is too long (length: {len(value)}, maximum allowed: {limit})"
    ),
    "minLength": lambda limit, value: (
        f"String {_json(value)} is too short (length: {len(value)}, required minimum: {limit})"
    ),
    "maxItems": lambda limit, value: (
        f"Array is too long: must have at most {limit} elements but instance has {len(value)} elements"
    ),
    "minItems": lambda limit, value: (
        f"Array is too short: must have at least {limit} elements but instance has {len(value)} elements"
    ),
    "pattern": lambda pattern, value: (
        f"ECMA 262 regex {_json(pattern)} does not match input string {_json(value)}"
    ),
    "format": lambda name, value: f"String {_json(value)} is invalid against requested format {name}",
}
