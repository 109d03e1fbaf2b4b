"""Bodies that pass without being held: memory stays small, whoever is slow."""

import asyncio
import contextlib

import pytest

from apiproxy_runtime.gateway.http.client import HttpClient
from apiproxy_runtime.gateway.http.errors import ClientGone, UnexpectedEof
from apiproxy_runtime.gateway.http.limits import Limits
from apiproxy_runtime.gateway.http.pool import Origin
from apiproxy_runtime.message.headers import Headers

MEGABYTE = 1 << 20


async def chunks_of(size: int, count: int):
    for _ in range(count):
        yield b"x" * size


def held(server) -> int:
    """Bytes that the server holds for its connections, unread or unsent."""
    total = 0
    for connection in server.connections:
        exchange = connection._current
        if exchange is not None:
            total += exchange.size - exchange.taken
        total += connection.transport.get_write_buffer_size()
    return total


@pytest.fixture
async def relay(serve, client):
    """relay(target port) → a Server that streams requests to the target and its answers back."""

    async def start(port: int):
        origin = Origin("http", "127.0.0.1", port)

        async def handle(exchange):
            source = exchange.body_chunks() if exchange.has_body else None
            response = await client.send(
                origin, exchange.method, exchange.target, exchange.headers, source, stream=True
            )
            await exchange.respond_stream(
                response.status, response.reason, response.headers, response.chunks()
            )

        return await serve(handle)

    return start


@pytest.mark.parametrize("length", [False, True])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_streamed_answer_arrives_whole(serve, dial, length, version):
    async def handle(exchange):
        headers = Headers([("Content-Length", "300000")] if length else [])
        await exchange.respond_stream(200, "OK", headers, chunks_of(3000, 100))

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(f"GET / HTTP/{version}\r\nHost: h\r\n\r\n".encode())
    _, fields, body = await raw.response()
    assert body == b"x" * 300_000
    assert fields.get("transfer-encoding") == ("chunked" if not length and version == "1.1" else None)
    assert fields.get("content-length") == ("300000" if length else None)
    if version == "1.1":
        await raw.send(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await raw.response(bodyless=True))[1].get("content-length") == fields.get("content-length")
    else:
        assert fields["connection"] == "close"


async def test_failure_in_the_middle_cuts_the_connection(serve, dial):
    async def broken():
        yield b"x" * 1000
        raise ValueError("middle")

    async def handle(exchange):
        headers = Headers([("Content-Length", "5000")] if exchange.target == "/length" else [])
        with pytest.raises(ValueError):
            await exchange.respond_stream(200, "OK", headers, broken())

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert not (await raw.rest()).endswith(b"0\r\n\r\n")
    raw = await dial(server.port)
    await raw.send(b"GET /length HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await raw.rest()).count(b"x") == 1000
    raw = await dial(server.port)
    await raw.send(b"GET / HTTP/1.0\r\n\r\n")
    assert await was_reset(raw)


async def was_reset(raw) -> bool:
    """Whether the connection ends by a reset rather than in order."""
    try:
        await raw.rest()
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize("count", [4, 6])
async def test_body_of_another_length_than_announced_cuts_the_connection(serve, dial, count):
    async def handle(exchange):
        with contextlib.suppress(Exception):
            await exchange.respond_stream(200, "OK", Headers([("Content-Length", "5")]), chunks_of(1, count))

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await raw.rest()).count(b"HTTP/1.1") == 1


async def test_slow_reader_holds_up_a_streamed_answer(serve, dial):
    made = 0

    async def endless():
        nonlocal made
        while True:
            made += 1
            yield b"x" * 50_000

    finished = asyncio.get_running_loop().create_future()

    async def handle(exchange):
        try:
            await exchange.respond_stream(200, "OK", Headers(), endless())
        except ClientGone as error:
            finished.set_result(error)

    server = await serve(handle)
    raw = await dial(server.port, limit=1000)
    await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    before = -1
    while made != before:
        before = made
        await asyncio.sleep(0.1)
    # What the kernel's buffers take, and a little of ours.
    assert made * 50_000 < 20 * MEGABYTE
    assert held(server) < MEGABYTE
    raw.abort()
    assert isinstance(await asyncio.wait_for(finished, 3), ClientGone)


async def test_client_that_takes_nothing_is_cut_after_the_io_time(serve, dial):
    failed = asyncio.get_running_loop().create_future()

    async def handle(exchange):
        try:
            await exchange.respond_stream(200, "OK", Headers(), chunks_of(100_000, 1000))
        except Exception as error:
            failed.set_result(error)
            raise

    server = await serve(handle, Limits(io_seconds=0.1))
    raw = await dial(server.port, limit=1000)
    await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert type(await asyncio.wait_for(failed, 3)).__name__ == "WriteTimeout"


async def test_unread_upload_holds_up_its_sender(serve, dial):
    go = asyncio.Event()
    got = 0

    async def handle(exchange):
        nonlocal got
        await go.wait()
        async for chunk in exchange.body_chunks():
            got += len(chunk)
        exchange.respond(200, "OK", Headers())

    server = await serve(handle, Limits(high_water=100_000))
    raw = await dial(server.port)
    total = 40 * MEGABYTE
    await raw.send(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % total)

    async def upload():
        for _ in range(total // 100_000):
            await raw.send(b"x" * 100_000)
        await raw.send(b"x" * (total % 100_000))

    sending = asyncio.create_task(upload())
    await asyncio.sleep(0.2)
    assert not sending.done()
    assert held(server) < MEGABYTE
    go.set()
    await sending
    await raw.response()
    assert got == total


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_hundred_megabytes_pass_through_in_both_directions(serve, relay, framing):
    most = 0
    size = 100 * MEGABYTE

    async def target(exchange):
        count = 0
        async for chunk in exchange.body_chunks():
            count += len(chunk)
        headers = Headers([("X-Count", str(count))])
        if framing == "length":
            headers.set("Content-Length", str(size))
        await exchange.respond_stream(
            200,
            "OK",
            headers,
            chunks_of(100_000, size // 100_000 + 1) if framing == "chunked" else chunks_of(MEGABYTE, 100),
        )

    server = await serve(target)
    front = await relay(server.port)
    client = HttpClient()
    headers = Headers([("Content-Length", str(size))] if framing == "length" else [])
    response = await client.send(
        Origin("http", "127.0.0.1", front.port), "POST", "/", headers, chunks_of(MEGABYTE, 100), stream=True
    )
    got = 0
    async for chunk in response.chunks():
        got += len(chunk)
        most = max(most, held(front), held(server))
    assert response.headers.get("x-count") == str(size)
    assert got >= size
    assert most < 5 * MEGABYTE
    client.close()


async def test_slow_reader_of_a_relay_holds_up_the_target(serve, relay, dial):
    made = 0

    async def endless():
        nonlocal made
        while True:
            made += 1
            yield b"x" * 50_000

    async def target(exchange):
        with contextlib.suppress(ClientGone):
            await exchange.respond_stream(200, "OK", Headers(), endless())

    server = await serve(target)
    front = await relay(server.port)
    raw = await dial(front.port, limit=1000)
    await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    before = -1
    while made != before:
        before = made
        await asyncio.sleep(0.1)
    assert made * 50_000 < 40 * MEGABYTE
    assert held(front) < MEGABYTE
    assert held(server) < MEGABYTE
    raw.abort()
    # The client's leaving reaches the target.
    for _ in range(100):
        if not server.connections:
            break
        await asyncio.sleep(0.02)
    assert not server.connections


async def test_target_that_breaks_off_breaks_the_answer_off(serve, relay, dial, script, client):
    async def talk(raw, number):
        await raw.reader.readuntil(b"\r\n\r\n")
        await raw.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")

    origin = await script(talk)
    front = await relay(origin.port)
    response = await client.send(Origin("http", "127.0.0.1", front.port), "GET", "/", Headers(), stream=True)
    got = []

    async def read():
        async for chunk in response.chunks():
            got.append(chunk)

    with pytest.raises(UnexpectedEof):
        await read()
    assert b"".join(got) == b"hello"


async def test_events_reach_the_client_one_by_one(serve, relay, dial):
    step = asyncio.Event()

    async def events():
        for number in range(3):
            yield b"data: %d\n\n" % number
            await step.wait()
            step.clear()

    async def target(exchange):
        await exchange.respond_stream(200, "OK", Headers([("Content-Type", "text/event-stream")]), events())

    server = await serve(target)
    front = await relay(server.port)
    raw = await dial(front.port)
    await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    await raw.reader.readuntil(b"\r\n\r\n")
    for number in range(3):
        await asyncio.wait_for(raw.reader.readuntil(b"data: %d\n\n" % number), 3)
        step.set()


async def test_client_that_leaves_a_streamed_upload_ends_the_call_to_the_target(serve, relay, dial):
    seen = asyncio.get_running_loop().create_future()

    async def target(exchange):
        try:
            async for _ in exchange.body_chunks():
                pass
        except ClientGone as error:
            seen.set_result(error)
            raise

    server = await serve(target)
    front = await relay(server.port)
    raw = await dial(front.port)
    await raw.send(b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    await asyncio.sleep(0.05)
    raw.abort()
    assert isinstance(await asyncio.wait_for(seen, 3), ClientGone)


async def test_big_buffered_bodies_pass_both_ways(serve, client, echo):
    server = await serve(echo)
    origin = Origin("http", "127.0.0.1", server.port)
    for size in (8191, 8193, 65536, MEGABYTE, 10 * MEGABYTE):
        body = bytes(range(256)) * (size // 256) + b"!" * (size % 256)
        response = await client.send(origin, "POST", "/", Headers(), body, limit=20 * MEGABYTE)
        assert response.body == body
    assert len(server.connections) == 1
