"""What only the SQLite store does: files, permissions, sweeping, trouble."""

import sqlite3
import stat
from pathlib import Path

import pytest

from apiproxy_runtime.state import sqlite
from apiproxy_runtime.state.sqlite import SWEEP_EVERY, SQLiteStore
from apiproxy_runtime.state.store import StoreError
from apiproxy_runtime.world import FrozenWorld, World


def rows(path: Path, table: str) -> int:
    connection = sqlite3.connect(path)
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    connection.close()
    return int(count)


def test_the_folder_is_made_and_only_the_owner_may_read(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "new" / "state.db", World())
    store.put("space", "key", "value")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    assert modes == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    store.close()
    store.close()


def test_state_is_there_after_closing_and_opening(tmp_path: Path) -> None:
    world = FrozenWorld()
    for expected in (1, 2, 3):
        store = SQLiteStore(tmp_path / "state.db", world)
        assert store.count("quota", "key", 1, None, world.now() + 60).used == expected
        store.close()


def test_a_durable_write_is_forced_to_disk_and_the_next_is_not(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "state.db", World())
    ran: list[str] = []
    store._connection.set_trace_callback(ran.append)
    store.put("space", "key", "value", durable=True)
    store.put("space", "key", "value")
    full, normal = ran.index("PRAGMA synchronous = FULL"), ran.index("PRAGMA synchronous = NORMAL")
    writes = [number for number, statement in enumerate(ran) if statement.startswith("INSERT")]
    assert full < writes[0] < normal < writes[1]
    store.close()


def test_expired_rows_are_swept_away_by_later_writes(tmp_path: Path) -> None:
    world, path = FrozenWorld(), tmp_path / "state.db"
    store = SQLiteStore(path, world)
    for number in range(600):
        store.put("cache", str(number), "value", 10)
        store.count("quota", str(number), 1, 9, world.now() + 10)
        store.roll("roll", str(number), 1, 9, 10)
    store.put("cache", "forever", "value")
    world.time += 10
    for _ in range(SWEEP_EVERY * 8):
        store.put("cache", "live", "value", 10)
    assert (rows(path, "entry"), rows(path, "counter")) == (2, 0)
    assert store.get("cache", "forever") == "value"
    store.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("This is a text, long enough to be taken for a page. " * 50)
    with pytest.raises(
        StoreError, match=r"state\.db: file is not a database; delete the file, or name another"
    ):
        SQLiteStore(tmp_path / "state.db", World())


def test_a_database_of_another_version_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "state.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="is of version 99, this program reads version 1"):
        SQLiteStore(tmp_path / "state.db", World())


def test_a_place_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"can't be opened: Is a directory; choose another place"):
        SQLiteStore(tmp_path, World())


def test_a_database_locked_for_too_long_is_an_error_and_then_works_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.05)
    store = SQLiteStore(tmp_path / "state.db", World())
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="database is locked; another program has kept it locked"):
        store.put("space", "key", "value")
    with pytest.raises(StoreError, match="database is locked"):
        store.put("space", "key", "value", durable=True)
    with pytest.raises(StoreError, match="database is locked"):
        store.count("space", "key", 1, 1, 4e9)
    assert store.get("space", "key") is None
    other.execute("ROLLBACK")
    store.put("space", "key", "value", durable=True)
    assert store.count("space", "key", 1, 1, 4e9).used == 1
    assert store.get("space", "key") == "value"
    other.close()
    store.close()
