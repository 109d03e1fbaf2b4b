"""What a team decides about rules: `.apiproxylint.yaml`, or the `.apigeelintrc` it has already.

    profile: apigeex
    exclude: [TD002, deploy/MissingManifest]
    rules:
      PO007: error
      CC004: {severity: warning, terms: 20}
      BN014: off
    paths:
      - match: "**/legacy/**"
        exclude: [PO007]
        rules: {BN005: error}

Looked for beside the bundle and in the folders above it, then in the home folder; the nearest wins.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast, get_args

from msgspec import Struct, field
from msgspec.structs import replace

from apiproxy_runtime.bundle.finding import Severity

Profile = Literal["apigeex", "apigee"]
NAMES = (".apiproxylint.yaml", ".apigeelintrc")
#: What `.apigeelintrc` may say that has a meaning for the rules here: option → rule and its option.
_LIMITS = {"complexConditionTermCount": ("CC004", "terms"), "policyCountLimit": ("BN006", "policies")}


class ConfigError(ValueError):
    """A configuration file that cannot be used; the text names the file and what is wrong."""


class PathConfig(Struct, frozen=True):
    """What holds for files whose printed path matches a pattern (`**` crosses folders): rules left out, severities."""

    match: str
    exclude: frozenset[str] = frozenset()
    severities: Mapping[str, Severity] = field(default_factory=dict)

    def covers(self, path: str) -> bool:
        return _pattern(self.match).fullmatch(path) is not None


class Config(Struct, frozen=True):
    """exclude     rule ids in upper case; `DEPLOY` is every deploy finding, `DEPLOY/NAME` one of them
    severities  by rule id in upper case
    options     by rule id in upper case, then by name
    named       rules that were configured or asked for by id: they run even if they are preview
    """

    profile: Profile = "apigeex"
    exclude: frozenset[str] = frozenset()
    severities: Mapping[str, Severity] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    paths: tuple[PathConfig, ...] = ()
    preview: bool = False
    ignore_directives: bool = False
    max_warnings: int = -1
    quiet: bool = False
    file: str = ""

    @property
    def named(self) -> frozenset[str]:
        return frozenset(self.severities) | frozenset(self.options)

    def excludes(self, rule: str, path: str = "") -> bool:
        """Whether a rule is left out, everywhere or (with a path) in that file."""
        names = {rule.upper(), rule.upper().partition("/")[0]}
        if not names.isdisjoint(self.exclude):
            return True
        return bool(path) and any(
            not names.isdisjoint(entry.exclude) and entry.covers(path) for entry in self.paths
        )

    def severity(self, rule: str, path: str) -> Severity | None:
        """What a rule's problems in that file are by an entry of `paths`; the last that says so wins."""
        found = None
        for entry in self.paths:
            if rule.upper() in entry.severities and entry.covers(path):
                found = entry.severities[rule.upper()]
        return found


def find_config(beside: Path) -> Path | None:
    """The configuration file nearest to a bundle's path."""
    start = beside.resolve()
    folders: list[Path] = [start, *start.parents, Path.cwd(), Path.home()]
    for folder in folders:
        for name in NAMES:
            if (folder / name).is_file():
                return folder / name
    return None


def read_config(file: Path) -> Config:
    """Read a configuration. Raises ConfigError."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from None
    config = _rc(text, file) if file.name == ".apigeelintrc" else _yaml(text, file)
    return replace(config, file=str(file))


def _yaml(text: str, file: Path) -> Config:
    import yaml  # only where such a file is

    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: {error}") from None
    top = _mapping(data or {}, file, "the file")
    _known(
        top, ("profile", "exclude", "rules", "paths", "preview", "max_warnings", "quiet"), file, "the file"
    )
    rules = _mapping(top.get("rules") or {}, file, "rules")
    exclude = set(_ids(top.get("exclude"), file))
    severities: dict[str, Severity] = {}
    options: dict[str, Mapping[str, object]] = {}
    for rule, setting in rules.items():
        values = dict(setting) if isinstance(setting, dict) else {"severity": setting}
        _weigh(rule, values.pop("severity", None), severities, exclude, file)
        if values:
            options[rule.upper()] = values
    paths = top.get("paths") or []
    if not isinstance(paths, list):
        raise ConfigError(f"{file}: paths must be a list")
    entries = []
    for entry in paths:
        entry = _mapping(entry, file, "an entry of paths")
        _known(entry, ("match", "exclude", "rules"), file, "an entry of paths")
        entries.append(_path(entry, file))
    return Config(
        profile=_profile(top.get("profile", "apigeex"), file),
        exclude=frozenset(exclude),
        severities=severities,
        options=options,
        paths=tuple(entries),
        preview=_flag(top, "preview", file),
        quiet=_flag(top, "quiet", file),
        max_warnings=_count(top.get("max_warnings", -1), file),
    )


def _path(entry: dict[str, object], file: Path) -> PathConfig:
    exclude = set(_ids(entry.get("exclude"), file))
    severities: dict[str, Severity] = {}
    for rule, setting in _mapping(entry.get("rules") or {}, file, "rules of an entry of paths").items():
        _weigh(rule, setting, severities, exclude, file)
    return PathConfig(str(entry.get("match", "")), frozenset(exclude), severities)


def _weigh(
    rule: str, severity: object, severities: dict[str, Severity], exclude: set[str], file: Path
) -> None:
    """A severity as it is written; YAML reads a bare `off` as false."""
    if severity is False or severity == "off":
        exclude.add(rule.upper())
    elif severity in get_args(Severity):
        severities[rule.upper()] = cast(Severity, severity)
    elif severity is not None:
        raise ConfigError(f"{file}: the severity of {rule} must be error, warning or off, not {severity!r}")


def _rc(text: str, file: Path) -> Config:
    """`--option value` lines as apigeelint has them; what has no meaning here (path, formatter) is skipped."""
    config = Config()
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        name, value = words[0].lstrip("-"), words[1] if len(words) > 1 else ""
        if name in ("e", "excluded"):
            config = replace(config, exclude=config.exclude | frozenset(_ids(value, file)))
        elif name == "profile":
            config = replace(config, profile=_profile(value, file))
        elif name in ("q", "quiet"):
            config = replace(config, quiet=True)
        elif name == "ignoreDirectives":
            config = replace(config, ignore_directives=True)
        elif name == "maxWarnings":
            config = replace(config, max_warnings=_count(value, file))
        elif name in _LIMITS:
            rule, option = _LIMITS[name]
            options = {**config.options, rule: {option: _count(value, file)}}
            config = replace(config, options=options)
    return config


def _mapping(value: object, file: Path, what: str) -> dict[str, object]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ConfigError(f"{file}: {what} must be a mapping of names to settings")
    return value


def _known(values: Mapping[str, object], known: tuple[str, ...], file: Path, what: str) -> None:
    for name in values:
        if name not in known:
            raise ConfigError(f"{file}: {what} has no setting {name!r}; it has {', '.join(known)}")


def _ids(value: object, file: Path) -> list[str]:
    items = value.split(",") if isinstance(value, str) else value or []
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ConfigError(f"{file}: exclude must be a list of rule ids")
    return [item.strip().upper() for item in items if item.strip()]


def _profile(value: object, file: Path) -> Profile:
    if value not in get_args(Profile):
        raise ConfigError(f"{file}: profile must be apigeex or apigee, not {value!r}")
    return cast(Profile, value)


def _flag(values: Mapping[str, object], name: str, file: Path) -> bool:
    value = values.get(name, False)
    if not isinstance(value, bool):
        raise ConfigError(f"{file}: {name} must be true or false, not {value!r}")
    return value


def _count(value: object, file: Path) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise ConfigError(f"{file}: {value!r} must be a whole number") from None


def _pattern(glob: str) -> re.Pattern[str]:
    """`**/` any folders, `*` and `?` within one folder's or file's name."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    regex = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(regex.get(part) or re.escape(part) for part in parts))
