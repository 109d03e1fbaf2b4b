"""From needs to a scene: finds values for the parts of a request, and of upstreams' answers, that fulfil them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice, product

from msgspec import Struct, field

from apiproxy_runtime.rehearsal.generate.constraints import Atom, Unsolvable, ways
from apiproxy_runtime.rehearsal.generate.goals import Need
from apiproxy_runtime.rehearsal.generate.origins import Origin, Origins, json_steps, xml_steps
from apiproxy_runtime.rehearsal.generate.scene import Answer, Scene, drop_json, put_json, xml_of

#: Combinations of the ways of several conditions that are looked at.
COMBINATIONS = 64
#: Policies that may set one variable, each in another flow: that many are looked at.
ORIGINS = 3
_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")

PartKey = tuple[str, str, str]


class _Wanted(Struct):
    """What is wanted of one part: by each variable that it decides, its origin and its atoms."""

    variables: dict[str, tuple[Origin, list[Atom]]] = field(default_factory=dict)


def scenes(base: Scene, needs: Iterable[Need], origins: Origins, reasons: list[str]) -> Iterator[Scene]:
    """Scenes that fulfil the needs, each by another way; reasons tells why others do not work out."""
    alternatives: list[list[tuple[tuple[Atom, bool], ...]]] = []
    for need in needs:
        found = [
            tuple((atom, need.late) for atom in atoms)
            for atoms in islice(ways(need.node, need.wanted), COMBINATIONS)
        ]
        if not found:
            reasons.append(f"{need.text} cannot be {str(need.wanted).lower()}")
            return
        alternatives.append(found)
    for combination in islice(product(*alternatives), COMBINATIONS):
        atoms = [atom for part in combination for atom in part]
        made: list[Scene] = []
        for turn in range(ORIGINS):
            try:
                scene = _solved(base, atoms, origins, turn)
            except Unsolvable as reason:
                if str(reason) not in reasons:
                    reasons.append(str(reason))
                continue
            if scene not in made:
                made.append(scene)
                yield scene


def _solved(base: Scene, atoms: list[tuple[Atom, bool]], origins: Origins, turn: int) -> Scene:
    """With the `turn`-th origin of variables that have several. Raises Unsolvable."""
    parts: dict[PartKey, _Wanted] = {}
    undecided: list[str] = []
    for atom, late in atoms:
        found = origins.of(atom.variable, late)
        if not found:
            # what nobody sets is unset, which may be just what is wanted
            if not atom.holds(None) or origins.setters.get(atom.variable):
                undecided.append(atom.variable)
            continue
        if found[0].kind == "constant":
            if not any(atom.holds(origin.name) for origin in found) and not atom.holds(None):
                raise Unsolvable(f"{atom.variable} is always {found[0].name!r}")
            continue
        origin = found[turn % len(found)]
        if origin.kind == "constant":
            continue
        key = (origin.message, "suffix" if origin.kind == "path" else origin.kind, origin.name)
        wanted = parts.setdefault(key, _Wanted()).variables
        wanted.setdefault(atom.variable, (origin, []))[1].append(atom)
    scene = base.copy()
    # methods first: whether a body goes with it depends on it
    for key in sorted(parts, key=lambda key: (key[1] != "method", key)):
        value = _value(parts[key], key, base)
        _put(scene, key, value, ("request", "method", "") in parts)
    if undecided:
        scene.hopes = tuple(dict.fromkeys(origins.why(name) for name in undecided))
    return scene


def _value(wanted: _Wanted, key: PartKey, base: Scene) -> str | None:
    """The part's text, None for leaving it out. Raises Unsolvable."""
    offers: list[str | None] = []
    allowed: list[set[str | None]] = []
    tests: list[list[Atom]] = []
    for origin, atoms in wanted.variables.values():
        values = list(dict.fromkeys(value for atom in atoms for value in _candidates(atom, key)))
        good = [value for value in values if all(atom.holds(value) for atom in atoms)]
        if origin.kind == "path":
            start = base.base_path.rstrip("/")
            fits = [value[len(start) :] for value in good if value is not None and value.startswith(start)]
            fits += [suffix for suffix in ("", "/x") if all(atom.holds(start + suffix) for atom in atoms)]
            offers += fits
            allowed.append(set(fits))
        elif origin.pattern and origin.pattern != "{}":
            made = {origin.text(value) if value is not None else None for value in good}
            offers += sorted(made - {None}, key=str)
            if None in made:
                # left unset when the text does not fit the pattern: anything else will do
                continue
            allowed.append(made)
        else:
            offers += good
            tests.append(atoms)
    offers = list(dict.fromkeys(offers))
    for offer in offers:
        if all(offer in texts for texts in allowed) and all(
            atom.holds(offer) for atoms in tests for atom in atoms
        ):
            return offer
    names = ", ".join(wanted.variables)
    raise Unsolvable(f"no value of {names} fulfils all conditions on the way")


def _candidates(atom: Atom, key: PartKey) -> Iterator[str | None]:
    if key[1] == "method":
        yield from (value for value in atom.candidates() if value in _METHODS)
        yield from _METHODS
        return
    if key[1] == "suffix":
        yield from (value for value in atom.candidates() if value is not None and value[:1] in ("", "/"))
        yield from ("", "/", "/x", "/x/y", "/x/y/z/0")
        yield from (f"/{value.lstrip('/')}" for value in atom.candidates() if value)
        # ids, which another pattern may put into a path
        yield from (value for value in atom.candidates() if value)
        return
    if key[1] == "status":
        yield from (
            value for value in atom.candidates() if value is not None and value.isdigit() and len(value) == 3
        )
        yield from ("200", "404", "500", "302", "401", "503")
        return
    yield from atom.candidates()


def _put(scene: Scene, key: PartKey, value: str | None, method_given: bool) -> None:
    message, kind, name = key
    if kind == "method":
        scene.method = value or scene.method
        if scene.method in ("POST", "PUT", "PATCH") and not scene.content_type and scene.document is None:
            scene.document = {}
        return
    if kind == "suffix":
        scene.suffix = value or ""
        return
    if kind == "querystring":
        scene.query = dict(part.partition("=")[::2] for part in (value or "").split("&") if part)
        return
    if message == "request":
        _put_request(scene, kind, name, value)
        if kind in ("json", "xml", "form", "body") and value and not method_given and scene.method == "GET":
            scene.method = "POST"
        return
    answer = scene.answer(message)
    if kind == "status":
        answer.status = int(value or 200)
    elif kind == "header":
        if value is not None:
            answer.headers[name] = value
    elif kind == "body":
        answer.text = value or ""
    elif kind == "json":
        _put_json(answer, name, value)
    elif kind == "xml":
        _put_xml(answer, name, value)


def _put_request(scene: Scene, kind: str, name: str, value: str | None) -> None:
    held = {"header": scene.headers, "query": scene.query, "form": scene.form}.get(kind)
    if held is not None:
        for same in [
            each for each in held if each == name or (kind == "header" and each.lower() == name.lower())
        ]:
            del held[same]
        if value is not None:
            held[name] = value
        if kind == "form":
            scene.document = scene.text = None
            scene.content_type = "application/x-www-form-urlencoded"
    elif kind == "body":
        scene.text = value or ""
    elif kind == "json":
        _put_json(scene, name, value)
    elif kind == "xml":
        _put_xml(scene, name, value)


def _put_json(where: Scene | Answer, name: str, value: str | None) -> None:
    steps = json_steps(name)
    if steps is None:
        raise Unsolvable(f"the JSONPath {name} is too special to make a document for")
    document = where.document if where.document is not None else {}
    where.document = (
        put_json(document, steps, native(value))
        if value is not None
        else drop_json(document, steps)
        if steps
        else None
    )
    where.text = None


def native(value: str) -> str | int | bool:
    """As JSON writers would write it: numbers and booleans as such."""
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value.isdigit() and str(int(value)) == value and len(value) < 16 else value


def _put_xml(where: Scene | Answer, name: str, value: str | None) -> None:
    steps = xml_steps(name)
    if steps is None:
        raise Unsolvable(f"the XPath {name} is too special to make a document for")
    plain = tuple(step if step.startswith("@") else step.rpartition(":")[2] for step in steps)
    if value is not None:
        where.text = xml_of({plain: value}, {})


def furnish(scene: Scene, origins: Origins) -> None:
    """Give callouts' answers, and a body that is sent, a value wherever a policy looks for one."""
    for found in origins.known.values():
        for origin in found:
            if origin.kind != "json" or origin.message == "response":
                continue
            steps = json_steps(origin.name)
            if not steps:
                continue
            if origin.message == "request":
                if scene.method in ("POST", "PUT", "PATCH"):
                    scene.document = put_json(scene.document or {}, steps, 1)
            else:
                answer = scene.answer(origin.message)
                answer.document = put_json(answer.document or {}, steps, 1)
