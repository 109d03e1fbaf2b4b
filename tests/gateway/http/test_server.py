"""The listening side, over real sockets."""

import asyncio
import time

import pytest

from apiproxy_runtime.gateway.http.errors import BadBody, BodyTooBig, ClientGone, HeaderInjection, ReadTimeout
from apiproxy_runtime.gateway.http.limits import Limits
from apiproxy_runtime.gateway.http.refusal import Refusal
from apiproxy_runtime.message.headers import Headers


async def ok(exchange):
    exchange.respond(200, "OK", Headers(), b"fine")


async def test_request_arrives_as_it_was_sent(serve, dial):
    seen = []

    async def handle(exchange):
        seen.append(exchange)
        exchange.respond(200, "OK", Headers())

    server = await serve(handle)
    raw = await dial(server.port)
    before = time.time()
    await raw.send(
        b"GET /a%20b?x=%C3%A9+1 HTTP/1.1\r\nHost: h:1\r\nX-One: 1 \t\r\nX-ONE:two\r\nX-Empty:\r\nX-Raw: \xff\xc3\xa9\r\n\r\n"
    )
    await raw.response()
    (exchange,) = seen
    assert (exchange.method, exchange.target, exchange.version) == ("GET", "/a%20b?x=%C3%A9+1", "1.1")
    assert list(exchange.headers) == [
        ("Host", "h:1"),
        ("X-One", "1"),
        ("X-One", "two"),
        ("X-Empty", ""),
        ("X-Raw", "\udcffé"),
    ]
    assert exchange.peer == raw.writer.get_extra_info("sockname")[:2]
    assert exchange.local == ("127.0.0.1", server.port)
    assert not exchange.has_body
    assert exchange.content_length is None
    assert exchange.tls is None
    assert before - 1 < exchange.received < time.time() + 1


async def test_keep_alive_serves_many_requests_on_one_connection(serve, dial, echo):
    server = await serve(echo)
    raw = await dial(server.port)
    for number in range(5):
        await raw.send(b"POST /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" % number)
        first, fields, body = await raw.response()
        assert first == "HTTP/1.1 200 OK"
        assert fields["x-line"] == f"POST /{number} HTTP/1.1"
        assert "connection" not in fields
        assert "date" in fields
        assert body == b"abc"
    assert len(server.connections) == 1


@pytest.mark.parametrize(
    ("head", "persists", "connection"),
    [
        (b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", False, "close"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n", False, "close"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", True, None),
        (b"GET / HTTP/1.0\r\n\r\n", False, "close"),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True, "keep-alive"),
    ],
)
async def test_connection_persists_as_version_and_header_say(serve, dial, head, persists, connection):
    server = await serve(ok)
    raw = await dial(server.port)
    await raw.send(head)
    _, fields, body = await raw.response()
    assert body == b"fine"
    assert fields.get("connection") == connection
    if persists:
        await raw.send(head)
        assert (await raw.response())[2] == b"fine"
    else:
        assert await raw.closed()


async def test_bytes_after_connection_close_are_not_served(serve, dial):
    count = 0

    async def handle(exchange):
        nonlocal count
        count += 1
        exchange.respond(200, "OK", Headers(), b"1")

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    await raw.response()
    assert await raw.closed()
    assert count == 1


async def test_pipelined_requests_are_answered_in_order(serve, dial):
    running = most = 0

    async def handle(exchange):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02 if exchange.target == "/0" else 0)
        body = await exchange.read_body(100)
        running -= 1
        exchange.respond(200, "OK", Headers(), exchange.target.encode() + b"=" + body)

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(
        b"".join(
            b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % n
            if n % 2 == 0
            else b"POST /%d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-T: 1\r\n\r\n"
            % n
            for n in range(40)
        )
    )
    for n in range(40):
        assert (await raw.response())[2] == b"/%d=%s" % (n, b"ab" if n % 2 else b"")
    assert most == 1


async def test_pipelined_flood_makes_the_client_wait(serve, dial):
    gate = asyncio.Event()

    async def handle(exchange):
        await gate.wait()
        exchange.respond(200, "OK", Headers(), b"x")

    server = await serve(handle, Limits(pipelined=4))
    raw = await dial(server.port)
    request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    for _ in range(20):
        await raw.send(request)
        await asyncio.sleep(0.001)
    (connection,) = server.connections
    assert connection.reading_paused
    gate.set()
    for _ in range(20):
        assert (await raw.response())[2] == b"x"
    assert not connection.reading_paused


async def test_body_that_arrived_with_its_head_needs_no_suspension(serve, dial):
    now = []

    async def handle(exchange):
        now.append(exchange.body_now())
        exchange.respond(200, "OK", Headers())

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
    await raw.response()
    await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    await raw.response()
    assert now == [b"abc", b""]


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_slow_body_is_collected(serve, dial, echo, framing):
    server = await serve(echo)
    raw = await dial(server.port)
    content = bytes(range(256)) * 200
    if framing == "length":
        await raw.send(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(content))
        pieces = [content[n : n + 9999] for n in range(0, len(content), 9999)]
    else:
        await raw.send(b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        cuts = [content[n : n + 9999] for n in range(0, len(content), 9999)]
        pieces = [b"%x;ext=1\r\n%b\r\n" % (len(cut), cut) for cut in cuts] + [b"0\r\nTrailer: t\r\n\r\n"]
    for piece in pieces:
        await raw.send(piece)
        await asyncio.sleep(0.001)
    # The next request may share a packet with the end of this one.
    await raw.send(b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await raw.response())[2] == content
    assert (await raw.response())[1]["x-line"] == "GET /next HTTP/1.1"


async def test_trailer_fields_do_not_become_headers(serve, dial):
    names = []

    async def handle(exchange):
        await exchange.read_body(100)
        names.extend(exchange.headers.names())
        exchange.respond(200, "OK", Headers())

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(
        b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nAuthorization: t\r\n\r\n"
    )
    await raw.response()
    assert names == ["Host", "Transfer-Encoding"]


async def test_continue_is_sent_when_the_body_is_asked_for(serve, dial, echo):
    server = await serve(echo)
    raw = await dial(server.port)
    await raw.send(b"PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert (await raw.response())[0] == "HTTP/1.1 100 Continue"
    await raw.send(b"ab")
    assert (await raw.response())[2] == b"ab"


async def test_refusing_without_reading_sends_no_continue_and_closes(serve, dial):
    async def handle(exchange):
        exchange.respond(401, "Unauthorized", Headers())

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(b"PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    first, fields, _ = await raw.response()
    assert first == "HTTP/1.1 401 Unauthorized"
    assert fields["connection"] == "close"


async def test_short_unread_body_is_skipped_and_the_connection_kept(serve, dial, echo):
    async def handle(exchange):
        if exchange.target == "/no":
            exchange.respond(401, "Unauthorized", Headers())
        else:
            await echo(exchange)

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(b"PUT /no HTTP/1.1\r\nHost: h\r\nContent-Length: 20000\r\n\r\n")
    assert (await raw.response())[0] == "HTTP/1.1 401 Unauthorized"
    await raw.send(b"x" * 20000 + b"PUT /yes HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\ny")
    assert (await raw.response())[2] == b"y"


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_too_big_body_is_refused_and_the_client_can_read_why(serve, dial, framing):
    async def handle(exchange):
        with pytest.raises(BodyTooBig) as error:
            await exchange.read_body(1000)
        assert error.value.limit == 1000
        exchange.respond(413, "Content Too Large", Headers(), b"too big")

    server = await serve(handle)
    raw = await dial(server.port)
    if framing == "length":
        await raw.send(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n")
        piece = b"x" * 30000
    else:
        await raw.send(b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b"7530\r\n" + b"x" * 30000 + b"\r\n"
    try:
        for _ in range(100):
            await raw.send(piece)
    except ConnectionError:
        pytest.fail("the connection was reset before the answer could be read")
    first, fields, body = await raw.response()
    assert first == "HTTP/1.1 413 Content Too Large"
    assert fields["connection"] == "close"
    assert body == b"too big"


@pytest.mark.parametrize(
    ("method", "status", "body", "declared", "length", "sent"),
    [
        ("GET", 200, b"abc", None, "3", b"abc"),
        ("GET", 200, b"", None, "0", b""),
        ("GET", 200, b"abc", "99", "3", b"abc"),
        ("HEAD", 200, b"", "99", "99", b""),
        ("HEAD", 200, b"abc", None, "3", b""),
        ("HEAD", 200, b"", None, None, b""),
        ("GET", 204, b"abc", "3", None, b""),
        ("GET", 304, b"", "99", "99", b""),
    ],
)
async def test_content_length_is_what_is_sent(serve, dial, method, status, body, declared, length, sent):
    async def handle(exchange):
        headers = Headers([] if declared is None else [("content-length", declared)])
        exchange.respond(status, "R", headers, body)

    server = await serve(handle)
    raw = await dial(server.port)
    for _ in range(2):
        await raw.send(f"{method} / HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        _, fields, got = await raw.response(bodyless=method == "HEAD")
        assert fields.get("content-length") == length
        assert got == sent


async def test_body_in_pieces_is_one_body(serve, dial):
    async def handle(exchange):
        size = int(exchange.target[1:])
        exchange.respond(200, "OK", Headers(), [b"a" * size, b"b", b"c" * size])

    server = await serve(handle)
    raw = await dial(server.port)
    for size in (0, 3, 100_000):
        await raw.send(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % size)
        assert (await raw.response())[2] == b"a" * size + b"b" + b"c" * size


async def test_hop_by_hop_fields_are_not_passed_on(serve, dial):
    async def handle(exchange):
        headers = Headers(
            [
                ("Connection", "X-Private, keep-alive"),
                ("X-Private", "1"),
                ("Keep-Alive", "timeout=5"),
                ("Transfer-Encoding", "chunked"),
                ("TE", "x"),
                ("Trailer", "x"),
                ("Upgrade", "x"),
                ("Proxy-Authenticate", "x"),
                ("Set-Cookie", "a"),
                ("Set-Cookie", "b"),
            ]
        )
        exchange.respond(200, "OK", headers, b"x")

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    head = (await raw.rest()).split(b"\r\n\r\n")[0].split(b"\r\n")
    names = sorted(line.split(b":")[0] for line in head[1:])
    assert names == [b"Connection", b"Content-Length", b"Date", b"Set-Cookie", b"Set-Cookie"]
    assert b"Set-Cookie: a" in head
    assert b"Set-Cookie: b" in head
    assert b"Connection: close" in head


async def test_values_leave_as_the_bytes_they_came_as(serve, dial):
    async def handle(exchange):
        exchange.respond(200, "OK", Headers([("X-Back", exchange.headers.get("x-raw"))]))

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\nX-Raw: \xff\xfe caf\xc3\xa9\r\nConnection: close\r\n\r\n")
    assert b"X-Back: \xff\xfe caf\xc3\xa9\r\n" in await raw.rest()


@pytest.mark.parametrize(
    ("reason", "name", "value"),
    [
        ("OK", "X", "a\r\nSet-Cookie: evil=1"),
        ("OK", "X", "a\nb"),
        ("OK", "X", "a\rb"),
        ("OK", "X", "a\0b"),
        ("OK", "X\r\nY: 1", "a"),
        ("OK", "X: Y", "a"),
        ("OK", "", "a"),
        ("OK", "Ä", "a"),
        ("OK\r\nX: 1", "X", "a"),
    ],
)
async def test_header_injection_is_refused(serve, dial, reason, name, value):
    caught = []

    async def handle(exchange):
        for extra in ([], [("Set-Cookie", "1"), ("Set-Cookie", "2")]):
            with pytest.raises(HeaderInjection) as error:
                exchange.respond(200, reason, Headers([*extra, (name, value)]), b"x")
            caught.append(str(error.value))
        exchange.respond(500, "Refused", Headers())

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await raw.response())[0] == "HTTP/1.1 500 Refused"
    assert len(caught) == 2


SMUGGLING = [
    b"Content-Length: 3\r\nContent-Length: 3\r\n",
    b"Content-Length: 3\r\nContent-Length: 4\r\n",
    b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding: \x0bchunked\r\n",
    b"Content-Length: +3\r\n",
    b"Content-Length: -3\r\n",
    b"Content-Length: 3, 3\r\n",
    b"Content-Length: 0x3\r\n",
    b"Content-Length: \xd9\xa3\r\n",
    b"Content-Length: 99999999999999999999999\r\n",
    b"Content-Length:\r\n",
    b"Content-Length : 3\r\n",
    b" Content-Length: 3\r\n",
    b"X: a\r\n Content-Length: 3\r\n",
    b"X: a\nContent-Length: 3\r\n",
    b"X: a\rContent-Length: 3\r\n",
    b"X: a\0b\r\n",
    b"X y: a\r\n",
    b"no colon\r\n",
    b"Host: other\r\n",
]


@pytest.mark.parametrize("lines", SMUGGLING)
async def test_ambiguous_framing_is_refused(serve, dial, lines):
    reached = []

    async def handle(exchange):
        reached.append(exchange.target)
        body = await exchange.read_body(100)
        exchange.respond(200, "OK", Headers(), body)

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(
        b"POST / HTTP/1.1\r\nHost: h\r\n"
        + lines
        + b"\r\n3\r\nabc\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    first, fields, _ = await raw.response()
    assert first.startswith("HTTP/1.1 400 ")
    assert fields["connection"] == "close"
    assert await raw.closed()
    assert "/evil" not in reached


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501),
        (b"PUT / HTTP/1.1\r\nHost: h\r\nExpect: magic\r\nContent-Length: 2\r\n\r\n", 417),
        (b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414),
        (b"GET /" + b"x" * 30000, 414),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 5000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 50000, 431),
        (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"A: 1\r\n" * 60 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"".join(b"A%d: 1\r\n" % n for n in range(60)) + b"\r\n", 431),
    ],
)
@pytest.mark.parametrize("split", [False, True])
async def test_unusable_heads_are_refused(serve, dial, request_bytes, status, split):
    async def handle(exchange):
        exchange.respond(200, "OK", Headers())

    server = await serve(handle, Limits(request_line=2000, header_bytes=4000, header_count=50))
    raw = await dial(server.port)
    if split:
        for cut in range(0, len(request_bytes), 1 + len(request_bytes) // 7):
            await raw.send(request_bytes[cut : cut + 1 + len(request_bytes) // 7])
            await asyncio.sleep(0.001)
    else:
        await raw.send(request_bytes)
    first, _, _ = await raw.response()
    assert first.split()[1] == str(status)
    assert await raw.closed()


async def test_limits_let_pass_what_just_fits(serve, dial):
    server = await serve(ok, Limits(request_line=2000, header_bytes=4000, header_count=50))
    raw = await dial(server.port)
    line = b"GET /" + b"x" * (2000 - len("GET / HTTP/1.1")) + b" HTTP/1.1\r\n"
    await raw.send(line + b"Host: h\r\nX: " + b"x" * (4000 - len("Host: h\r\nX: \r\n")) + b"\r\n\r\n")
    assert (await raw.response())[0] == "HTTP/1.1 200 OK"
    await raw.send(line.replace(b"GET", b"POST") + b"Host: h\r\n\r\n")
    assert (await raw.response())[0].startswith("HTTP/1.1 414")


async def test_refusals_are_worded_by_the_owner_of_the_server(serve, dial):
    def render(refusal: Refusal):
        return 499, "Mine", Headers([("X-Kind", refusal.kind)]), f"{refusal.limit:,}".encode()

    server = await serve(ok, Limits(request_line=7168), render=render)
    raw = await dial(server.port)
    await raw.send(b"GET /" + b"x" * 8000 + b" HTTP/1.1\r\nHost: h\r\n\r\n")
    first, fields, body = await raw.response()
    assert (first, fields["x-kind"], body) == ("HTTP/1.1 499 Mine", "line_too_big", b"7,168")


async def test_queued_requests_are_answered_before_a_refusal(serve, dial):
    async def handle(exchange):
        await asyncio.sleep(0.01)
        exchange.respond(200, "OK", Headers(), exchange.target.encode())

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nnonsense\r\n\r\n")
    assert (await raw.response())[2] == b"/1"
    assert (await raw.response())[2] == b"/2"
    assert (await raw.response())[0].startswith("HTTP/1.1 400")


async def test_malformed_chunk_reaches_the_reader_of_the_body(serve, dial):
    async def handle(exchange):
        with pytest.raises(BadBody):
            await exchange.read_body(1000)
        exchange.respond(400, "Bad chunk", Headers())

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    await asyncio.sleep(0.02)
    await raw.send(b"zz\r\n")
    first, fields, _ = await raw.response()
    assert first == "HTTP/1.1 400 Bad chunk"
    assert fields["connection"] == "close"


async def test_endless_chunk_framing_is_refused(serve, dial):
    async def handle(exchange):
        with pytest.raises(BadBody):
            await exchange.read_body(1000)
        exchange.respond(400, "Framing", Headers())

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(30):
        await raw.send(b"1;" + b"x" * 10000 + b"\r\na\r\n")
    assert (await raw.response())[0] == "HTTP/1.1 400 Framing"


async def test_handler_that_fails_is_answered_500(serve, dial, caplog):
    async def handle(exchange):
        raise ValueError("bug")

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await raw.response())[0].startswith("HTTP/1.1 500")
    assert await raw.closed()
    assert "bug" in caplog.text


async def test_handler_that_does_not_answer_is_answered_500(serve, dial):
    async def handle(exchange):
        pass

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await raw.response())[0].startswith("HTTP/1.1 500")


async def test_client_that_leaves_cancels_the_handler(serve, dial):
    cancelled = asyncio.Event()

    async def handle(exchange):
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            assert exchange.gone
            cancelled.set()
            raise

    server = await serve(handle)
    for leave in ("close", "abort"):
        cancelled.clear()
        raw = await dial(server.port)
        await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await asyncio.sleep(0.05)
        if leave == "close":
            raw.writer.close()
        else:
            raw.abort()
        await asyncio.wait_for(cancelled.wait(), 3)
    await asyncio.sleep(0.01)
    assert not server.connections


async def test_client_that_leaves_during_its_body_raises_client_gone(serve, dial):
    gone = asyncio.get_running_loop().create_future()

    async def handle(exchange):
        try:
            await exchange.read_body(1000)
        except ClientGone as error:
            gone.set_result(error)
            raise

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
    await asyncio.sleep(0.02)
    raw.writer.close()
    assert isinstance(await asyncio.wait_for(gone, 3), ClientGone)


async def test_half_closed_client_still_gets_its_answer(serve, dial):
    async def handle(exchange):
        await asyncio.sleep(0.05)
        exchange.respond(200, "OK", Headers(), b"still here")

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    raw.writer.write_eof()
    assert (await raw.response())[2] == b"still here"
    assert await raw.closed()


async def test_body_timeout_raises_read_timeout(serve, dial):
    async def handle(exchange):
        with pytest.raises(ReadTimeout):
            await exchange.read_body(1000)
        exchange.respond(408, "Slow", Headers())

    server = await serve(handle, Limits(io_seconds=0.1))
    raw = await dial(server.port)
    await raw.send(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n")
    for _ in range(4):
        await asyncio.sleep(0.05)
        await raw.send(b"x")
    assert (await raw.response())[0] == "HTTP/1.1 408 Slow"


async def test_unfinished_head_times_out_with_408(serve, dial):
    server = await serve(ok, Limits(head_seconds=0.1))
    raw = await dial(server.port)
    await raw.send(b"GET / HTTP/1.1\r\nHos")
    assert (await raw.response())[0].startswith("HTTP/1.1 408")
    assert await raw.closed()


async def test_idle_connection_is_closed(serve, dial):
    server = await serve(ok, Limits(idle_seconds=0.1))
    raw = await dial(server.port)
    assert await raw.closed(1)
    raw = await dial(server.port)
    await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    await raw.response()
    assert await raw.closed(1)


async def test_slow_handler_outlives_the_idle_time(serve, dial):
    async def handle(exchange):
        await asyncio.sleep(0.3)
        exchange.respond(200, "OK", Headers(), b"late")

    server = await serve(handle, Limits(idle_seconds=0.1, head_seconds=0.1))
    raw = await dial(server.port)
    await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await raw.response())[2] == b"late"


async def test_graceful_stop_finishes_what_runs_and_closes_what_idles(serve, dial):
    started = asyncio.Event()

    async def handle(exchange):
        started.set()
        await asyncio.sleep(0.1)
        exchange.respond(200, "OK", Headers(), b"done")

    server = await serve(handle)
    idle, busy = await dial(server.port), await dial(server.port)
    await busy.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    await started.wait()
    port = server.port
    stopping = asyncio.create_task(server.stop(2))
    assert await idle.closed(1)
    _, fields, body = await busy.response()
    assert (fields["connection"], body) == ("close", b"done")
    await asyncio.wait_for(stopping, 1)
    with pytest.raises(OSError):
        await dial(port)


async def test_stop_cuts_what_does_not_finish_in_time(serve, dial):
    started = asyncio.Event()

    async def handle(exchange):
        started.set()
        await asyncio.sleep(30)

    server = await serve(handle)
    raw = await dial(server.port)
    await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    await started.wait()
    await asyncio.wait_for(server.stop(0.05), 2)
    assert await raw.closed()
    assert not server.connections


async def test_a_bound_socket_can_be_served(echo, client, dial):
    import socket

    from apiproxy_runtime.gateway.http.server import Server

    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    server = Server(echo)
    await server.start("", 0, sock=sock)
    try:
        assert server.port == sock.getsockname()[1]
        raw = await dial(server.port)
        await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await raw.response())[0] == "HTTP/1.1 200 OK"
    finally:
        await server.stop(0)
