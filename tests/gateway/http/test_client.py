"""Calls to targets, over real sockets."""

import asyncio
import socket

import pytest

from apiproxy_runtime.gateway.http.client import HttpClient
from apiproxy_runtime.gateway.http.errors import (
    BadResponse,
    BodyTooBig,
    ConnectFailed,
    ConnectTimeout,
    DeadlineExceeded,
    HeaderInjection,
    HeadTooBig,
    ReadTimeout,
    UnexpectedEof,
    WireError,
)
from apiproxy_runtime.gateway.http.pool import Origin
from apiproxy_runtime.message.headers import Headers

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer(*pieces: bytes, pause: float = 0.005, then_close: bool = False):
    """A talk that answers every request with these pieces."""

    async def talk(raw, number):
        while True:
            await raw.reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                await raw.send(piece)
                if len(pieces) > 1:
                    await asyncio.sleep(pause)
            if then_close:
                return

    return talk


async def test_request_is_written_as_told(script, client):
    seen = []

    async def talk(raw, number):
        head = await raw.reader.readuntil(b"\r\n\r\n")
        length = [int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length: ")]
        seen.append((head, await raw.reader.readexactly(length[0] if length else 0)))
        await raw.send(OK)

    origin = await script(talk)
    headers = Headers(
        [
            ("Host", "client.example"),
            ("X-A", "1"),
            ("Content-Length", "99"),
            ("X-a", "2"),
            ("Connection", "x-private"),
            ("X-Private", "1"),
            ("TE", "trailers"),
            ("Expect", "100-continue"),
            ("X-Raw", "\udcff"),
        ]
    )
    await client.send(origin, "PUT", "/p?q=%20", headers, b"body", host_header="target.example")
    ((head, body),) = seen
    lines = head.split(b"\r\n")
    assert lines[0] == b"PUT /p?q=%20 HTTP/1.1"
    assert sorted(lines[1:]) == sorted(
        [b"Host: target.example", b"X-A: 1", b"X-A: 2", b"X-Raw: \xff", b"Content-Length: 4", b"", b""]
    )
    assert body == b"body"


@pytest.mark.parametrize(
    ("method", "body", "line"),
    [
        ("GET", None, None),
        ("GET", b"", None),
        ("DELETE", None, None),
        ("POST", None, b"Content-Length: 0"),
        ("PUT", b"", b"Content-Length: 0"),
        ("GET", b"abc", b"Content-Length: 3"),
        ("POST", [b"ab", b"c"], b"Content-Length: 3"),
        ("POST", b"x" * 100_000, b"Content-Length: 100000"),
    ],
)
async def test_body_sets_content_length(script, client, method, body, line):
    seen = []

    async def talk(raw, number):
        seen.append(await raw.reader.readuntil(b"\r\n\r\n"))
        await raw.send(OK)
        await raw.reader.read()

    origin = await script(talk)
    await client.send(origin, method, "/", Headers(), body)
    lengths = [found for found in seen[0].split(b"\r\n") if found.lower().startswith(b"content-length")]
    assert lengths == ([] if line is None else [line])


async def test_host_is_the_origin_unless_told(script, client):
    hosts = []

    async def talk(raw, number):
        while True:
            head = await raw.reader.readuntil(b"\r\n\r\n")
            hosts.extend(line[6:].decode() for line in head.split(b"\r\n") if line.startswith(b"Host: "))
            await raw.send(OK)

    origin = await script(talk)
    await client.send(origin, "GET", "/", Headers([("Host", "elsewhere")]))
    await client.send(origin, "GET", "/", Headers(), host_header="told:1")
    assert hosts == [f"127.0.0.1:{origin.port}", "told:1"]


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", "/a\r\nX: 1", []),
        ("GET", "/a b", []),
        ("GET\r\n", "/", []),
        ("GET", "/", [("X", "1\r\nY: 2")]),
        ("GET", "/", [("X", "1\nY: 2")]),
        ("GET", "/", [("X\n", "1")]),
        ("GET", "/", [("Set", "1"), ("Set", "2\r\n\r\n")]),
    ],
)
async def test_header_injection_is_refused(client, method, target, headers, free_port):
    with pytest.raises(HeaderInjection):
        await client.send(Origin("http", "127.0.0.1", free_port), method, target, Headers(headers))
    with pytest.raises(HeaderInjection):
        await client.send(
            Origin("http", "127.0.0.1", free_port), "GET", "/", Headers(), host_header="a\r\nX: 1"
        )


ANSWERS = {
    "length": (b"HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX: 1\r\n\r\nhello", True),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 5\r\nX: 1\r\n\r\nhello", True),
    "chunked": (
        b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\nX: 1\r\n\r\n2;e=1\r\nhe\r\n3\r\nllo\r\n0\r\nT: 1\r\n\r\n",
        True,
    ),
    "after 100": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX: 1\r\n\r\nhello",
        True,
    ),
    "after 103": (
        b"HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX: 1\r\n\r\nhello",
        True,
    ),
    "close": (b"HTTP/1.1 200 Fine\r\nConnection: close\r\nContent-Length: 5\r\nX: 1\r\n\r\nhello", False),
    "1.0": (b"HTTP/1.0 200 Fine\r\nContent-Length: 5\r\nX: 1\r\n\r\nhello", False),
    "1.0 keep-alive": (
        b"HTTP/1.0 200 Fine\r\nConnection: keep-alive\r\nContent-Length: 5\r\nX: 1\r\n\r\nhello",
        True,
    ),
    "extra bytes": (
        b"HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX: 1\r\n\r\nhelloHTTP/1.1 200 Evil\r\n\r\n",
        False,
    ),
    "extra bytes after chunks": (
        b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\nX: 1\r\n\r\n5\r\nhello\r\n0\r\n\r\nxx",
        False,
    ),
    "offers an upgrade": (
        b"HTTP/1.1 200 Fine\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\nX: 1\r\n\r\nhello",
        True,
    ),
}


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("bytewise", [False, True])
async def test_answers_are_read(script, client, kind, stream, bytewise):
    data, persists = ANSWERS[kind]
    pieces = [data[n : n + 1] for n in range(len(data))] if bytewise else [data]
    connections = []

    async def talk(raw, number):
        connections.append(number)
        await answer(*pieces, pause=0)(raw, number)

    origin = await script(talk)
    for _ in range(2):
        response = await client.send(origin, "GET", "/", Headers(), stream=stream)
        body = b"".join([chunk async for chunk in response.chunks()]) if stream else response.body
        assert (response.status, body) == (200, b"hello")
        assert response.reason == ("" if kind == "no reason" else "Fine")
        assert response.headers.get("x") == "1"
        assert "T" not in response.headers
        assert "Link" not in response.headers
        assert response.version == ("1.0" if kind.startswith("1.0") else "1.1")
        # Surplus bytes sent one by one may come after the answer was taken; they must not become the next answer.
        await asyncio.sleep(0.02)
    assert len(connections) == (1 if persists else 2)


async def test_body_until_close_is_read(script, client):
    origin = await script(answer(b"HTTP/1.1 200 OK\r\n\r\nfirst", b" second", then_close=True))
    assert (await client.send(origin, "GET", "/", Headers())).body == b"first second"
    response = await client.send(origin, "GET", "/", Headers(), stream=True)
    assert b"".join([chunk async for chunk in response.chunks()]) == b"first second"


@pytest.mark.parametrize("head", [b"Content-Length: 5", b"Transfer-Encoding: chunked", b"X: 1"])
async def test_answer_to_head_has_no_body(script, client, head):
    connections = []

    async def talk(raw, number):
        connections.append(number)
        await answer(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")(raw, number)

    origin = await script(talk)
    for _ in range(2):
        response = await client.send(origin, "HEAD", "/", Headers())
        assert (response.status, response.body) == (200, b"")
    assert len(connections) == 1


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_204_and_304_have_no_body(script, client, status):
    connections = []

    async def talk(raw, number):
        connections.append(number)
        await answer(b"HTTP/1.1 " + status + b"\r\nContent-Length: 7\r\n\r\n")(raw, number)

    origin = await script(talk)
    for _ in range(2):
        response = await client.send(origin, "GET", "/", Headers())
        assert (response.status, response.body) == (int(status[:3]), b"")
    assert len(connections) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nX y: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
    ],
)
async def test_malformed_answers_are_bad_responses(script, client, data):
    origin = await script(answer(data))
    with pytest.raises(BadResponse):
        await client.send(origin, "GET", "/", Headers(), io_timeout=2)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_truncated_answers_are_an_unexpected_eof(script, client, data, stream):
    origin = await script(answer(data, then_close=True))

    async def call():
        response = await client.send(origin, "POST", "/", Headers(), b"x", stream=stream)
        return [chunk async for chunk in response.chunks()]

    with pytest.raises(UnexpectedEof):
        await call()


async def test_head_of_an_answer_is_bounded(script):
    client = HttpClient(head_limit=1000)
    for pieces in ([b"X: " + b"x" * 2000], [b"X: " + b"x" * 600, b"x" * 600], [b"A: 1\r\n" * 300]):
        origin = await script(answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", *pieces, b"\r\n\r\n"))
        with pytest.raises(HeadTooBig) as error:
            await client.send(origin, "GET", "/", Headers())
        assert error.value.limit == 1000
    origin = await script(answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: " + b"x" * 2000 + b"\r\n\r\n"))
    with pytest.raises(HeadTooBig):
        await client.send(origin, "GET", "/", Headers())
    client.close()


@pytest.mark.parametrize(
    "data",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", b"x" * 101),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"x" * 101,),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n",),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"50\r\n" + b"x" * 80 + b"\r\n",
            b"50\r\n" + b"x" * 80 + b"\r\n",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 101,),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 60, b"x" * 60),
    ],
)
async def test_body_over_the_limit_is_refused(script, client, data):
    origin = await script(answer(*data))
    with pytest.raises(BodyTooBig) as error:
        await client.send(origin, "GET", "/", Headers(), limit=100)
    assert error.value.limit == 100


async def test_body_of_the_limit_is_taken(script, client):
    origin = await script(answer(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100))
    assert (await client.send(origin, "GET", "/", Headers(), limit=100)).size == 100


async def test_unread_head_only_bytes_after_an_answer_are_not_the_next_answer(script, client):
    async def talk(raw, number):
        await raw.reader.readuntil(b"\r\n\r\n")
        await raw.send(OK)
        await asyncio.sleep(0.02)
        if number == 1:
            await raw.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await raw.reader.readuntil(b"\r\n\r\n")
        await raw.send(OK)

    origin = await script(talk)
    assert (await client.send(origin, "GET", "/", Headers())).body == b"ok"
    await asyncio.sleep(0.05)
    assert (await client.send(origin, "GET", "/", Headers())).body == b"ok"


@pytest.mark.parametrize(
    "how", ["closes when idle", "closes on the next request", "resets on the next request"]
)
async def test_stale_connection_is_replaced_once(script, client, how):
    requests = []

    async def talk(raw, number):
        await raw.reader.readuntil(b"\r\n\r\n")
        requests.append(number)
        await raw.send(OK)
        if how == "closes when idle":
            return
        await raw.reader.readuntil(b"\r\n\r\n")
        requests.append(number)
        if how == "resets on the next request":
            raw.abort()

    origin = await script(talk)
    for _ in range(4):
        assert (await client.send(origin, "POST", "/", Headers(), b"body")).body == b"ok"
    assert len(requests) == (4 if how == "closes when idle" else 7)


async def test_fresh_connection_is_not_retried(script, client):
    connections = []

    async def talk(raw, number):
        connections.append(number)
        await raw.reader.readuntil(b"\r\n\r\n")

    origin = await script(talk)
    with pytest.raises(UnexpectedEof):
        await client.send(origin, "GET", "/", Headers())
    assert connections == [1]


async def test_started_answer_is_not_retried(script, client):
    connections = []

    async def talk(raw, number):
        connections.append(number)
        await raw.reader.readuntil(b"\r\n\r\n")
        await raw.send(OK)
        await raw.reader.readuntil(b"\r\n\r\n")
        await raw.send(b"HTTP/1.1 2")

    origin = await script(talk)
    await client.send(origin, "GET", "/", Headers())
    with pytest.raises(UnexpectedEof):
        await client.send(origin, "GET", "/", Headers())
    assert connections == [1]


async def test_idle_connection_expires(script, client):
    connections = []

    async def talk(raw, number):
        connections.append(number)
        await answer(OK)(raw, number)

    origin = await script(talk)
    await client.send(origin, "GET", "/", Headers(), keep_alive=0.05)
    await client.send(origin, "GET", "/", Headers(), keep_alive=0.05)
    await asyncio.sleep(0.15)
    assert not client.pool(origin).idle
    await client.send(origin, "GET", "/", Headers(), keep_alive=0)
    await client.send(origin, "GET", "/", Headers())
    assert connections == [1, 2, 3]


async def test_connections_are_bounded_when_asked(script):
    client = HttpClient(max_connections=2)
    open_now = most = 0

    async def talk(raw, number):
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        try:
            for _ in range(3):
                await raw.reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(0.005)
                await raw.send(OK)
        finally:
            open_now -= 1

    origin = await script(talk)
    responses = await asyncio.gather(*[client.send(origin, "GET", "/", Headers()) for _ in range(11)])
    assert [response.body for response in responses] == [b"ok"] * 11
    assert most <= 3
    client.close()


async def test_full_pool_times_out(script):
    client = HttpClient(max_connections=1)

    async def talk(raw, number):
        await raw.reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.5)
        await raw.send(OK)

    origin = await script(talk)
    first = asyncio.create_task(client.send(origin, "GET", "/", Headers()))
    await asyncio.sleep(0.02)
    with pytest.raises(ConnectTimeout):
        await client.send(origin, "GET", "/", Headers(), connect_timeout=0.1)
    assert (await first).body == b"ok"
    client.close()


async def test_refused_and_unknown_hosts_are_connect_failures(client, free_port):
    with pytest.raises(ConnectFailed, match="refused"):
        await client.send(Origin("http", "127.0.0.1", free_port), "GET", "/", Headers())
    with pytest.raises(ConnectFailed):
        await client.send(Origin("http", "no-such-host.invalid", 80), "GET", "/", Headers())


async def test_connect_timeout(client):
    # A listener whose backlog is full answers no further SYN.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        origin = Origin("http", "127.0.0.1", listener.getsockname()[1])
        with pytest.raises(ConnectTimeout):
            await client.send(origin, "GET", "/", Headers(), connect_timeout=0.1)
        deadline = asyncio.get_running_loop().time() + 0.1
        with pytest.raises(DeadlineExceeded):
            await client.send(origin, "GET", "/", Headers(), deadline=deadline)
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"HTTP/1.1 200 OK\r\n",),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe",),
        (b"HTTP/1.1 100 Continue\r\n\r\n",),
    ],
)
async def test_silent_target_is_a_read_timeout(script, client, pieces):
    origin = await script(answer(*pieces))
    loop = asyncio.get_running_loop()
    start = loop.time()
    with pytest.raises(ReadTimeout) as error:
        await client.send(origin, "GET", "/", Headers(), io_timeout=0.15)
    assert not isinstance(error.value, DeadlineExceeded)
    assert 0.1 < loop.time() - start < 1
    # The late answer must not be taken for the next one's.
    assert not client.pool(origin).idle


async def test_slow_but_steady_target_does_not_time_out(script, client):
    origin = await script(answer(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", *[b"x"] * 6, pause=0.05))
    assert (await client.send(origin, "GET", "/", Headers(), io_timeout=0.2)).size == 6


async def test_deadline_cuts_a_slow_target(script, client):
    origin = await script(answer(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n", *[b"x"] * 60, pause=0.02))
    loop = asyncio.get_running_loop()
    start = loop.time()
    with pytest.raises(DeadlineExceeded):
        await client.send(origin, "GET", "/", Headers(), io_timeout=5, deadline=start + 0.2)
    assert loop.time() - start < 1


async def test_shorter_timeout_than_the_last_one_is_kept(script, client):
    async def talk(raw, number):
        await raw.reader.readuntil(b"\r\n\r\n")
        await raw.send(OK)
        await raw.reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(2)

    origin = await script(talk)
    await client.send(origin, "GET", "/", Headers(), io_timeout=50)
    with pytest.raises(ReadTimeout):
        await client.send(origin, "GET", "/", Headers(), io_timeout=0.05)


async def test_cancelled_call_closes_its_connection(script, client):
    closed = asyncio.Event()

    async def talk(raw, number):
        await raw.reader.readuntil(b"\r\n\r\n")
        await raw.reader.read()
        closed.set()

    origin = await script(talk)
    call = asyncio.create_task(client.send(origin, "GET", "/", Headers()))
    await asyncio.sleep(0.03)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.wait_for(closed.wait(), 2)
    assert not client.pool(origin).idle


async def test_body_is_uploaded_as_its_pieces_come(script, client):
    seen = []

    async def talk(raw, number):
        while True:
            head = await raw.reader.readuntil(b"\r\n\r\n")
            end = b"0\r\n\r\n" if b"chunked" in head else b"three"
            seen.append((head, await raw.reader.readuntil(end)))
            await raw.send(OK)

    async def pieces():
        for piece in (b"one", b"", b"two", b"three"):
            yield piece
            await asyncio.sleep(0.002)

    origin = await script(talk)
    await client.send(origin, "POST", "/", Headers(), pieces())
    await client.send(origin, "POST", "/", Headers([("Content-Length", "11")]), pieces())
    assert b"Transfer-Encoding: chunked\r\n" in seen[0][0]
    assert seen[0][1] == b"3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"
    assert b"Content-Length: 11\r\n" in seen[1][0]
    assert seen[1][1] == b"onetwothree"


async def test_answer_before_the_upload_is_over_ends_the_upload(script, client):
    ended = asyncio.Event()

    async def talk(raw, number):
        await raw.reader.readuntil(b"\r\n\r\n")
        await raw.send(b"HTTP/1.1 413 Too Big\r\nContent-Length: 2\r\n\r\nno")
        await raw.reader.read()

    async def pieces():
        try:
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0.001)
        finally:
            ended.set()

    origin = await script(talk)
    source = pieces()
    response = await client.send(origin, "POST", "/", Headers(), source)
    assert (response.status, response.body) == (413, b"no")
    await asyncio.sleep(0.01)
    await source.aclose()
    assert ended.is_set()
    assert not client.pool(origin).idle


async def test_both_directions_stream_at_once(script, client):
    async def talk(raw, number):
        await raw.reader.readuntil(b"\r\n\r\n")
        await raw.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            size = await raw.reader.readuntil(b"\r\n")
            data = await raw.reader.readexactly(int(size, 16) + 2)
            await raw.send(size + data)
            if size == b"0\r\n":
                break
        await raw.reader.read()

    got = []
    step = asyncio.Event()

    async def pieces():
        for number in range(3):
            yield b"piece%d" % number
            await asyncio.wait_for(step.wait(), 3)
            step.clear()

    origin = await script(talk)
    response = await client.send(origin, "POST", "/", Headers(), pieces(), stream=True)
    async for chunk in response.chunks():
        got.append(chunk)
        step.set()
    assert b"".join(got) == b"piece0piece1piece2"
    assert len(client.pool(origin).idle) == 1


async def test_source_that_fails_ends_the_call(script, client):
    async def pieces():
        yield b"x"
        raise ValueError("disk gone")

    async def talk(raw, number):
        await raw.reader.read()

    origin = await script(talk)
    with pytest.raises(WireError, match="disk gone"):
        await client.send(origin, "POST", "/", Headers(), pieces())


async def test_released_stream_does_not_poison_the_pool(script, client):
    origin = await script(
        answer(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 50000, b"x" * 50000, pause=0.05)
    )
    response = await client.send(origin, "GET", "/", Headers(), stream=True)
    async for _ in response.chunks():
        break
    response.release()
    assert not client.pool(origin).idle
    assert (await client.send(origin, "GET", "/", Headers())).size == 100000


async def test_closed_client_keeps_no_connection(script):
    client = HttpClient()
    origin = await script(answer(OK))
    await client.send(origin, "GET", "/", Headers())
    (wire,) = client.pool(origin).idle
    client.close()
    assert wire.transport.is_closing()


async def test_failed_and_cancelled_connects_give_their_place_back(script, free_port):
    client = HttpClient(max_connections=1)
    for _ in range(3):
        with pytest.raises(ConnectFailed):
            await client.send(Origin("http", "127.0.0.1", free_port), "GET", "/", Headers())
    origin = await script(answer(OK))
    for _ in range(3):
        call = asyncio.create_task(client.send(origin, "GET", "/", Headers()))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert (await client.send(origin, "GET", "/", Headers())).body == b"ok"
    client.close()


async def test_origins_no_longer_called_are_forgotten(client, script):
    origin = await script(answer(OK))
    await client.send(origin, "GET", "/", Headers())
    for number in range(3000):
        client.pool(Origin("http", f"h{number}.example", 80))
    assert len(client._pools) < 2000
    assert len(client.pool(origin).idle) == 1
