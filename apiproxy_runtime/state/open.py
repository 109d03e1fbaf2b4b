"""From the address given with `--state` to an open store."""

from __future__ import annotations

from pathlib import Path

from apiproxy_runtime.state.memory import MemoryStore
from apiproxy_runtime.state.redis import RedisStore
from apiproxy_runtime.state.sqlite import SQLiteStore
from apiproxy_runtime.state.store import Store, StoreError
from apiproxy_runtime.world import World


def open_store(address: str, world: World | None = None) -> Store:
    """Open `memory`, `sqlite:PATH`, or a Redis URL (`redis://`, `rediss://`, `unix://`).

    Open it in the process that uses it, after any fork. Redis is not contacted before the first operation.
    Raises `StoreError` when the address is not understood or the store can't be opened.
    """
    world = world or World()
    scheme, _, rest = address.partition(":")
    if address == "memory":
        return MemoryStore(world)
    if scheme == "sqlite" and rest and rest != ":memory:":
        return SQLiteStore(Path(rest).expanduser(), world)
    if scheme in ("redis", "rediss", "unix") and rest:
        return RedisStore(address, world)
    raise StoreError(
        f'--state "{address}" is not understood: use memory, sqlite:PATH (for example sqlite:.apiproxy/state.db), '
        "redis://HOST:PORT/DATABASE, rediss://… with TLS, or unix:///PATH/TO/SOCKET"
    )
