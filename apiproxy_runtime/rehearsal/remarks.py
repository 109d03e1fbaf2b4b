"""What a kong.yml says of itself: the comments that `apiproxy convert` leaves, as the reason of a difference.

A comment is a reason for what its own policy, route rule or target made, and for nothing else: one that names a header
or the body explains no other part of the message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from msgspec import Struct, field

from apiproxy_runtime.rehearsal.cause import is_of_address

_SAID = re.compile(r"# (?:TODO|NOTE) (?P<file>.+?:\d+|\S+): (?P<text>.+)")
_ENTITY = re.compile(r"- name: .+")
_TAG = re.compile(r"""- ["']?apigee-policy:(?P<policy>.+?)["']?""")
_MADE_BY_US = re.compile(r"""- ["']?apigee-proxy:.+""")
_FAULT_RULE = re.compile(r"the fault rule .+? runs (?P<policies>.+?): ")
_ROUTE_RULE = re.compile(r"the route rule (?P<name>.+?) applies if ")
_CAUSE = re.compile(r"(?P<kind>route rule |service )?(?P<name>[^()]+?)(?: \(.*:(?P<line>\d+)\))?")
_PART = re.compile(
    r"the (?:(?:Header|header) (?P<header>[^\s,]+)|QueryParam (?P<parameter>[^\s,]+)|(?P<body>body)\b|(?P<all>headers)\b)"
)
#: Remarks that are told of one difference.
MOST = 3
_AGAIN = "as above"
#: What a target's comment is about: where its calls go, or a header of them.
_OF_TARGETS = (
    (re.compile("slash that the target has|the query|<Authentication>.*query"), "url"),
    (re.compile("the address|target server|is the fallback|call the proxy|host what runs|it is no HTTP"), "address"),
    (re.compile("<Authentication>"), "header.authorization"),
)  # fmt: skip
#: Kinds of differences where the old side had nothing.
_EXTRA = frozenset(("extra", "header-extra", "call-extra", "call-repeated", "effect-extra"))


class Entity(Struct):
    """A service, route or plugin that comments stand above. `policies` are those that a plugin is tagged with."""

    said: list[tuple[str, str]] = field(default_factory=list)
    policies: set[str] = field(default_factory=set)
    converted: bool = False

    def remarks(self) -> Iterator[str]:
        """What the comments say of the entity, those about no policy first: they tell why it stands there at all."""
        yield from (text for policy, text in reversed(self.said) if not policy)
        for policy, text in self.said:
            if policy in self.policies or (policy and not self.converted):
                yield text


class Remarks(Struct, frozen=True):
    """The comments by the policy and the route rule they are about, and by the line of what they stand above."""

    of_policy: dict[str, list[str]] = field(default_factory=dict)
    of_rule: dict[str, str] = field(default_factory=dict)
    above: dict[int, Entity] = field(default_factory=dict)

    def reason(
        self, path: str, kind: str, cause_before: str, cause_after: str, *, raised: bool = False
    ) -> str:
        """Why the old side's step has no equal, or what the new side's plugin stands for; empty for unknown.

        `path` and `kind` are those of the difference; `raised` says that the old side's step raised a fault.
        """
        old, new = _CAUSE.fullmatch(cause_before), _CAUSE.fullmatch(cause_after)
        entity = self.above.get(int(new["line"] or 0)) if new is not None else None
        if old is not None:
            if old["kind"] == "route rule " and old["name"] in self.of_rule:
                return self.of_rule[old["name"]]
            plugin = entity if new is not None and not new["kind"] else None
            if kind not in _EXTRA or self._is_about(old["name"], plugin):
                told = _fitting(self.of_policy.get(old["name"], ()), path, raised=raised)
                if told:
                    return told
        if new is None or entity is None:
            return ""
        if new["kind"] == "service ":
            return next((text for text in entity.remarks() if _of_target(text, path)), "")
        of_policies = chain.from_iterable(self.of_policy.get(name, ()) for name in sorted(entity.policies))
        return _fitting(chain(entity.remarks(), of_policies), path)

    def _is_about(self, policy: str, entity: Entity | None) -> bool:
        """Whether what a policy leaves out can make something appear: not when another plugin than its own made it."""
        if entity is None or policy in entity.policies:
            return True
        return not any(policy in one.policies for one in self.above.values())


def _fitting(texts: Iterable[str], path: str, *, raised: bool = False) -> str:
    """The remark about this part of the message, else those about the whole of it.

    `raised` says that the step failed: it may have failed on what any of its remarks is about.
    """
    whole, parts = [], []
    for text in texts:
        part = _PART.match(text)
        if part is None:
            whole.append(text)
        elif _is_of(part, path):
            return text
        else:
            parts.append(text)
    told = whole or (parts if raised else [])
    return "; or: ".join(dict.fromkeys(told[:MOST]))


def _is_of(part: re.Match[str], path: str) -> bool:
    if part["body"]:
        return path.startswith("body") or path == "header.content-type"
    if part["all"]:
        return path.startswith("header.")
    if part["parameter"]:
        return path == f"url.query.{part['parameter']}"
    return path == f"header.{part['header'].lower()}"


def _of_target(text: str, path: str) -> bool:
    for sign, about in _OF_TARGETS:
        if sign.search(text) is not None:
            if about == "address":
                return is_of_address(path) or not path.startswith("header.")
            return path.startswith(about) or (about == "url" and not path.startswith("header."))
    return False


def remarks_in(text: str) -> Remarks:
    """Read the comments of a kong.yml, whoever wrote it; one without comments has no remarks."""
    remarks = Remarks()
    said: list[tuple[str, str]] = []
    others: dict[str, str] = {}
    entity = Entity()
    for number, line in enumerate(text.splitlines(), 1):
        written = line.strip()
        comment = _SAID.match(written)
        if comment is not None:
            said.append(_remark(comment["file"], comment["text"], remarks, others))
        elif not written.startswith("#"):
            tagged = _TAG.fullmatch(written)
            if tagged is not None:
                entity.policies.add(tagged["policy"])
            elif _ENTITY.match(written) is not None:
                entity = remarks.above[number] = Entity(said)
            entity.converted |= _MADE_BY_US.fullmatch(written) is not None
            said = []
    return remarks


def _remark(file: str, text: str, remarks: Remarks, others: dict[str, str]) -> tuple[str, str]:
    """The policy that a comment is about, empty for none, and what it says; it is noted by what it is about.

    `others` are the comments about no policy, by how they begin: a later one says just that it is as above.
    """
    fault_rule, route_rule = _FAULT_RULE.match(text), _ROUTE_RULE.match(text)
    if fault_rule is not None:
        for name in fault_rule["policies"].split(", "):
            remarks.of_policy.setdefault(name, []).append(text)
        return fault_rule["policies"], text
    if route_rule is not None:
        remarks.of_rule.setdefault(route_rule["name"], text)
        return route_rule["name"], text
    policy, _, about = text.partition(": ")
    if not about or (" " in policy and f"/{policy}.xml:" not in file):
        return "", others.get(policy, text) if about == _AGAIN else others.setdefault(policy, text)
    known = remarks.of_policy.setdefault(policy, [])
    if about != _AGAIN:
        known.append(about)
        return policy, about
    return policy, known[0] if known else policy
