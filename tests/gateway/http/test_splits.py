"""However the network cuts the bytes, the same messages come out."""

import asyncio
from itertools import pairwise

import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apiproxy_runtime.gateway.http.client import HttpClient
from apiproxy_runtime.gateway.http.exchange import Exchange
from apiproxy_runtime.gateway.http.pool import Origin
from apiproxy_runtime.gateway.http.server import Server
from apiproxy_runtime.message.headers import Headers

token = st.text("abcXYZ-_09", min_size=1, max_size=8)
value = st.text(
    st.characters(codec="latin-1", exclude_characters="\r\n\0", exclude_categories=["Cc"]), max_size=20
)
fields = st.lists(st.tuples(token.map(lambda name: f"X-{name}"), value), max_size=5)
body = st.binary(max_size=20_000) | st.binary(max_size=50)


@st.composite
def chunked(draw, content: bytes) -> bytes:
    out = b""
    while content:
        size = draw(st.integers(1, len(content)))
        out += b"%x%b\r\n%b\r\n" % (size, draw(st.sampled_from([b"", b";a=b"])), content[:size])
        content = content[size:]
    return out + b"0\r\n" + draw(st.sampled_from([b"", b"Trailer: x\r\n"])) + b"\r\n"


@st.composite
def framed(draw, start: bytes) -> tuple[list[tuple[str, str]], bytes, bytes]:
    """Fields, content, and the message on the wire."""
    lines = draw(fields)
    content = draw(body)
    head = start + b"".join(
        f"{name}:{draw(st.sampled_from(['', ' ', '  ']))}{text}\r\n".encode("latin-1") for name, text in lines
    )
    if draw(st.booleans()):
        return lines, content, head + b"Content-Length: %d\r\n\r\n" % len(content) + content
    return lines, content, head + b"Transfer-Encoding: chunked\r\n\r\n" + draw(chunked(content))


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(ends)]


def as_headers(lines: list[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """What the message's own fields should read as: names without case, values trimmed, in order."""
    headers = Headers(
        (name, text.strip(" \t").encode("latin-1").decode("utf-8", "surrogateescape")) for name, text in lines
    )
    return [(key, field[1:]) for key, field in headers.fields.items()]


def own(headers: Headers) -> list[tuple[str, list[str]]]:
    return [(key, field[1:]) for key, field in headers.fields.items() if key.startswith("x-")]


async def feed(writer: asyncio.StreamWriter, pieces: list[bytes]) -> None:
    for piece in pieces:
        writer.write(piece)
        # Let the other side read it before the next one follows.
        await asyncio.sleep(0.0005)
    await writer.drain()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(framed(b"POST /x HTTP/1.1\r\nHost: h\r\n"), min_size=1, max_size=4),
    st.lists(st.integers(0, 10**6), max_size=12),
)
def test_requests_survive_any_split(messages, places):
    async def run() -> None:
        seen = []

        async def handle(exchange: Exchange) -> None:
            content = await exchange.read_body(1 << 20)
            seen.append((own(exchange.headers), content))
            exchange.respond(200, "OK", Headers())

        server = Server(handle)
        await server.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await feed(writer, cut(b"".join(wire for _, _, wire in messages), places))
        for _ in messages:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        writer.close()
        await server.stop(0)
        assert seen == [(as_headers(lines), content) for lines, content, _ in messages]

    uvloop.run(run())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(framed(b"HTTP/1.1 201 Made\r\n"), min_size=1, max_size=3),
    st.lists(st.integers(0, 10**6), max_size=8),
    st.booleans(),
)
def test_answers_survive_any_split(messages, places, stream):
    async def run() -> None:
        waiting = [wire for _, _, wire in messages]

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while waiting:
                await reader.readuntil(b"\r\n\r\n")
                await feed(writer, cut(waiting.pop(0), places))
            await reader.read()
            writer.close()

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        client = HttpClient()
        origin = Origin("http", "127.0.0.1", server.sockets[0].getsockname()[1])
        for lines, content, _ in messages:
            response = await client.send(origin, "GET", "/", Headers(), stream=stream, io_timeout=5)
            got = b"".join([chunk async for chunk in response.chunks()]) if stream else response.body
            assert (response.status, response.reason) == (201, "Made")
            assert own(response.headers) == as_headers(lines)
            assert got == content
        client.close()
        server.close()

    uvloop.run(run())
