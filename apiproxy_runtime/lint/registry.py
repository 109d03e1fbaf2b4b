"""Finds rules: modules of `rules/`, and of each package that names itself in the group `apiproxy_runtime.rules`.

A module is named after its rule: `bn005_unattached_policy` holds BN005. So a new rule is one new file, and a rule
that is switched off is not even imported. Of two rules with one id the installed package's wins over ours.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

from apiproxy_runtime.entrypoints import entry_points
from apiproxy_runtime.lint.rule import Rule

GROUP = "apiproxy_runtime.rules"
OURS = "apiproxy_runtime.lint.rules"
_ID = re.compile(r"([a-z]+\d+)(?:_|$)")


def rule_ids() -> tuple[str, ...]:
    """The ids of all rules, sorted, without importing them."""
    return tuple(sorted(_modules()))


def find_rule(id: str) -> type[Rule] | None:
    """The rule of an id, in whatever case it is written."""
    module_name = _modules().get(id.upper())
    return _rule_of(module_name, id.upper()) if module_name is not None else None


def find_rules(without: Collection[str] = ()) -> list[type[Rule]]:
    """All rules but those, in the order of their ids."""
    modules = _modules()
    return [_rule_of(modules[rule_id], rule_id) for rule_id in sorted(modules) if rule_id not in without]


def _rule_of(module_name: str, id: str) -> type[Rule]:
    """Raises LookupError if the module does not hold the rule that its name promises."""
    for value in vars(importlib.import_module(module_name)).values():
        if isinstance(value, type) and issubclass(value, Rule) and value.id == id:
            return value
    raise LookupError(f"{module_name} holds no Rule with the id {id}")


@lru_cache(1)
def _modules() -> dict[str, str]:
    """Module names by rule id."""
    found: dict[str, str] = {}
    for package in (OURS, *sorted({value.partition(":")[0] for value in entry_points(GROUP)})):
        spec = importlib.util.find_spec(package)
        if spec is None:
            continue
        names = [
            f"{package}.{path.stem}"
            for location in spec.submodule_search_locations or ()
            for path in sorted(Path(location).glob("*.py"))
        ]
        for name in names or [package]:
            match = _ID.match(name.rpartition(".")[2])
            if match:
                found[match.group(1).upper()] = name
    return found
