"""OpenAPI documents: read from YAML or JSON, with their references, servers and keys.

Understood are Swagger 2.0 and OpenAPI 3.0 and 3.1. References within the document are followed; a reference that leads
out of it, or nowhere, allows anything, and whoever reads the document is told.
"""

from __future__ import annotations

import json
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from msgspec import Struct, field

Version = Literal["2.0", "3.0", "3.1"]
Direction = Literal["request", "response"]
_VERSIONS: dict[str, Version] = {"2.0": "2.0", "3.0": "3.0", "3.1": "3.1"}
VERBS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
#: aliases of YAML can make a short text a huge document
_MOST_NODES = 1_000_000


class DocumentError(ValueError):
    """A text that is no OpenAPI document."""


class Document(Struct):
    """A document whose keys are all strings.

    version   of the specification, without its patch number
    dangling  references that lead nowhere, found so far
    """

    root: dict[str, Any]
    version: Version
    dangling: list[str] = field(default_factory=list)

    def resolve(self, node: Any) -> Any:
        """The node itself, or what its `$ref` leads to; {} for one that leads nowhere."""
        for _ in range(32):
            if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
                return node
            node = self.find(node["$ref"])
        return {}

    def find(self, reference: str) -> Any:
        """What `#/components/…` is; {} when it is not there, which is noted."""
        found: Any = self.root
        if reference != "#":
            for part in reference[2:].split("/") if reference.startswith("#/") else ("",):
                key = unquote(part).replace("~1", "/").replace("~0", "~")
                if isinstance(found, dict) and key in found:
                    found = found[key]
                elif isinstance(found, list) and key.isdigit() and int(key) < len(found):
                    found = found[int(key)]
                else:
                    if reference not in self.dangling:
                        self.dangling.append(reference)
                    return {}
        return found

    def mapping(self, node: Any) -> dict[str, Any]:
        """The resolved node if it is an object, else an empty one."""
        found = self.resolve(node)
        return found if isinstance(found, dict) else {}

    def items(self, node: Any) -> list[Any]:
        found = self.resolve(node)
        return found if isinstance(found, list) else []

    @property
    def paths(self) -> dict[str, dict[str, Any]]:
        """Path templates and their path items."""
        return {
            path: self.mapping(item)
            for path, item in self.mapping(self.root.get("paths")).items()
            if path.startswith("/")
        }

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What stands before the paths in the servers' URLs, or is the basePath; without a slash at the end."""
        if self.version == "2.0":
            found = [str(self.root.get("basePath") or "")]
        else:
            found = [
                _server_path(self.mapping(server))
                for holder in (self.root, *self.paths.values())
                for server in self.items(holder.get("servers"))
            ]
        return tuple(dict.fromkeys(prefix.rstrip("/") for prefix in found if prefix.strip("/")))

    @property
    def api_keys(self) -> set[tuple[str, str]]:
        """(place, name) of the keys that security schemes ask for; places are query, header and cookie."""
        if self.version == "2.0":
            schemes = self.mapping(self.root.get("securityDefinitions"))
        else:
            schemes = self.mapping(self.mapping(self.root.get("components")).get("securitySchemes"))
        found = (self.mapping(scheme) for scheme in schemes.values())
        return {
            (str(scheme.get("in")), str(scheme.get("name")))
            for scheme in found
            if scheme.get("type") == "apiKey"
        }


def _server_path(server: dict[str, Any]) -> str:
    """The path of a server's URL, its variables at their defaults."""
    url = str(server.get("url") or "")
    variables = server.get("variables")
    for name, variable in variables.items() if isinstance(variables, dict) else ():
        if isinstance(variable, dict):
            url = url.replace("{" + name + "}", str(variable.get("default", "")))
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def read_document(data: bytes) -> Document:
    """Read a document. Raises DocumentError."""
    text = data.decode("utf-8-sig", "replace")
    try:
        loaded = json.loads(text) if text.lstrip().startswith("{") else _load_yaml(text)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"it is neither JSON nor YAML: {error}") from None
    root = _plain(loaded)
    if not isinstance(root, dict):
        raise DocumentError("it is not an object")
    version = str(root.get("openapi") or root.get("swagger") or "")
    short = ".".join(version.split(".")[:2])
    known = _VERSIONS.get(short)
    if known is not None:
        return Document(root, known)
    if not version:
        raise DocumentError('it has neither "openapi" nor "swagger"')
    raise DocumentError(f"OpenAPI {version} is not supported, 2.0, 3.0 and 3.1 are")


def _load_yaml(text: str) -> Any:
    import yaml  # few bundles have such a document, and it takes a while to load

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # dates stay texts, as they are in JSON
    resolvers = {
        first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
        for first, pairs in base.yaml_implicit_resolvers.items()
    }
    loader = type("Loader", (base,), {"yaml_implicit_resolvers": resolvers})
    try:
        return yaml.load(text, loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def _plain(value: Any) -> Any:
    """A copy in which all keys are strings, as in JSON; aliases are written out. Raises DocumentError."""
    left = _MOST_NODES

    def copy(node: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise DocumentError("it is too big")
        if isinstance(node, dict):
            return {
                str(key).lower() if isinstance(key, bool) else str(key): copy(each)
                for key, each in node.items()
            }
        return [copy(each) for each in node] if isinstance(node, list) else node

    try:
        return copy(value)
    except RecursionError:
        raise DocumentError("it is nested too deeply") from None
