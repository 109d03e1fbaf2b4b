"""Rules that make differences expected: rule packs that ship with the runtime, and the files given with `--accept`.

A rule covers differences by face, path, kind and case, and only while the values still match its patterns. In a file
of one's own each rule says why (`reason`) and until when (`expires`):

    accept:
      - id: new-server-name
        reason: the new gateway names itself
        owner: team-orders
        expires: 2027-03-31
        face: answer                  # answer, upstream or effect
        path: header.server           # * for anything within; list positions are written [*]
        kind: header-value            # one or a list; see the kinds in the documentation
        before: 'Apache.*'            # expressions that the whole old and new value must match
        after: 'edge/\\d+'
        request: GET /orders/*        # method and path of the case
        about: orders.example.com     # host of the upstream, or kind of the effect

`open-door` (refused before, allowed after) is covered by no rule.

Under `known`, a pack has rules of another sort: they tell why something differs that no configuration can change, and it
counts as different all the same. These may be about `open-door`; `paths: rewritten` limits them to requests whose path
is not in the form that the new side looks at. `echoed: true` limits a pack's rule to headers of answers that the request
had with the same value.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import regex
import yaml
from msgspec import Struct

from apiproxy_runtime.rehearsal.difference import FACES, KINDS, Difference
from apiproxy_runtime.rehearsal.exchange import HeaderPairs

#: What no rule, pack or noise may hide.
NEVER = frozenset(("open-door",))
_MEMBERS = (
    "id",
    "reason",
    "source",
    "owner",
    "expires",
    "face",
    "about",
    "path",
    "kind",
    "before",
    "after",
    "request",
    "when",
    "paths",
    "echoed",
)
_WHEN = ("error", "success", "")


class BadRules(ValueError):
    """A rules file that cannot be used; the text names the rule, what is wrong, and the cure."""


class Facts(NamedTuple):
    """What rules ask of a case.

    request    method and path
    when       `error` or `success` where both sides answer so, else empty
    sent       the request's headers
    rewritten  whether Kong changes the path before it looks for a route
    """

    request: str
    when: str = ""
    sent: HeaderPairs = ()
    rewritten: bool = False


class Rule(Struct):
    """One rule.

    when       limits it to cases that both sides answer with an error (400 and above), or below
    rewritten  limits it to requests whose path Kong changes before it looks for a route
    echoed     limits it to headers that the old answer has from the request
    """

    id: str
    reason: str
    source: str
    owner: str
    expires: date | None
    faces: frozenset[str]
    kinds: frozenset[str]
    about: regex.Pattern[str] | None
    path: regex.Pattern[str] | None
    before: regex.Pattern[str] | None
    after: regex.Pattern[str] | None
    request: regex.Pattern[str] | None
    when: str
    rewritten: bool = False
    echoed: bool = False
    used: int = 0

    def covers(self, difference: Difference, case: Facts) -> bool:
        """Whether it is about the difference, in this case."""
        if self.kinds and difference.kind not in self.kinds:
            return False
        if self.faces and difference.face not in self.faces:
            return False
        if (self.when and self.when != case.when) or (self.rewritten and not case.rewritten):
            return False
        if self.echoed and not any(
            difference.path == f"header.{name.lower()}" and difference.before == value
            for name, value in case.sent
        ):
            return False
        return (
            _fits(self.path, difference.place)
            and _fits(self.about, difference.about)
            and _fits(self.request, case.request)
            and _fits(self.before, difference.before)
            and _fits(self.after, difference.after)
        )

    def expired(self, today: date) -> bool:
        return self.expires is not None and self.expires < today


def _fits(pattern: regex.Pattern[str] | None, text: str) -> bool:
    return pattern is None or pattern.fullmatch(text, timeout=2) is not None


class Pack(Struct, frozen=True):
    """A rule pack: rules about the move from one platform to another; those in `known` explain and hide nothing."""

    id: str
    title: str
    rules: tuple[Rule, ...]
    known: tuple[Rule, ...] = ()


def pack_names() -> list[str]:
    """The packs that ship with the runtime."""
    folder = resources.files("apiproxy_runtime.rehearsal") / "rulepacks"
    return sorted(
        entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")
    )


def read_pack(name: str) -> Pack:
    """A pack by name. Raises BadRules for one that is not there."""
    if name not in pack_names():
        raise BadRules(f"there is no rule pack {name!r}: use {', '.join(pack_names())}")
    file = resources.files("apiproxy_runtime.rehearsal") / "rulepacks" / f"{name}.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    rules = _rules(content["rules"], f"rule pack {name}", own=False)
    known = _rules(content.get("known", ()), f"rule pack {name}", own=False, explains=True)
    return Pack(name, str(content["title"]), tuple(rules), tuple(known))


def read_rules(path: Path) -> list[Rule]:
    """The rules of a file of one's own. Raises BadRules, OSError."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadRules(f"{path}: neither YAML nor JSON: {error}") from None
    entries = content.get("accept") if isinstance(content, dict) else content
    if not isinstance(entries, list):
        raise BadRules(f"{path}: a list of rules under 'accept' is needed")
    return _rules(entries, str(path), own=True)


def _rules(entries: Iterable[object], where: str, *, own: bool, explains: bool = False) -> list[Rule]:
    rules: list[Rule] = []
    for number, entry in enumerate(entries, 1):
        name = f"{where}: rule {number}"
        if not isinstance(entry, dict):
            raise BadRules(f"{name}: a rule must be an object")
        if entry.get("id"):
            name = f"{where}: rule {entry['id']}"
        try:
            rules.append(_rule(entry, own, explains))
        except (ValueError, regex.error) as error:
            raise BadRules(f"{name}: {error}") from None
    doubled = next(
        (rule.id for number, rule in enumerate(rules) if rule.id in [r.id for r in rules[:number]]), None
    )
    if doubled is not None:
        raise BadRules(f"{where}: the id {doubled!r} is given twice")
    return rules


def _rule(entry: dict[str, Any], own: bool, explains: bool) -> Rule:
    for member in entry:
        if member not in _MEMBERS:
            raise ValueError(f"there is no member {member!r}: use {', '.join(_MEMBERS)}")
    for member in ("id", "reason", *(("expires",) if own else ("source",))):
        if not entry.get(member):
            raise ValueError(f"{member} is missing")
    kinds = frozenset(_words(entry.get("kind")))
    faces = frozenset(_words(entry.get("face")))
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"there is no kind {kind!r}: use {', '.join(KINDS)}")
        if kind in NEVER and not explains:
            raise ValueError(f"{kind!r} ({KINDS[kind]}) cannot be accepted")
    for face in faces:
        if face not in FACES:
            raise ValueError(f"there is no face {face!r}: use {', '.join(FACES)}")
    if not entry.get("path"):
        raise ValueError("path is missing: say where the difference is, such as header.server or body.$.id")
    if own and not (kinds or entry.get("before") or entry.get("after")):
        raise ValueError(
            "give a kind, or patterns for before or after, so that it covers no more than is meant"
        )
    when = str(entry.get("when") or "")
    if when not in _WHEN:
        raise ValueError("when must be error or success")
    if own and ("paths" in entry or "echoed" in entry):
        raise ValueError("paths and echoed are for rule packs: give patterns for request, before or after")
    return Rule(
        id=str(entry["id"]),
        reason=" ".join(str(entry["reason"]).split()),
        source=str(entry.get("source") or ""),
        owner=str(entry.get("owner") or ""),
        expires=_date(entry.get("expires")),
        faces=faces,
        kinds=kinds,
        about=_glob(entry.get("about")),
        path=_glob(entry["path"]),
        before=_expression(entry.get("before")),
        after=_expression(entry.get("after")),
        request=_glob(entry.get("request")),
        when=when,
        rewritten=entry.get("paths") == "rewritten",
        echoed=entry.get("echoed") is True,
    )


def _words(value: object) -> list[str]:
    if value is None:
        return []
    return [str(word) for word in value] if isinstance(value, list) else [str(value)]


def _date(value: object) -> date | None:
    if value is None:
        return None
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"expires must be a date such as 2027-03-31, not {value!r}") from None


def _glob(value: object) -> regex.Pattern[str] | None:
    """`*` stands for any text, but `[*]` for a list position."""
    if value is None:
        return None
    parts = [regex.escape(part).replace(r"\*", ".*") for part in str(value).split("[*]")]
    return regex.compile(r"\[\*\]".join(parts), regex.DOTALL)


def _expression(value: object) -> regex.Pattern[str] | None:
    return None if value is None else regex.compile(str(value), regex.DOTALL)
