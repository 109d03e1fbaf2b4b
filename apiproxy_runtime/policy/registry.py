"""Finds policies: each installed package that offers some names itself in the `apiproxy_runtime.policies` group.

An entry point's value is a package or module. A package is searched for modules without importing them: the module
`assign_message` holds the policy whose root element is `AssignMessage`. So a new policy is one new file, and a
policy nobody uses costs nothing. A policy of another name than its module's is found too, but all modules have to be
imported for that.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from apiproxy_runtime.entrypoints import entry_points
from apiproxy_runtime.policy.policy import Policy
from apiproxy_runtime.policy.setting import Setting

GROUP = "apiproxy_runtime.policies"


def find_policy(element: str) -> type[Policy] | None:
    """The policy class for a root element; None when no installed package has one."""
    for module_name in (*_modules().get(element.lower(), ()), *_unnamed_modules()):
        for policy in _policies_of(module_name):
            if element == policy.tag or element in policy.aliases:
                return policy
    for policy in all_policies():
        if element == policy.tag or element in policy.aliases:
            return policy
    return None


def all_policies() -> list[type[Policy]]:
    """Every installed policy, in the order of the element names."""
    names = {name for names in _modules().values() for name in names} | set(_unnamed_modules())
    found = {policy.tag: policy for name in sorted(names) for policy in _policies_of(name)}
    return [found[tag] for tag in sorted(found)]


def all_settings() -> dict[str, Setting]:
    """What `--setting` may tell the policies installed, by name, in order of the names."""
    found = {setting.name: setting for policy in all_policies() for setting in policy.settings}
    return dict(sorted(found.items()))


@lru_cache(1)
def _modules() -> dict[str, tuple[str, ...]]:
    """Module names by the element their file name spells."""
    found: dict[str, list[str]] = {}
    for package in _packages():
        for module_name in _walk(package):
            key = module_name.rpartition(".")[2].replace("_", "")
            found.setdefault(key, []).append(module_name)
    return {key: tuple(names) for key, names in found.items()}


@lru_cache(1)
def _unnamed_modules() -> tuple[str, ...]:
    """Entry points that name a single module: it may hold policies of any name."""
    return tuple(name for name in _packages() if not _is_package(name))


@lru_cache(1)
def _packages() -> tuple[str, ...]:
    named = {value.partition(":")[0] for value in entry_points(GROUP)}
    return tuple(sorted(named | {"apiproxy_policies"}))


def _is_package(name: str) -> bool:
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.submodule_search_locations is not None


def _walk(package: str) -> Iterator[str]:
    spec = importlib.util.find_spec(package)
    if spec is None:
        return
    for location in spec.submodule_search_locations or ():
        for path in sorted(Path(location).rglob("*.py")):
            if path.name != "__init__.py":
                yield ".".join((package, *path.relative_to(location).with_suffix("").parts))


@lru_cache(512)
def _policies_of(module_name: str) -> tuple[type[Policy], ...]:
    module = importlib.import_module(module_name)
    return tuple(
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Policy)
        and value.tag
        and value.__module__ == module_name
    )
