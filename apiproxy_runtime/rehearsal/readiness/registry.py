"""The checks: each module of `readiness/checks/` names its own in `CHECK` or `CHECKS`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from apiproxy_runtime.rehearsal.readiness import checks
from apiproxy_runtime.rehearsal.readiness.finding import Check


@cache
def all_checks() -> tuple[Check, ...]:
    """Every check, by id."""
    found: list[Check] = []
    for module in pkgutil.iter_modules(checks.__path__):
        loaded = importlib.import_module(f"{checks.__name__}.{module.name}")
        several: tuple[Check, ...] = getattr(loaded, "CHECKS", ())
        one: Check | None = getattr(loaded, "CHECK", None)
        found += (*several, *((one,) if one is not None else ()))
    return tuple(sorted(found, key=lambda check: check.id))
