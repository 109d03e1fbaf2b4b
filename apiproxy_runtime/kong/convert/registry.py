"""Finds what converts a policy: each module of `convert/policies/` names its own in `CONVERTERS`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from apiproxy_runtime.kong.convert import policies
from apiproxy_runtime.kong.convert.outcome import Attachment, Converter, Outcome
from apiproxy_runtime.policy.registry import find_policy


@cache
def converters() -> Mapping[str, Converter]:
    """What converts a policy, by the policy's root element."""
    found: dict[str, Converter] = {}
    for module in pkgutil.iter_modules(policies.__path__):
        loaded = importlib.import_module(f"{policies.__name__}.{module.name}")
        declared: Mapping[str, Converter] = loaded.CONVERTERS
        found.update(declared)
    return found


def outcome_of(site: Attachment) -> Outcome:
    """What becomes of the policy where it is attached."""
    if not site.policy.enabled:
        return Outcome("drop", "switched off with enabled=false: it never runs")
    convert = converters().get(canonical(site.policy.element))
    if convert is None:
        reason = f"{site.policy.element} is no policy that is known here"
        return Outcome("manual", reason, lost=(f"write a plugin for it ({reason})",))
    return convert(site)


@cache
def canonical(element: str) -> str:
    """The name of a policy's root element where several are used (`Python`, `PythonScript`, `Script`)."""
    policy = find_policy(element)
    return policy.tag if policy is not None else element
