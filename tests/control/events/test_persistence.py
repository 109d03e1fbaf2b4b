"""Hooks outlive the process, their secrets are sealed, and processes that share a store share them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from apiproxy_runtime.control.events.handlers.handler import Tools
from apiproxy_runtime.control.events.hooks import SPACE, Hooks
from apiproxy_runtime.control.events.marker import Marker
from apiproxy_runtime.gateway.egress import HttpEgress
from apiproxy_runtime.gateway.http.client import HttpClient
from apiproxy_runtime.policy.events import EventKind, Events
from apiproxy_runtime.state.open import open_store
from apiproxy_runtime.state.store import Store, StoreError, settled

SOLD = EventKind("shop", "sold", ("item",))
LOG: dict[str, Any] = {"source": "shop", "handler": "log"}
WEBHOOK: dict[str, Any] = {
    "source": "shop",
    "handler": "webhook",
    "config": {
        "url": "http://127.0.0.1:1/",
        "secret": "s3cret-of-the-hook",
        "queue": {"max_retry_time": 0},
    },
}


def hooks_of(store: Store) -> Hooks:
    return Hooks(store, Tools(HttpEgress(HttpClient()), Marker(time.time), {}))


async def test_hooks_are_there_after_a_restart_as_they_were(tmp_path: Path) -> None:
    store = open_store(f"sqlite:{tmp_path / 'state.db'}")
    before = hooks_of(store)
    made = [await before.create(document) for document in (LOG, WEBHOOK)]
    await before.close(0)
    await settled(store.close())

    again = open_store(f"sqlite:{tmp_path / 'state.db'}")
    after = hooks_of(again)
    await after.load()

    assert sorted(hook.id for hook in after.all()) == sorted(hook.id for hook in made)
    assert {hook.id: hook for hook in after.all()} == {hook.id: hook for hook in made}
    await after.close(0)
    await settled(again.close())


async def test_secret_is_not_in_the_database_in_clear(tmp_path: Path) -> None:
    store = open_store(f"sqlite:{tmp_path / 'state.db'}")
    hooks = hooks_of(store)
    await hooks.create(WEBHOOK)
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("state.db"))
    await hooks.close(0)
    await settled(store.close())

    assert SPACE.encode() in kept
    assert b"s3cret-of-the-hook" not in kept


async def test_redis_without_a_key_refuses_a_hook_with_a_secret_and_takes_others(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APIPROXY_STATE_KEY", raising=False)
    store = open_store(redis_url)
    hooks = hooks_of(store)
    await hooks.create(LOG)
    with pytest.raises(StoreError, match="APIPROXY_STATE_KEY"):
        await hooks.create(WEBHOOK)

    assert [hook.handler for hook in hooks.all()] == ["log"]
    for hook in hooks.all():
        await settled(store.delete(SPACE, hook.id))
    await hooks.close(0)
    await settled(store.close())


async def test_hooks_that_another_process_makes_changes_and_deletes_are_taken_over(tmp_path: Path) -> None:
    store = open_store(f"sqlite:{tmp_path / 'state.db'}")
    here, there, events = hooks_of(store), hooks_of(store), Events()
    sold = events.publish(SOLD)
    there.attach(events)

    hook = await here.create(LOG)
    await there.load()
    heard = bool(sold)
    active = here.find(hook.id)
    assert active is not None
    await here.change(active, {"event": "lost"})
    await there.load()
    changed = [hook.event for hook in there.all()]
    after_change = bool(sold)
    active = here.find(hook.id)
    assert active is not None
    await here.delete(active)
    await there.load()

    assert (heard, changed, after_change, there.all()) == (True, ["lost"], False, [])
    await settled(store.close())


async def test_hook_that_is_no_longer_allowed_is_left_out_and_the_others_work(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(f"sqlite:{tmp_path / 'state.db'}")
    tools = Tools(HttpEgress(HttpClient()), Marker(time.time), {"tell": lambda *_: True})
    before = Hooks(store, tools)
    await before.create({"source": "shop", "handler": "lambda", "config": {"functions": ["tell"]}})
    await before.create(LOG)

    after = hooks_of(store)
    await after.load()

    assert [hook.handler for hook in after.all()] == ["log"]
    assert 'does not allow a function "tell"' in caplog.text
    await settled(store.close())
