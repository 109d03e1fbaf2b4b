"""State in Redis (6.2 or newer, or Valkey), shared by workers on several machines.

The machines' clocks should agree (NTP): windows and expiry follow the caller's clock, not the server's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from apiproxy_runtime.state import lua
from apiproxy_runtime.state.store import Store, StoreError, T, Value
from apiproxy_runtime.state.window import EXACT_ENTRIES, PARTS, Count, micros
from apiproxy_runtime.world import World

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.commands.core import AsyncScript

Reply: TypeAlias = Any  # what Redis answers depends on the command

NAMESPACE = b"apiproxy"
CONNECTIONS = 64
#: Seconds to wait for a connection, and for an answer.
CONNECT_TIMEOUT = 3.0
ANSWER_TIMEOUT = 5.0
#: Redis drops a row so many milliseconds after it has expired by the caller's clock.
GRACE = 60_000
BATCH = 500


class RedisStore(Store):
    """A pool of connections, opened when first used and bound to the event loop that used it.

    Raises `StoreError` when the `redis` package is missing or the URL can't be understood. Durability is what
    the server is configured for; `durable` changes nothing.
    """

    is_async = True

    def __init__(self, url: str, world: World) -> None:
        super().__init__(world)
        try:
            # Loaded here because it costs 270 ms and few need it.
            import redis.asyncio as client
            from redis import exceptions
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
        except ImportError:
            raise StoreError(
                "--state redis://… needs the redis package: pip install 'apiproxy-runtime[redis]'"
            ) from None
        self._error: type[Exception] = exceptions.RedisError
        self._address = url.rpartition("@")[2]
        try:
            pool = client.BlockingConnectionPool.from_url(
                url,
                max_connections=CONNECTIONS,
                timeout=ANSWER_TIMEOUT,
                socket_timeout=ANSWER_TIMEOUT,
                socket_connect_timeout=CONNECT_TIMEOUT,
                protocol=2,  # the client reads it a fifth faster than version 3
                # One more try for a connection that the server closed while idle; never after a time-out, when
                # a count has probably been made.
                retry=Retry(NoBackoff(), 1, supported_errors=(exceptions.ConnectionError,)),
            )
        except ValueError as error:
            raise StoreError(f"--state {self._address}: {error}") from None
        self._redis: Redis = client.Redis.from_pool(pool)
        self._scripts: dict[str, AsyncScript] = {}

    # -- values

    async def get(self, space: str, key: str) -> Value | None:
        row = await self._call(self._redis.get(_row(b"v", space) + _bytes(key)))
        if row is None or 0 < int(row[1:17]) <= self._now():
            return None
        return _value(row)

    async def put(
        self, space: str, key: str, value: Value, ttl: float | None = None, *, durable: bool = False
    ) -> None:
        if ttl is not None and ttl <= 0:
            await self._call(self._discard(space, key))
        else:
            await self._script(
                lua.PUT, self._value_keys(space, key), self._put_arguments(space, key, value, ttl)
            )

    async def put_many(self, space: str, values: Mapping[str, Value], *, durable: bool = False) -> None:
        rows, pending = _row(b"v", space), list(values.items())
        for start in range(0, len(pending), BATCH):
            async with self._redis.pipeline(transaction=True) as pipe:
                for key, value in pending[start : start + BATCH]:
                    pipe.set(rows + _bytes(key), _packed(value, 0))
                    pipe.zadd(_index(b"v", space), {_bytes(key): 0})
                pipe.sadd(_SPACES, _bytes(space))
                await self._call(pipe.execute())

    async def compare_and_set(
        self,
        space: str,
        key: str,
        expected: Value | None,
        value: Value | None,
        ttl: float | None = None,
        *,
        durable: bool = False,
    ) -> bool:
        setting = value is not None and (ttl is None or ttl > 0)
        arguments = [
            *self._put_arguments(space, key, b"" if value is None else value, ttl),
            self._now(),
            int(setting),
            b"" if expected is None else _typed(expected),
        ]
        return bool(await self._script(lua.COMPARE_AND_SET, self._value_keys(space, key), arguments))

    async def delete(self, space: str, key: str, *, durable: bool = False) -> bool:
        name = _bytes(key)
        keys = [
            _row(b"v", space) + name,
            _index(b"v", space),
            _row(b"c", space) + name,
            _index(b"c", space),
        ]
        return bool(await self._script(lua.DELETE, keys, [name, self._now()]))

    async def delete_prefix(self, space: str, prefix: str = "", *, durable: bool = False) -> int:
        start, end = _range(prefix)
        gone = 0
        for kind in (b"v", b"c"):
            while True:
                arguments = [_row(kind, space), start, end, BATCH]
                count = int(await self._script(lua.DELETE_RANGE, [_index(kind, space)], arguments))
                gone += count
                if count < BATCH:
                    break
        return gone

    async def entries(
        self, space: str, prefix: str = "", *, after: str = "", limit: int | None = None
    ) -> list[tuple[str, Value]]:
        start, end = _range(prefix)
        if after and after >= prefix:
            start = b"(" + _bytes(after)
        found: list[tuple[str, Value]] = []
        while limit is None or len(found) < limit:
            arguments = [_row(b"v", space), start, end, BATCH, self._now()]
            last, *page = await self._script(lua.ENTRIES, [_index(b"v", space)], arguments)
            found += [(_text(key), _value(row)) for key, row in zip(page[::2], page[1::2], strict=True)]
            if not last:
                break
            start = b"(" + last[1:]
        return found if limit is None else found[:limit]

    async def spaces(self, prefix: str = "") -> list[str]:
        found = []
        for name in await self._call(self._redis.smembers(_SPACES)):
            space = _text(name)
            if not await self._call(self._redis.exists(_index(b"v", space), _index(b"c", space))):
                await self._call(self._redis.srem(_SPACES, name))
            elif space.startswith(prefix):
                found.append(space)
        return sorted(found)

    # -- counters

    async def count(self, space: str, key: str, amount: int, limit: int | None, expires: float) -> Count:
        bound = "" if limit is None else limit
        return await self._counted(lua.COUNT, space, key, [amount, bound, micros(expires)])

    async def roll(self, space: str, key: str, amount: int, limit: int | None, interval: float) -> Count:
        bound = "" if limit is None else limit
        rest = [amount, bound, micros(interval), EXACT_ENTRIES, PARTS]
        return await self._counted(lua.ROLL, space, key, rest)

    async def spike(self, space: str, key: str, interval: float, weight: int = 1) -> bool:
        arguments = [*self._counter_arguments(space, key), micros(interval * weight)]
        return bool(await self._script(lua.SPIKE, self._counter_keys(space, key), arguments))

    # -- the store itself

    def finish(self, task: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        return task

    async def clear(self) -> None:
        cursor = b"0"
        while True:
            cursor = await self._script(lua.CLEAR, [], [cursor, NAMESPACE + b":*"])
            if cursor == b"0":
                return

    async def close(self) -> None:
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()

    def _now(self) -> int:
        return round(self.world.now() * 1_000_000)

    def _put_arguments(self, space: str, key: str, value: Value, ttl: float | None) -> list[Reply]:
        expires, keep = 0, 0
        if ttl is not None:
            expires, keep = self._now() + micros(ttl), round(ttl * 1000) + GRACE
        return [_packed(value, expires), keep, _bytes(space), _bytes(key), _row(b"v", space)]

    def _counter_arguments(self, space: str, key: str) -> list[Reply]:
        return [_bytes(space), _bytes(key), _row(b"c", space), GRACE, self._now()]

    def _value_keys(self, space: str, key: str) -> list[bytes]:
        return [_row(b"v", space) + _bytes(key), _index(b"v", space), _SPACES]

    def _counter_keys(self, space: str, key: str) -> list[bytes]:
        return [_row(b"c", space) + _bytes(key), _index(b"c", space), _SPACES]

    async def _counted(self, source: str, space: str, key: str, rest: list[int | str]) -> Count:
        arguments = [*self._counter_arguments(space, key), *rest]
        allowed, used, exceeded, expires = await self._script(
            source, self._counter_keys(space, key), arguments
        )
        return Count(bool(allowed), int(used), int(exceeded), int(expires) / 1_000_000)

    async def _script(self, source: str, keys: list[bytes], arguments: list[Reply]) -> Reply:
        script = self._scripts.get(source)
        if script is None:
            script = self._scripts[source] = self._redis.register_script(source)
        return await self._call(script(keys, arguments))

    async def _call(self, command: Awaitable[Reply]) -> Reply:
        try:
            return await command
        except self._error as error:
            self._explain(error)

    def _explain(self, error: Exception) -> NoReturn:
        raise StoreError(
            f"state store {self._address}: {error}; see that the server runs, that the address and password of "
            "--state are right, and that it lets this user run scripts (EVALSHA)"
        ) from error

    async def _discard(self, space: str, key: str) -> None:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(_row(b"v", space) + _bytes(key))
            pipe.zrem(_index(b"v", space), _bytes(key))
            await pipe.execute()


_SPACES = NAMESPACE + b":spaces"


def _row(kind: bytes, space: str) -> bytes:
    """What the names of a space's rows begin with; the length keeps `a:b` + `c` apart from `a` + `b:c`."""
    name = _bytes(space)
    return b"%b:%b:%d:%b:" % (NAMESPACE, kind, len(name), name)


def _index(kind: bytes, space: str) -> bytes:
    return NAMESPACE + b":index:" + kind + b":" + _bytes(space)


def _range(prefix: str) -> tuple[bytes, bytes]:
    """The bounds of all keys with a prefix, as ZRANGEBYLEX takes them: UTF-8 has no byte FF."""
    start = _bytes(prefix)
    return b"[" + start, b"(" + start + b"\xff"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _typed(value: Value) -> bytes:
    return b"s" + _bytes(value) if isinstance(value, str) else b"b" + value


def _packed(value: Value, expires: int) -> bytes:
    typed = _typed(value)
    return b"%b%016d%b" % (typed[:1], expires, typed[1:])


def _value(row: bytes) -> Value:
    content = row[17:]
    return _text(content) if row[:1] == b"s" else content
