"""A kong.yml as a tree in which every value knows its line: YAML or JSON, decK's `${{ env "…" }}` filled in."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from apiproxy_runtime.bundle.finding import Findings, Place
from apiproxy_runtime.bundle.jsonfile import MAX_BYTES, JsonError, JsonNode, parse_json
from apiproxy_runtime.kong.vault import fill_vaults

_FORMAT = re.compile(r"""(?m)^\s*["']?_format_version["']?\s*:|[{,]\s*["']?_format_version["']?\s*:""")
_ENV = re.compile(r"""\$\{\{\s*env\s+"([^"]*)"\s*\}\}""")
_MAX_DEPTH = 64
_MAX_VALUES = 2_000_000
_SCALARS = yaml.constructor.SafeConstructor()
# libyaml where PyYAML was built with it: ten times faster on large files
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

ENDINGS = (".yml", ".yaml", ".json")


def is_declarative(path: Path) -> bool:
    """Whether a path is a file of Kong's declarative configuration: YAML or JSON that has a `_format_version`."""
    if path.suffix.lower() not in ENDINGS or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(MAX_BYTES).decode("utf-8", "replace")
    return _FORMAT.search(head) is not None


def alone(paths: Sequence[Path]) -> Path | None:
    """The kong.yml among the paths; None when there is none. Raises ValueError for one that is not alone.

    Its routes may match any path, so that bundles beside it would never be sure of theirs.
    """
    found = [path for path in paths if is_declarative(path)]
    if not found:
        return None
    if len(paths) > 1:
        others = ", ".join(str(path) for path in paths if path != found[0])
        raise ValueError(f"{found[0]} is served alone, not together with {others}: run two servers")
    return found[0]


def read_document(
    path: Path, findings: Findings, environment: Mapping[str, str] | None = None
) -> JsonNode | None:
    """The tree of a file, references to vaults filled in; None (and an error) when it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        findings.error(Place(str(path)), "", f"cannot be read: {error.strerror}")
        return None
    root = parse_document(data, str(path), findings, environment)
    if root is None or b"{vault://" not in data:
        return root
    return fill_vaults(root, findings, os.environ if environment is None else environment)


def parse_document(
    data: bytes, file: str, findings: Findings, environment: Mapping[str, str] | None = None
) -> JsonNode | None:
    """The tree of a text in YAML, or in JSON when the file's name says so. `environment` is for `${{ env "…" }}`."""
    if len(data) > MAX_BYTES:
        findings.error(
            Place(file), "", f"has {len(data)} bytes, more than the {MAX_BYTES} bytes that are read"
        )
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        findings.error(Place(file, data.count(b"\n", 0, error.start) + 1), "", "not a text in UTF-8")
        return None
    text = fill_environment(text, file, findings, os.environ if environment is None else environment)
    try:
        if file.lower().endswith(".json"):
            return parse_json(text.encode(), file)
        root = yaml.compose(text, Loader=_LOADER)
    except JsonError as error:
        place = Place(file, error.line, error.column)
        findings.error(place, "", f"not readable as JSON: {error.message}")
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark is not None else Place(file)
        findings.error(place, "", f"not readable as YAML: {error.problem or error.context}")
        return None
    except (yaml.YAMLError, RecursionError) as error:
        findings.error(Place(file), "", f"not readable as YAML: {error}")
        return None
    if root is None:
        findings.error(Place(file), "", "the file is empty")
        return None
    return _Tree(file, findings).node(root, 0)


def fill_environment(text: str, file: str, findings: Findings, environment: Mapping[str, str]) -> str:
    """decK's placeholders: variables whose names begin with DECK_, each of which must be set."""

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        line = text.count("\n", 0, match.start()) + 1
        if not name.startswith("DECK_"):
            findings.error(
                Place(file, line), "", f'environment variables must begin with DECK_, not "{name}"'
            )
            return ""
        if name not in environment:
            cure = f"Set it: export {name}=…"
            findings.error(Place(file, line), "", f"the environment variable {name} is not set", cure)
            return ""
        return environment[name]

    return _ENV.sub(fill, text)


class _Tree:
    """Turns YAML's nodes into ours. Aliases are expanded, within bounds; `<<` merges."""

    def __init__(self, file: str, findings: Findings) -> None:
        self.file = file
        self.findings = findings
        self.left = _MAX_VALUES
        self.told = False

    def node(self, node: yaml.Node, depth: int, place: yaml.Mark | None = None) -> JsonNode:
        mark = place or node.start_mark
        line, column = mark.line + 1, mark.column + 1
        self.left -= 1
        if depth > _MAX_DEPTH or self.left <= 0:
            if not self.told:
                self.told = True
                self.findings.error(Place(self.file, line, column), "", "nested too deep, or too large")
            self.left = 0
            return JsonNode(None, self.file, line, column)
        if isinstance(node, yaml.MappingNode):
            members: dict[str, JsonNode] = {}
            self.members(node, members, depth)
            return JsonNode(members, self.file, line, column)
        if isinstance(node, yaml.SequenceNode):
            items = [self.node(item, depth + 1) for item in node.value]
            return JsonNode(items, self.file, line, column)
        assert isinstance(node, yaml.ScalarNode)
        return JsonNode(self.scalar(node), self.file, line, column)

    def members(self, node: yaml.MappingNode, members: dict[str, JsonNode], depth: int) -> None:
        own: set[str] = set()
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
                for source in sources:
                    if isinstance(source, yaml.MappingNode) and depth < _MAX_DEPTH:
                        merged: dict[str, JsonNode] = {}
                        self.members(source, merged, depth + 1)
                        members.update({name: item for name, item in merged.items() if name not in members})
                continue
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            if name in own:
                place = Place(self.file, key.start_mark.line + 1, key.start_mark.column + 1)
                self.findings.error(place, "", f'"{name}" stands here twice', "Remove one of the two.")
            own.add(name)
            members[name] = self.node(value, depth + 1, key.start_mark)

    def scalar(self, node: yaml.ScalarNode) -> str | int | float | bool | None:
        kind = node.tag.rpartition(":")[2]
        try:
            if kind == "bool":
                return bool(_SCALARS.construct_yaml_bool(node))
            if kind == "int":
                return int(_SCALARS.construct_yaml_int(node))
            if kind == "float":
                return float(_SCALARS.construct_yaml_float(node))
        except (ValueError, KeyError):
            return str(node.value)
        return None if kind == "null" else str(node.value)
