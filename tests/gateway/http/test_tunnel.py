"""Upgrades: the byte stream behind a 101."""

import asyncio
import contextlib

import pytest

from apiproxy_runtime.gateway.http.errors import BadResponse, ReadTimeout
from apiproxy_runtime.gateway.http.pool import Origin
from apiproxy_runtime.message.headers import Headers

HANDSHAKE = b"GET /chat HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n"


@pytest.fixture
async def relay(serve, client):
    """relay(port) → a Server that passes upgrades through to the target."""

    async def start(port: int, idle: float = 10):
        origin = Origin("http", "127.0.0.1", port)

        async def handle(exchange):
            response = await client.send(
                origin, exchange.method, exchange.target, exchange.headers, upgrade=exchange.upgrade_to
            )
            if response.tunnel is None:
                exchange.respond(response.status, response.reason, response.headers, response.parts)
            else:
                try:
                    await exchange.upgrade(response.headers).splice(response.tunnel, idle)
                except ReadTimeout:
                    pass

        return await serve(handle)

    return start


async def shout(raw, number):
    """Accepts the upgrade, greets in the same packet, then answers in capitals."""
    head = await raw.reader.readuntil(b"\r\n\r\n")
    assert b"Connection: Upgrade\r\n" in head
    assert b"Upgrade: websocket\r\n" in head
    assert b"Sec-WebSocket-Key: k\r\n" in head
    await raw.send(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: a\r\n\r\nhello"
    )
    while data := await raw.reader.read(100_000):
        await raw.send(data.upper())
    await raw.send(b"bye")


async def test_websocket_passes_through(script, relay, dial):
    origin = await script(shout)
    front = await relay(origin.port)
    raw = await dial(front.port)
    # The first frame may come in the same packet as the handshake.
    await raw.send(HANDSHAKE + b"early")
    first, fields, _ = await raw.response()
    assert first == "HTTP/1.1 101 Switching Protocols"
    assert fields["upgrade"] == "websocket"
    assert fields["connection"] == "Upgrade"
    assert fields["sec-websocket-accept"] == "a"
    assert await raw.reader.readexactly(10) == b"helloEARLY"
    await raw.send(b"more")
    assert await raw.reader.readexactly(4) == b"MORE"
    # A half-closed tunnel still brings the rest.
    raw.writer.write_eof()
    assert await raw.rest() == b"bye"


async def test_large_tunnel_traffic_waits_for_a_slow_reader(script, relay, dial):
    sent = 0

    async def flood(raw, number):
        nonlocal sent
        await raw.reader.readuntil(b"\r\n\r\n")
        await raw.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        while sent < 100_000_000:
            await raw.send(b"x" * 50_000)
            sent += 50_000

    origin = await script(flood)
    front = await relay(origin.port)
    raw = await dial(front.port, limit=1000)
    await raw.send(HANDSHAKE)
    await raw.response()
    before = -1
    while sent != before:
        before = sent
        await asyncio.sleep(0.1)
    assert sent < 40_000_000
    got = 0
    while got < 100_000_000:
        got += len(await asyncio.wait_for(raw.reader.read(1 << 20), 5))
    assert got == 100_000_000


async def test_side_that_leaves_takes_the_other_along(script, relay, dial):
    gone = asyncio.Event()

    async def talk(raw, number):
        await raw.reader.readuntil(b"\r\n\r\n")
        await raw.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        try:
            await raw.reader.read()
        finally:
            gone.set()

    origin = await script(talk)
    front = await relay(origin.port)
    raw = await dial(front.port)
    await raw.send(HANDSHAKE)
    await raw.response()
    raw.abort()
    await asyncio.wait_for(gone.wait(), 3)


async def test_silent_tunnel_is_cut(script, relay, dial):
    origin = await script(shout)
    front = await relay(origin.port, idle=0.1)
    raw = await dial(front.port)
    await raw.send(HANDSHAKE)
    await raw.response()
    for _ in range(4):
        await raw.send(b"x")
        await asyncio.sleep(0.05)
    loop = asyncio.get_running_loop()
    start = loop.time()
    with contextlib.suppress(ConnectionError):
        await raw.rest()
    assert loop.time() - start < 2


async def test_refused_upgrade_goes_on_as_http(serve, dial):
    async def handle(exchange):
        exchange.respond(403 if exchange.upgrade_to else 200, "R", Headers(), exchange.target.encode())

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(HANDSHAKE + b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n")
    first, _, body = await raw.response()
    assert (first, body) == ("HTTP/1.1 403 R", b"/chat")
    assert (await raw.response())[2] == b"/next"
    await raw.send(b"GET /later HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await raw.response())[2] == b"/later"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"Content-Length: 5\r\n", b"hello"),
        (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
@pytest.mark.parametrize("split", [False, True])
async def test_other_upgrades_and_those_with_a_body_are_read_as_http(
    serve, dial, head, body, protocol, split
):
    async def handle(exchange):
        assert exchange.upgrade_to == ""
        exchange.respond(200, "OK", Headers(), exchange.target.encode() + await exchange.read_body(100))

    server = await serve(handle)
    raw = await dial(server.port)
    start = (
        b"POST /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: "
        + protocol
        + b"\r\n"
        + head
        + b"\r\n"
    )
    after = b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n"
    if split:
        for byte in start + body + after:
            await raw.send(bytes([byte]))
            await asyncio.sleep(0)
    else:
        await raw.send(start + body + after)
    assert (await raw.response())[2] == b"/uphello"
    assert (await raw.response())[2] == b"/next"


async def test_unasked_101_is_a_bad_response(script, client):
    async def talk(raw, number):
        await raw.reader.readuntil(b"\r\n\r\n")
        await raw.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        await raw.reader.read()

    origin = await script(talk)
    with pytest.raises(BadResponse):
        await client.send(origin, "GET", "/", Headers())


async def test_tunnel_is_read_and_written_by_hand(serve, script, client):
    async def handle(exchange):
        tunnel = exchange.upgrade(Headers())
        while data := await tunnel.read():
            tunnel.write(data[::-1])
            await tunnel.drain()
        tunnel.close()

    server = await serve(handle)
    response = await client.send(
        Origin("http", "127.0.0.1", server.port), "GET", "/", Headers(), upgrade="websocket"
    )
    assert response.status == 101
    assert response.tunnel is not None
    response.tunnel.write(b"abc")
    assert await response.tunnel.read() == b"cba"
    response.tunnel.write_eof()
    assert await response.tunnel.read() == b""
    await response.tunnel.wait_closed()
