"""State in one SQLite file, shared by all workers of this machine: the default."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from apiproxy_runtime.state.store import Store, StoreError, Value
from apiproxy_runtime.state.window import Count, Rolling, Window, micros
from apiproxy_runtime.world import World

Row: TypeAlias = tuple[object, ...]

#: How long a worker waits for another one's write, seconds. One takes microseconds; a backup may take longer.
BUSY_TIMEOUT = 5.0
SCHEMA_VERSION = 1
#: Every so many writes, so many rows of each table are looked at and removed if expired.
SWEEP_EVERY = 256
SWEEP_ROWS = 512

# No index on `expires`: keeping it up to date costs every write 10 µs, and the sweep walks the rows in turn.
# Keys are blobs, so that any text can be one (SQLite refuses lone surrogates) and order is by code point.
SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
  space BLOB NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, text INTEGER NOT NULL, expires INTEGER NOT NULL,
  UNIQUE (space, key));
CREATE TABLE IF NOT EXISTS counter (
  space BLOB NOT NULL, key BLOB NOT NULL, used INTEGER NOT NULL, exceeded INTEGER NOT NULL, rolling BLOB,
  expires INTEGER NOT NULL, UNIQUE (space, key));
"""
GET = "SELECT value, text, expires FROM entry WHERE space = ? AND key = ?"
PUT = (
    "INSERT INTO entry (space, key, value, text, expires) VALUES (?, ?, ?, ?, ?) ON CONFLICT (space, key) "
    "DO UPDATE SET value = excluded.value, text = excluded.text, expires = excluded.expires"
)
TABLES = ("entry", "counter")
EXPIRES = "SELECT expires FROM {table} WHERE space = ? AND key = ?"
DELETE = "DELETE FROM {table} WHERE space = ? AND key = ?"
DELETE_RANGE = "DELETE FROM {table} WHERE space = ? AND key >= ? AND key < ?"
ENTRIES = (
    "SELECT key, value, text FROM entry WHERE space = ? AND key {comparison} ? AND key < ? "
    "AND (expires = 0 OR expires > ?) ORDER BY key LIMIT ?"
)
SPACES = "SELECT space FROM entry UNION SELECT space FROM counter ORDER BY space"
GET_COUNTER = "SELECT used, exceeded, rolling, expires FROM counter WHERE space = ? AND key = ?"
PUT_COUNTER = (
    "INSERT INTO counter (space, key, used, exceeded, rolling, expires) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (space, key) DO UPDATE SET used = excluded.used, exceeded = excluded.exceeded, "
    "rolling = excluded.rolling, expires = excluded.expires"
)
SPIKE = (
    "INSERT INTO counter (space, key, used, exceeded, expires) VALUES (?, ?, 0, 0, ?) ON CONFLICT (space, key) "
    "DO UPDATE SET expires = excluded.expires WHERE expires <= ?"
)
#: Behind every key: UTF-8, lone surrogates included, has no byte FF.
END = b"\xff"


class SQLiteStore(Store):
    """One connection to a database in write-ahead mode; every change is one transaction.

    Open it in the process and thread that uses it, after any fork. The file and its key file are readable by
    their owner only. Raises `StoreError` when the file can't be opened or isn't a database of this version.
    """

    def __init__(self, path: Path, world: World) -> None:
        super().__init__(world)
        self.path = path
        self.key_file = path.with_name(path.name + ".key")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise StoreError(
                f"state database {path} can't be opened: {error.strerror}; "
                "choose another place with --state sqlite:PATH, or --state memory"
            ) from None
        self._connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
        self._execute = self._connection.execute
        self._guard = _Guard(self._connection, path)
        self._transaction = _Transaction(self._connection, path, durable=False)
        self._durable_transaction = _Transaction(self._connection, path, durable=True)
        self._writes_left = SWEEP_EVERY
        self._swept = {"entry": 0, "counter": 0}
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        with self._guard:
            # Small pages: a commit writes whole pages, and most rows are small (2 µs less than with 4096).
            self._execute("PRAGMA page_size = 2048")
            self._switch_to_wal()
            self._execute("PRAGMA synchronous = NORMAL")
            with self._transaction:
                (version,) = self._execute("PRAGMA user_version").fetchone()
                if version not in (0, SCHEMA_VERSION):
                    raise StoreError(
                        f"state database {self.path} is of version {version}, this program reads version "
                        f"{SCHEMA_VERSION}: delete the file, or name another one with --state sqlite:PATH"
                    )
                for statement in SCHEMA.split(";"):
                    self._execute(statement)
                self._execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _switch_to_wal(self) -> None:
        # SQLite doesn't wait when two processes do this at the same moment, as workers starting together do.
        patience = time.monotonic() + BUSY_TIMEOUT
        while True:
            try:
                self._execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                if time.monotonic() > patience:
                    raise
                time.sleep(0.01)

    # -- values

    def get(self, space: str, key: str) -> Value | None:
        with self._guard:
            row = self._execute(GET, (_blob(space), _blob(key))).fetchone()
        if row is None or 0 < row[2] <= self._now():
            return None
        return _value(row[0], row[1])

    def put(
        self, space: str, key: str, value: Value, ttl: float | None = None, *, durable: bool = False
    ) -> None:
        # A single statement is a transaction by itself, at half the price.
        with self._durable_transaction if durable else self._guard:
            self._put(space, key, value, ttl)
        self._wrote()

    def put_many(self, space: str, values: Mapping[str, Value], *, durable: bool = False) -> None:
        rows = [self._row(space, key, value, None) for key, value in values.items()]
        with self._durable_transaction if durable else self._transaction:
            self._connection.executemany(PUT, rows)

    def compare_and_set(
        self,
        space: str,
        key: str,
        expected: Value | None,
        value: Value | None,
        ttl: float | None = None,
        *,
        durable: bool = False,
    ) -> bool:
        with self._durable_transaction if durable else self._transaction:
            if self.get(space, key) != expected:
                return False
            if value is not None:
                self._put(space, key, value, ttl)
            elif expected is not None:
                self._execute(DELETE.format(table="entry"), (_blob(space), _blob(key)))
        self._wrote()
        return True

    def delete(self, space: str, key: str, *, durable: bool = False) -> bool:
        place, existed = (_blob(space), _blob(key)), False
        with self._durable_transaction if durable else self._transaction:
            now = self._now()
            for table in TABLES:
                row = self._execute(EXPIRES.format(table=table), place).fetchone()
                existed |= row is not None and not 0 < row[0] <= now
                self._execute(DELETE.format(table=table), place)
        return existed

    def delete_prefix(self, space: str, prefix: str = "", *, durable: bool = False) -> int:
        start = _blob(prefix)
        with self._durable_transaction if durable else self._transaction:
            return sum(
                self._execute(DELETE_RANGE.format(table=table), (_blob(space), start, start + END)).rowcount
                for table in TABLES
            )

    def entries(
        self, space: str, prefix: str = "", *, after: str = "", limit: int | None = None
    ) -> list[tuple[str, Value]]:
        behind = after >= prefix and after != ""
        query = ENTRIES.format(comparison=">" if behind else ">=")
        start = _blob(after if behind else prefix)
        bounds = (_blob(space), start, _blob(prefix) + END, self._now(), -1 if limit is None else limit)
        with self._guard:
            rows = self._execute(query, bounds).fetchall()
        return [(_text(key), _value(value, text)) for key, value, text in rows]

    def spaces(self, prefix: str = "") -> list[str]:
        with self._guard:
            rows = self._execute(SPACES).fetchall()
        return [space for (blob,) in rows if (space := _text(blob)).startswith(prefix)]

    # -- counters

    def count(self, space: str, key: str, amount: int, limit: int | None, expires: float) -> Count:
        place = (_blob(space), _blob(key))
        with self._transaction if amount else self._guard:
            row = self._execute(GET_COUNTER, place).fetchone()
            window = Window() if row is None else Window(row[0], row[1], row[3])
            before = (window.used, window.exceeded, window.expires)
            count = window.add(amount, limit, micros(expires), self._now())
            after = (window.used, window.exceeded, window.expires)
            if amount and after != before:
                self._execute(PUT_COUNTER, (*place, window.used, window.exceeded, None, window.expires))
        if amount:
            self._wrote()
        return count

    def roll(self, space: str, key: str, amount: int, limit: int | None, interval: float) -> Count:
        place = (_blob(space), _blob(key))
        with self._transaction if amount else self._guard:
            row = self._execute(GET_COUNTER, place).fetchone()
            rolling = Rolling() if row is None else Rolling.unpack(row[2], row[1], row[3])
            count = rolling.add(amount, limit, micros(interval), self._now())
            if amount:
                state = (rolling.used, rolling.exceeded, rolling.pack(), rolling.expires)
                self._execute(PUT_COUNTER, (*place, *state))
        if amount:
            self._wrote()
        return count

    def spike(self, space: str, key: str, interval: float, weight: int = 1) -> bool:
        now = self._now()
        with self._guard:
            row = (_blob(space), _blob(key), now + micros(interval * weight), now)
            allowed = self._execute(SPIKE, row).rowcount == 1
        if allowed:
            self._wrote()
        return allowed

    # -- the store itself

    def clear(self) -> None:
        with self._transaction:
            self._execute("DELETE FROM entry")
            self._execute("DELETE FROM counter")

    def close(self) -> None:
        self._connection.close()

    def _now(self) -> int:
        return round(self.world.now() * 1_000_000)

    def _put(self, space: str, key: str, value: Value, ttl: float | None) -> None:
        if ttl is None or ttl > 0:
            self._execute(PUT, self._row(space, key, value, ttl))
        else:
            self._execute(DELETE.format(table="entry"), (_blob(space), _blob(key)))

    def _row(self, space: str, key: str, value: Value, ttl: float | None) -> Row:
        expires = 0 if ttl is None else self._now() + micros(ttl)
        if isinstance(value, str):
            return (_blob(space), _blob(key), _blob(value), 1, expires)
        return (_blob(space), _blob(key), value, 0, expires)

    def _wrote(self) -> None:
        """Now and then remove what has expired among the next few rows."""
        self._writes_left -= 1
        if self._writes_left > 0:
            return
        self._writes_left = SWEEP_EVERY
        with self._transaction:
            for table, start in self._swept.items():
                batch = f"SELECT rowid AS id, expires FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?"
                bounds = (start, SWEEP_ROWS)
                last, rows = self._execute(f"SELECT max(id), count(*) FROM ({batch})", bounds).fetchone()
                if rows:
                    self._execute(
                        f"DELETE FROM {table} WHERE rowid > ? AND rowid <= ? AND expires > 0 AND expires <= ?",
                        (start, last, self._now()),
                    )
                self._swept[table] = last if rows == SWEEP_ROWS else 0


class _Guard:
    """Gives SQLite's errors words that say what to do."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.connection = connection
        self.path = path

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise self.explained(error) from error

    def explained(self, error: sqlite3.Error) -> StoreError:
        text = str(error)
        if "locked" in text or "busy" in text:
            advice = f"another program has kept it locked for {BUSY_TIMEOUT:g} s; close that program"
        elif "not a database" in text or "malformed" in text:
            advice = "delete the file, or name another one with --state sqlite:PATH"
        elif "full" in text or "readonly" in text:
            advice = "make room or give write permission there, or choose --state memory"
        else:
            advice = "see that the file may be written and that this process and thread opened it"
        return StoreError(f"state database {self.path}: {text}; {advice}")


class _Transaction(_Guard):
    """Holds the write lock, commits at the end, rolls back when something was raised."""

    def __init__(self, connection: sqlite3.Connection, path: Path, durable: bool) -> None:
        super().__init__(connection, path)
        self.execute = connection.execute
        self.durable = durable

    def __enter__(self) -> None:
        try:
            if self.durable:
                self.execute("PRAGMA synchronous = FULL")
            self.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise self.explained(error) from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                self.execute("COMMIT")
        except sqlite3.Error as problem:
            raise self.explained(problem) from problem
        finally:
            if self.connection.in_transaction:
                self.execute("ROLLBACK")
            if self.durable:
                self.execute("PRAGMA synchronous = NORMAL")
        super().__exit__(kind, error, trace)


def _blob(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(blob: bytes) -> str:
    return blob.decode("utf-8", "surrogatepass")


def _value(blob: bytes, text: int) -> Value:
    return blob.decode("utf-8", "surrogatepass") if text else blob
