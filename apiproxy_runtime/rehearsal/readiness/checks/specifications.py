"""X022: what OASValidation of Apigee X trips over in a specification."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject

_DEEPEST = 100
_VERBS = frozenset(("get", "put", "post", "delete", "options", "head", "patch", "trace"))


def _find(subject: Subject) -> Iterator[Hit]:
    for policy in subject.policies("OASValidation"):
        url = policy.node.child_text("OASResource", "")
        resource = subject.bundle.resource(url)
        text = subject.text(resource) if resource is not None else None
        if resource is None or text is None:
            continue
        try:
            document = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError):
            yield Hit(Place(resource.file), "the specification cannot be read", policy)
            continue
        if isinstance(document, dict):
            for message in dict.fromkeys(_judge(document)):
                yield Hit(Place(resource.file), message, policy)


def _judge(document: dict[str, Any]) -> Iterator[str]:
    if document.get("security"):
        yield "security for all operations is not read (289583112)"
    paths = document.get("paths")
    for path, item in (paths if isinstance(paths, dict) else {}).items():
        if not isinstance(item, dict):
            continue
        if any(
            isinstance(parameter, dict) and "$ref" in parameter and parameter.get("in", "path") == "path"
            for parameter in _list(item.get("parameters"))
        ):
            yield f"{path}: path parameters by $ref (292558790)"
        operations = [value for verb, value in item.items() if verb in _VERBS and isinstance(value, dict)]
        for operation in (item, *operations):
            for parameter in _list(operation.get("parameters")):
                schema = parameter.get("schema") if isinstance(parameter, dict) else None
                in_header = isinstance(parameter, dict) and parameter.get("in") == "header"
                if in_header and isinstance(schema, dict) and schema.get("type") == "array":
                    yield f"{path}: the header parameter {parameter.get('name')} is an array (268104619)"
    components = document.get("components")
    schemas = components.get("schemas") if isinstance(components, dict) else document.get("definitions")
    known: dict[str, Any] = schemas if isinstance(schemas, dict) else {}
    for name, schema in known.items():
        if _circular(str(name), known):
            yield f"the schema {name} refers to itself (297012500)"
        yield from _schema(str(name), schema, 0)


def _schema(name: str, schema: Any, depth: int) -> Iterator[str]:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return
    combined = any(schema.get(word) for word in ("allOf", "oneOf", "anyOf"))
    if combined and schema.get("additionalProperties") is False:
        yield f"the schema {name} combines others and forbids further properties (438850078)"
    discriminator = schema.get("discriminator")
    mapping = discriminator.get("mapping") if isinstance(discriminator, dict) else None
    if isinstance(mapping, dict) and any(str(value).endswith(f"/{name}") for value in mapping.values()):
        yield f"the discriminator of {name} leads to {name} itself (289254725)"
    for word in ("enum", "multipleOf", "minimum", "maximum", "default"):
        values = schema.get(word)
        if any(isinstance(value, float) for value in (values if isinstance(values, list) else [values])):
            yield f"{word} of {name} is a number with a fraction, which YAML may write otherwise (289254725)"
            break
    for child in schema.values():
        for inner in child.values() if isinstance(child, dict) else _list(child):
            yield from _schema(name, inner, depth + 1)


def _circular(name: str, schemas: Mapping[str, Any]) -> bool:
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        for found in _references(schemas.get(waiting.pop()), 0):
            if found == name:
                return True
            if found not in seen:
                seen.add(found)
                waiting.append(found)
    return False


def _references(value: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            yield reference.rpartition("/")[2]
        for child in value.values():
            yield from _references(child, depth + 1)
    elif isinstance(value, list):
        for child in value:
            yield from _references(child, depth + 1)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


CHECK = Check(
    "X022",
    "changes",
    "specifications of OASValidation",
    "a known issue: such a specification is read in another way, or calls are refused that should pass",
    "Rehearse each operation with a good and a bad call.",
    _find,
    "https://docs.cloud.google.com/apigee/docs/release/known-issues",
)
