"""What bundles and their environment say is secret: the places keys come in at, `private.` variables, the debug mask."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.rehearsal.masks import Masks

#: Elements that name the variable a credential comes in by, as `ref` or as text.
_CREDENTIALS = frozenset(
    (
        "APIKey",
        "AccessToken",
        "RefreshToken",
        "Password",
        "ClientId",
        "ClientSecret",
        "PassWord",
        "Source",
        "Assertion",
    )
)
_SOURCE_ONLY_IN = frozenset(("BasicAuthentication", "VerifyJWT", "DecodeJWT", "VerifyJWS", "DecodeJWS"))
_PART = re.compile(
    r"(?:request|message|response)\.(header|queryparam|formparam)\.([^\s.{}]+)(?:\.\d+|\.values.*)?\Z"
)
_PRIVATE = re.compile(r"\{private\.")
_NAME = re.compile(r"[\w-]+\Z")


def masks_of(bundles: Iterable[Bundle], environment: Environment, test_data: TestData) -> Masks:
    """The masks that bundles, environment and test data ask for."""
    headers, parameters, paths, elements = set[str](), set[str](), set[str](), set[str]()

    def add(variable: str) -> None:
        match = _PART.match(variable)
        if match is not None:
            (headers if match[1] == "header" else parameters).add(match[2].lower())

    for bundle in bundles:
        for policy in bundle.policies.values():
            for variable in _credential_variables(policy.element, policy.node):
                add(variable)
            for kind, name in _private_parts(policy.node):
                {"Header": headers, "JSONPath": paths, "XPath": elements}.get(kind, parameters).add(
                    name.lower()
                )
    mask = environment.debug_mask
    for variable in mask.variables:
        add(variable)
    for path in (*mask.request_json_paths, *mask.response_json_paths, *mask.fault_json_paths):
        paths.add(json_path(path))
    for path in (*mask.request_xpaths, *mask.response_xpaths, *mask.fault_xpaths):
        elements.add(local_name(path))
    return Masks(
        frozenset(headers),
        frozenset(parameters),
        frozenset(paths),
        frozenset(elements - {""}),
        frozenset(secret for secret in _held(test_data) if len(secret) >= 6),
    )


def json_path(path: str) -> str:
    """A JSONPath as masks write it: lower case, dots only, no indices; `$..name` is `..name`."""
    plain = re.sub(r"\[\s*['\"]([^'\"]+)['\"]\s*\]", r".\1", path.strip())
    plain = re.sub(r"\[[^\]]*\]", "", plain).lower()
    if ".." in plain:
        return ".." + plain.rpartition(".")[2]
    return plain if plain.startswith("$") else f"$.{plain}"


def local_name(path: str) -> str:
    """The name at the end of an XPath, without prefix; empty when there is none."""
    last = re.sub(r"\[[^\]]*\]|/text\(\)\s*\Z", "", path.strip()).rpartition("/")[2]
    name = last.lstrip("@").rpartition(":")[2].lower()
    return name if _NAME.match(name) else ""


def _credential_variables(element: str, node: Node) -> Iterator[str]:
    for inner in node.walk():
        if inner.tag in _CREDENTIALS and (inner.tag != "Source" or element in _SOURCE_ONLY_IN):
            yield inner.attributes.get("ref", "").strip()
            yield inner.text.strip()


def _private_parts(policy: Node) -> Iterator[tuple[str, str]]:
    """What is read into or made from `private.` variables: (Header, QueryParam, FormParam, JSONPath or XPath; name)."""
    for node in policy.walk():
        texts = [node.text, *(child.text for child in node.children)]
        if node.tag in ("Header", "QueryParam", "FormParam") and any(_PRIVATE.search(text) for text in texts):
            yield node.tag, node.attributes.get("name", "")
        if node.tag == "Variable" and node.attributes.get("name", "").startswith("private."):
            for child in node.children:
                if child.tag == "JSONPath":
                    yield "JSONPath", json_path(child.text)
                elif child.tag == "XPath":
                    yield "XPath", local_name(child.text)


def _held(test_data: TestData) -> Iterator[str]:
    """Keys and secrets of apps, and values of encrypted maps."""
    for app in test_data.apps:
        for credential in app.credentials:
            yield credential.consumer_key
            yield credential.consumer_secret
    for table in test_data.maps:
        if table.encrypted:
            yield from table.entries.values()
