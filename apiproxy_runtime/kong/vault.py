"""References to secrets, `{vault://env/NAME}`: filled in where Kong looks them up, told of where it does not.

Kong takes a reference for a secret in fields that its schemas call referenceable; anywhere else it is a text like any
other. Of its vaults only `env` is open source: the process environment. Source: "Secrets management", "Environment
variables vault", and the schemas of Kong Gateway 3.10.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qs, unquote, urlsplit

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.jsonfile import JsonNode

_SIGN = "{vault://"
_REFERENCE = re.compile(r"\{(vault://[^{}]*)\}")
#: Fields of entities and of plugins' configs that are referenceable, among those that are read here.
_OF_ENTITIES = {"certificates": frozenset(("cert", "key", "cert_alt", "key_alt"))}
_OF_PLUGINS = {"http-log": frozenset(("http_endpoint", "headers"))}
_PLAIN = "Kong does not look for secrets in this field: it takes the reference as it stands"
_PLAIN_CURE = 'Write ${{ env "DECK_NAME" }}, which decK fills in, or put the value in when you deploy.'


class Unresolved(ValueError):
    """A reference without a value; the text says why."""


def fill_vaults(root: JsonNode, findings: Findings, environment: Mapping[str, str]) -> JsonNode:
    """The tree with secrets in place of references; an error for one that has no value, a warning for plain text."""
    prefixes = _prefixes(root)

    def fill(node: JsonNode, secret: bool) -> JsonNode:
        value = node.value
        if isinstance(value, dict):
            plugin = value.get("name")
            of_plugin = _OF_PLUGINS.get(str(plugin.value), frozenset()) if plugin is not None else frozenset()
            members = {}
            for name, member in value.items():
                if name == "config" and of_plugin and isinstance(member.value, dict):
                    config = {key: fill(one, key in of_plugin) for key, one in member.value.items()}
                    members[name] = _with(member, config)
                elif name in _OF_ENTITIES and isinstance(member.value, list):
                    members[name] = _with(member, [entity(one, _OF_ENTITIES[name]) for one in member.value])
                else:
                    members[name] = fill(member, secret)
            return _with(node, members)
        if isinstance(value, list):
            return _with(node, [fill(one, secret) for one in value])
        if not isinstance(value, str) or _SIGN not in value:
            return node
        whole = _REFERENCE.fullmatch(value)
        if whole is None or not secret:
            findings.warning(node, "", _PLAIN, _PLAIN_CURE)
            return node
        try:
            return _with(node, resolve(whole[1], prefixes, environment))
        except Unresolved as why:
            findings.error(node, "", f"{value}: {why}")
            return node

    def entity(node: JsonNode, fields: frozenset[str]) -> JsonNode:
        if not isinstance(node.value, dict):
            return fill(node, False)
        return _with(node, {name: fill(one, name in fields) for name, one in node.value.items()})

    return fill(root, False)


def _with(node: JsonNode, value: dict[str, JsonNode] | list[JsonNode] | str) -> JsonNode:
    return JsonNode(value, node.file, node.line, node.column)


def _prefixes(root: JsonNode) -> dict[str, str]:
    """What stands in front of the variables of each vault `env`: of the built-in one nothing."""
    found = {"env": ""}
    listed = root.plain()
    vaults = listed.get("vaults") if isinstance(listed, dict) else None
    for vault in vaults if isinstance(vaults, list) else ():
        if isinstance(vault, dict) and vault.get("name") == "env" and isinstance(vault.get("prefix"), str):
            config = vault.get("config")
            prefix = config.get("prefix") if isinstance(config, dict) else None
            found[vault["prefix"]] = str(prefix or "")
    return found


def resolve(reference: str, prefixes: Mapping[str, str], environment: Mapping[str, str]) -> str:
    """The secret of `vault://VAULT/NAME`, or of its member with `/NAME/MEMBER`. Raises Unresolved.

    `prefixes` are the vaults that read the environment, with what their variables begin with.
    """
    try:
        parts = urlsplit(reference)
    except ValueError as error:
        raise Unresolved(f"it is no URL ({error}): write {{vault://env/NAME}}") from None
    if parts.netloc not in prefixes:
        raise Unresolved(
            f"there is no vault {parts.netloc!r} here: only environment variables are read, as {{vault://env/NAME}} or "
            "through an entity of vaults with the name env"
        )
    segments = [unquote(part) for part in parts.path.split("/") if part]
    if not segments:
        raise Unresolved("it names no secret: write {vault://env/NAME}")
    member = segments.pop() if len(segments) > 1 and not parts.path.endswith("/") else ""
    prefix = parse_qs(parts.query).get("prefix", [prefixes[parts.netloc]])[0]
    variable = f"{prefix}{'/'.join(segments)}".replace("-", "_").upper()
    if variable not in environment:
        raise Unresolved(f"the environment variable {variable} is not set: export {variable}=…")
    value = environment[variable]
    if not member:
        return value
    try:
        held = json.loads(value)
    except ValueError:
        held = None
    if not isinstance(held, dict) or not isinstance(held.get(member), str):
        raise Unresolved(f"the environment variable {variable} holds no JSON object with a text {member!r}")
    return str(held[member])
