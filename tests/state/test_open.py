from pathlib import Path

import pytest

from apiproxy_runtime.state.memory import MemoryStore
from apiproxy_runtime.state.open import open_store
from apiproxy_runtime.state.redis import RedisStore
from apiproxy_runtime.state.sqlite import SQLiteStore
from apiproxy_runtime.state.store import StoreError, settled


def test_memory() -> None:
    store = open_store("memory")
    assert isinstance(store, MemoryStore)
    assert not store.leaves_process


def test_sqlite_takes_a_path_relative_or_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for address, path in (
        ("sqlite:.apiproxy/state.db", ".apiproxy/state.db"),
        ("sqlite:~/s.db", "home/s.db"),
    ):
        store = open_store(address)
        assert isinstance(store, SQLiteStore)
        assert (tmp_path / path).is_file()
        store.close()


@pytest.mark.parametrize("address", ["redis://h:1/0", "rediss://u:p@h:1/2", "unix:///run/redis.sock?db=1"])
async def test_redis_is_not_contacted_when_opened(address: str) -> None:
    store = open_store(address)
    assert isinstance(store, RedisStore)
    await settled(store.close())


@pytest.mark.parametrize(
    "address", ["", "disk", "sqlite", "sqlite:", "sqlite::memory:", "redis:", "mysql://h/d"]
)
def test_anything_else_is_refused_with_what_is_possible(address: str) -> None:
    with pytest.raises(
        StoreError, match=r"is not understood: use memory, sqlite:PATH .*redis://HOST:PORT/DATABASE"
    ):
        open_store(address)


def test_a_malformed_redis_url_is_refused_without_its_password() -> None:
    with pytest.raises(StoreError, match=r"^--state h:port/0: ") as found:
        open_store("redis://user:secret@h:port/0")
    assert "secret" not in str(found.value)
