"""Template functions that make something up."""

from __future__ import annotations

from apiproxy_runtime.expression.template.failure import CallFailed
from apiproxy_runtime.expression.template.text import integer
from apiproxy_runtime.world import World

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


def random_long(world: World, low: str | None = None, high: str | None = None) -> str:
    """Any 64-bit integer; with bounds one between them, both included."""
    first = _LOWEST if low is None else integer(low)
    last = _HIGHEST if high is None else integer(high)
    if not _LOWEST <= first <= last <= _HIGHEST:
        raise CallFailed(f"randomLong() needs min <= max, not {low} and {high}")
    return str(world.random_int(first, last))
