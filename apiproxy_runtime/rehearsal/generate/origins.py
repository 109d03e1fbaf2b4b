"""Where flow variables come from: the part of a request or of an upstream's answer that decides one.

Read from the policies' XML: what ExtractVariables captures, what AssignMessage copies, which message a callout fills.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain

from msgspec import Struct, field

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.bundle.propertyset import parse_properties
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.rehearsal.generate.lookups import Part, lookups_of
from apiproxy_runtime.rehearsal.generate.sample import embedded

_PART = re.compile(
    r"(?P<message>.+?)\.(?P<kind>header|queryparam|formparam)\.(?P<name>.+?)(?P<rest>\.\d+|\.values(?:\.string|\.count)?)?\Z"
)
_JSON_STEP = re.compile(r"\.(\w[\w-]*)|\[['\"]([^'\"]+)['\"]\]|\[(\d+)\]|\.\.(\w[\w-]*)")
_MESSAGES = {"request": "request", "response": "target"}


class Origin(Struct, frozen=True):
    """The part that decides a variable.

    kind     `method`, `suffix`, `path`, `header`, `query`, `form`, `body`, `json`, `xml`, `status`, `constant`
    message  `request`, `target`, or the policy whose call is answered
    name     of the header or parameter; the JSON or XML path; the constant's value
    pattern  how the part's text is made from the value, `{}` where it stands
    """

    kind: str
    message: str = "request"
    name: str = ""
    pattern: str = ""

    @property
    def placeable(self) -> bool:
        """Whether it is a part of the request that any text can be put into."""
        return self.message == "request" and self.kind in ("header", "query", "form")

    def text(self, value: str) -> str:
        """The part's text that gives the variable this value."""
        return embedded(self.pattern, {"": value}) if self.pattern else value


class Origins(Struct):
    """The origins of some bundles.

    setters   the policies that set a variable, for people
    key_sets  addresses of public keys that answer with the stand-in ones
    """

    known: dict[str, list[Origin]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    callers: dict[str, str] = field(default_factory=dict)
    setters: dict[str, list[str]] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    key_sets: Collection[str] = ()

    def of(self, variable: str, in_response: bool = False, depth: int = 0) -> list[Origin]:
        """Where a variable comes from, the likeliest first; empty when nobody knows."""
        found = list(self.known.get(variable, ()))
        if variable in self.aliases and depth < 4:
            found += self.of(self.aliases[variable], in_response, depth + 1)
        if not found:
            found += self._built_in(variable, in_response)
        return found

    def constant(self, part: Part) -> str | None:
        """What a variable always is, or the text in its place; None for one that is not known beforehand."""
        if not part.ref:
            return part.text
        found = self.of(part.ref)
        if found:
            return found[0].name if found[0].kind == "constant" else None
        return part.text or None

    def _built_in(self, variable: str, in_response: bool) -> Iterator[Origin]:
        name = variable.removesuffix(".string")
        if name.startswith("message."):
            name = ("response." if in_response else "request.") + name[8:]
        if name in ("request.verb", "request.method"):
            yield Origin("method")
        elif name in ("proxy.pathsuffix", "request.path.suffix"):
            yield Origin("suffix")
        elif name in ("request.path", "request.uri"):
            yield Origin("path")
        elif name == "request.querystring":
            yield Origin("querystring")
        elif (match := _PART.match(name)) is not None and not (match["rest"] or "").endswith("count"):
            message = self.message(match["message"])
            if message is not None:
                kind = {"header": "header", "queryparam": "query", "formparam": "form"}[match["kind"]]
                yield Origin(kind, message, match["name"])
        elif name.endswith((".status.code", ".status")):
            message = self.message(name.removesuffix(".code").removesuffix(".status"))
            if message not in (None, "request"):
                yield Origin("status", message or "target")
        elif name.endswith(".content"):
            message = self.message(name.removesuffix(".content"))
            if message is not None:
                yield Origin("body", message)

    def message(self, variable: str) -> str | None:
        """Who sends the message of a variable: `request`, `target`, or the name of a callout policy."""
        if variable in _MESSAGES:
            return _MESSAGES[variable]
        if variable == "error":
            return "target"
        return self.callers.get(variable)

    def why(self, variable: str) -> str:
        """Why a variable cannot be decided, for people."""
        if variable.startswith(("fault.", "error.")) or variable.endswith(".failed"):
            return f"it waits for a fault ({variable}) that no generated request or upstream trouble raises"
        setters = self.setters.get(variable)
        if setters:
            return f"{variable} is set by {', '.join(setters)}, whose outcome cannot be foreseen"
        for name, text in self.scripts.items():
            if re.search(rf"['\"]{re.escape(variable)}['\"]", text):
                return f"{variable} is set by the script of {name}, whose outcome cannot be foreseen"
        return f"nothing in a request decides {variable}"


def origins_of(
    bundles: Sequence[Bundle],
    environment: Environment,
    test_data: TestData,
    key_sets: Collection[str] = (),
) -> Origins:
    """Read all policies of the bundles, the property sets of bundles and environment, and the test data's maps."""
    origins = Origins(key_sets=key_sets)
    for variable, value in (
        ("environment.name", environment.name),
        ("organization.name", environment.organization),
    ):
        origins.known[variable] = [Origin("constant", name=value)]
    names = [Origin("constant", name=bundle.name) for bundle in bundles if bundle.kind == "apiproxy"]
    origins.known["apiproxy.name"] = names
    for name, held in chain(environment.property_sets.items(), *map(_own_properties, bundles)):
        for key, value in held.items():
            origin = Origin("constant", name=value)
            origins.known[f"propertyset.{name}.{key}"] = [origin]
            origins.known[f"private.propertyset.{name}.{key}"] = [origin]
    policies = [policy for bundle in bundles for policy in bundle.policies.values()]
    for policy in policies:
        if policy.element in ("ServiceCallout", "ExternalCallout"):
            response = (policy.node.child_text("Response", "") or "").strip()
            if response:
                origins.callers[response] = policy.name
    for bundle in bundles:
        for policy in bundle.policies.values():
            read = _READERS.get(policy.element)
            if read is not None:
                read(policy.name, policy.node, origins)
            url = (policy.node.child_text("ResourceURL", "") or "").strip()
            resource = bundle.resource(url) if url else None
            if resource is not None and policy.element in (
                "Javascript",
                "JavaScript",
                "Script",
                "PythonScript",
            ):
                origins.scripts[policy.name] = resource.read().decode("utf-8", "replace")
    _map_values(bundles, test_data, origins)
    return origins


def _own_properties(bundle: Bundle) -> Iterator[tuple[str, Mapping[str, str]]]:
    for (kind, file), resource in bundle.resources.items():
        if kind == "properties":
            yield file.removesuffix(".properties"), parse_properties(resource.read())


def _extract(name: str, node: Node, origins: Origins) -> None:
    prefix = (node.child_text("VariablePrefix", "") or "").strip()
    source = (node.child_text("Source", "") or "message").strip()
    if source == "message":
        # where the policy stands decides; requests are commoner
        source = "request"
    message = origins.message(source.removesuffix(".content"))

    def known(variable: str, origin: Origin) -> None:
        full = f"{prefix}.{variable}" if prefix else variable
        origins.known.setdefault(full, []).append(origin)
        origins.setters.setdefault(full, []).append(name)

    for part in node.children:
        kind = {"QueryParam": "query", "Header": "header", "FormParam": "form", "URIPath": "suffix"}.get(
            part.tag
        )
        if kind is not None and message is not None:
            for pattern in part.all("Pattern"):
                text = pattern.text.strip()
                for variable in re.findall(r"\{([^{}]+)\}", text):
                    shape = re.sub(r"\{" + re.escape(variable) + r"\}", "{}", text)
                    known(variable.strip(), Origin(kind, message, part.attributes.get("name", ""), shape))
        elif part.tag == "JSONPayload" and message is not None:
            for item in part.all("Variable"):
                path = (item.child_text("JSONPath", "") or "").strip()
                known(item.attributes.get("name", ""), Origin("json", message, path))
        elif part.tag == "XMLPayload" and message is not None:
            for item in part.all("Variable"):
                path = (item.child_text("XPath", "") or "").strip()
                known(item.attributes.get("name", ""), Origin("xml", message, path))


def _assign(name: str, node: Node, origins: Origins) -> None:
    for item in node.all("AssignVariable"):
        variable = (item.child_text("Name", "") or "").strip()
        ref = (item.child_text("Ref", "") or "").strip()
        value = item.child_text("Value", "") or ""
        template = (item.child_text("Template", "") or "").strip()
        origins.setters.setdefault(variable, []).append(name)
        if ref:
            origins.aliases.setdefault(variable, ref)
        elif match := re.fullmatch(r"\{([\w.\-]+)\}", template):
            origins.aliases.setdefault(variable, match[1])
        elif value.strip() or (template and "{" not in template):
            origins.known.setdefault(variable, []).append(
                Origin("constant", name=(value or template).strip())
            )


def _call_flow(name: str, node: Node, origins: Origins) -> None:
    """Parameters of a shared flow."""
    for item in node.walk():
        if item.tag == "Parameter" and item.name:
            origins.setters.setdefault(item.name, []).append(name)
            if ref := item.attributes.get("ref", "").strip():
                origins.aliases.setdefault(item.name, ref)
            elif match := re.fullmatch(r"\{([\w.\-]+)\}", item.text.strip()):
                origins.aliases.setdefault(item.name, match[1])
            elif item.text.strip():
                origins.known.setdefault(item.name, []).append(Origin("constant", name=item.text.strip()))


def _map_values(bundles: Sequence[Bundle], test_data: TestData, origins: Origins) -> None:
    for lookup in lookups_of(bundles):
        name = origins.constant(lookup.map)
        parts = [origins.constant(part) for part in lookup.key]
        if lookup.writes or not lookup.variable or name is None or None in parts:
            continue
        value = (lookup.entries(test_data, name) or {}).get("__".join(map(str, parts)))
        if value is not None:
            origins.known.setdefault(lookup.variable, []).append(Origin("constant", name=value))


_READERS = {"ExtractVariables": _extract, "AssignMessage": _assign, "FlowCallout": _call_flow}


def json_steps(path: str) -> list[str | int] | None:
    """The names and positions of a plain JSONPath; None for one with filters. Wildcards become the first element."""
    plain = path.strip().replace("[*]", "[0]").replace(".*", "[0]")
    if not plain.startswith("$"):
        return None
    steps: list[str | int] = []
    at = 1
    while at < len(plain):
        match = _JSON_STEP.match(plain, at)
        if match is None:
            return None
        steps.append(int(match[3]) if match[3] else match[1] or match[2] or match[4])
        at = match.end()
    return steps


def xml_steps(path: str) -> tuple[str, ...] | None:
    """The element names of a plain XPath, `@name` for an attribute; None for one with predicates other than positions."""
    plain = re.sub(r"\[\d+\]|/text\(\)\s*\Z", "", path.strip())
    steps = tuple(step for step in plain.split("/") if step)
    if not steps or not all(re.fullmatch(r"@?[\w.-]+(?::[\w.-]+)?", step) for step in steps):
        return None
    return steps if plain.startswith("/") and not plain.startswith("//") else ("root", *steps)
