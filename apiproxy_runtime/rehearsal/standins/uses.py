"""What a bundle does with a variable, and hence which stand-in value will do for it: a key, an address, a number."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from apiproxy_runtime.bundle.model import Bundle, HTTPTargetConnection
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.expression.condition.nodes import Comparison, Operator
from apiproxy_runtime.rehearsal.generate.constraints import ways
from apiproxy_runtime.rehearsal.generate.goals import goals_of
from apiproxy_runtime.rehearsal.generate.origins import Origins
from apiproxy_runtime.rehearsal.standins.keypair import ALGORITHMS, key_pair, key_set

#: From what an entry is called to its value.
Make = Callable[[str], str]

_NUMBERS = {
    "Allow": "1000",
    "Interval": "1",
    "TimeUnit": "minute",
    "Rate": "100ps",
    "MessageWeight": "1",
    "TimeoutInSec": "300",
    "TimeoutInSeconds": "300",
    "ExpiryTimeInSecs": "300",
    "ExpiryTimeInSeconds": "300",
    "CacheExpiryInSeconds": "60",
    "ExpiresIn": "1h",
    "TimeAllowance": "30s",
    "Port": "443",
}
#: Claims of tokens by their type.
_CLAIMS = {"number": "1", "boolean": "true", "map": "{}"}
#: Policies whose lifetimes are numbers of milliseconds.
_MILLISECONDS = {"OAuthV2": "3600000"}
_TEMPLATE = re.compile(r"\{([\w.\-]+)\}")
_KEY_SETS = re.compile(r"(?i)jwks?$")
_PRIVATE_KEYS = re.compile(r"(?i)private[._-]?key$")
_PUBLIC_KEYS = re.compile(r"(?i)public[._-]?key$")
_ADDRESSES = re.compile(r"(?i)(ur[li]|endpoint|address|basepath)$")
_HOSTS = re.compile(r"(?i)(host|domain|hostname|server)$")
_AMOUNTS = re.compile(r"(?i)(timeout|ttl|expiry|limit|count|port|interval|size|seconds|max|min|rate|quota)$")
_FLAGS = re.compile(r"(?i)(enabled?|disabled?|flag|active)$")
_EQUAL = (Operator.EQUALS, Operator.EQUALS_CASE_INSENSITIVE)


class Uses:
    """The uses of all variables of some bundles."""

    def __init__(self, bundles: Sequence[Bundle], origins: Origins) -> None:
        self._makes: dict[str, Make] = {}
        #: variable → those that policies set to it
        self._followers: dict[str, list[str]] = {}
        for follower, variable in origins.aliases.items():
            self._followers.setdefault(variable, []).append(follower)
        for variable, make in _uses(bundles):
            self._makes.setdefault(variable, make)

    def value(self, variables: Iterable[str], name: str) -> str:
        """A value for a variable that comes from an entry called `name`; `variables` are the names it goes by."""
        found = next((make for make in map(self._make, variables) if make is not None), None)
        return (found or _by_name(name))(name)

    def _make(self, variable: str, depth: int = 0) -> Make | None:
        make = self._makes.get(variable)
        if make is not None or depth > 3:
            return make
        found = (self._make(follower, depth + 1) for follower in self._followers.get(variable, ()))
        return next((make for make in found if make is not None), None)


def _uses(bundles: Sequence[Bundle]) -> Iterator[tuple[str, Make]]:
    for bundle in bundles:
        for policy in bundle.policies.values():
            yield from _policy_uses(policy.node)
        for target in bundle.targets.values():
            connection = target.connection
            if isinstance(connection, HTTPTargetConnection):
                yield from _address_uses(connection.url or "")
    yield from _compared(bundles)


def _policy_uses(policy: Node) -> Iterator[tuple[str, Make]]:
    pair = _algorithm(policy)
    for node in policy.walk():
        ref = (node.attributes.get("ref") or node.attributes.get("countRef") or "").strip()
        if node.tag == "JWKS":
            yield node.attributes.get("uriRef", "").strip(), lambda name: f"https://{host_of(name)}/keys"
            yield ref, _key_set
        elif node.tag == "PublicKey":
            yield _ref_below(node, "Value"), lambda name: key_pair(pair).public_pem
            yield _ref_below(node, "Certificate"), lambda name: key_pair(pair).certificate
        elif node.tag == "PrivateKey":
            yield _ref_below(node, "Value"), lambda name: key_pair(pair).private_pem
        elif node.tag in ("SecretKey", "PasswordKey", "DirectKey"):
            yield ref or _ref_below(node, "Value"), _secret
        elif node.tag == "URL":
            yield from _address_uses(node.text)
        elif node.tag == "AssignVariable" and node.child_text("Name") == "target.url":
            yield node.child_text("Ref", ""), _address
            yield from _address_uses(node.child_text("Template", ""))
        elif node.tag == "Claim" and node.attributes.get("type", "string") in _CLAIMS:
            yield ref, _always(_CLAIMS[node.attributes["type"]])
        elif node.tag in _NUMBERS:
            number = _NUMBERS[node.tag]
            if node.tag == "ExpiresIn":
                number = _MILLISECONDS.get(policy.tag, number)
            yield ref, _always(number)


def _algorithm(policy: Node) -> str:
    """The signature algorithm that a policy's key pair must fit."""
    names = re.split(r"[,\s]+", policy.child_text("Algorithm", ""))
    encryption = policy.child("Algorithms")
    if encryption is not None and encryption.child_text("Key", "").startswith("ECDH"):
        return "ES256"
    return next((name for name in names if name in ALGORITHMS), "RS256")


def _ref_below(node: Node, tag: str) -> str:
    child = node.child(tag)
    return child.attributes.get("ref", "").strip() if child is not None else ""


def _address_uses(template: str) -> Iterator[tuple[str, Make]]:
    """Variables at the beginning of an address, or where its host stands."""
    text = template.strip()
    for match in _TEMPLATE.finditer(text):
        before = text[: match.start()]
        if not before:
            yield match[1], _address if not text[match.end() :].startswith("://") else _always("https")
        elif before.endswith("://"):
            yield match[1], host_of


def _compared(bundles: Sequence[Bundle]) -> Iterator[tuple[str, Make]]:
    """What conditions ask a variable to be."""
    seen: set[int] = set()
    for goal in goals_of(bundles):
        for need in goal.needs:
            if need.node is None or id(need.node) in seen:
                continue
            seen.add(id(need.node))
            for atom in (atom for way in ways(need.node, True) for atom in way):
                if not atom.wanted or not isinstance(atom.node, Comparison | None):
                    continue
                if atom.node is not None and atom.node.operator not in _EQUAL:
                    continue
                value = next((value for value in atom.candidates() if value and atom.holds(value)), None)
                if value is not None:
                    yield atom.variable, _always(value)


def _always(value: str) -> Make:
    return lambda name: value


def _by_name(name: str) -> Make:
    for shape, make in (
        (_KEY_SETS, _key_set),
        (_PRIVATE_KEYS, _private_key),
        (_PUBLIC_KEYS, _public_key),
        (_ADDRESSES, _address),
        (_HOSTS, host_of),
        (_AMOUNTS, _always("60")),
        (_FLAGS, _always("true")),
    ):
        if shape.search(name):
            return make
    return lambda name: f"stand-in-{name}"


def _key_set(name: str) -> str:
    return json.dumps(key_set())


def _private_key(name: str) -> str:
    return key_pair("RS256").private_pem


def _public_key(name: str) -> str:
    return key_pair("RS256").public_pem


def _secret(name: str) -> str:
    """Hexadecimal digits: long enough for HS512, and right as text, as hex and as Base64."""
    return hashlib.sha512(f"stand-in secret {name}".encode()).hexdigest()


def _address(name: str) -> str:
    return f"https://{host_of(name)}"


def host_of(name: str) -> str:
    """A host name made of any name, in a domain that nobody can own (RFC 2606)."""
    return f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-') or 'stand-in'}.example"
