"""What reaches the target: URL, query, headers, and what the client gets back."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from apiproxy_runtime.bundle.environment import Environment
from tests.house import House, house, properties, proxy, show, steps, target, write_bundle


def bundle(
    folder: Path, target_xml: str = "", proxy_xml: str = "", name: str = "calls", **policies: str
) -> Path:
    files = {"proxies/default.xml": proxy_xml or proxy(), "targets/default.xml": target_xml or target()}
    files |= {f"policies/{policy.replace('_', '-')}.xml": text for policy, text in policies.items()}
    return write_bundle(folder, name, files)


def assign(name: str, variable: str, value: str) -> str:
    return f"""<AssignMessage name="{name}"><AssignVariable><Name>{variable}</Name><Template>{value}</Template>
</AssignVariable><IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables></AssignMessage>"""


@pytest.mark.parametrize(
    ("url", "path", "sent"),
    [
        ("http://up.test", "/t", "/"),
        ("http://up.test", "/t/", "/"),
        ("http://up.test", "/t/a/b", "/a/b"),
        ("http://up.test/base", "/t/a", "/base/a"),
        ("http://up.test/base/", "/t/a", "/base/a"),
        ("http://up.test/base", "/t", "/base"),
        ("http://up.test/base?k=1", "/t/a?q=2", "/base/a?k=1&q=2"),
        ("http://up.test/base", "/t/a?q=%20x&q=y+z", "/base/a?q=%20x&q=y+z"),
        ("http://up.test/base", "/t/a%2Fb", "/base/a%2Fb"),
    ],
)
async def test_suffix_and_query_are_appended(tmp_path: Path, url: str, path: str, sent: str) -> None:
    async with house(bundle(tmp_path, target(url))) as gateway:
        async with gateway.session.get(aiohttp.client.URL(gateway.url + path, encoded=True)) as reply:
            assert (await reply.json())["path"] == sent


async def test_copy_switches_are_independent(tmp_path: Path) -> None:
    xml = target(request=steps("no-suffix"))
    path = bundle(tmp_path, xml, no_suffix=assign("no-suffix", "target.copy.pathsuffix", "false"))
    async with house(path) as gateway:
        assert (await gateway.get("/t/a?q=1")).json()["path"] == "/?q=1"
    xml = target(request=steps("no-query"))
    path = bundle(
        tmp_path, xml, name="other", no_query=assign("no-query", "target.copy.queryparams", "false")
    )
    async with house(path) as gateway:
        assert (await gateway.get("/t/a?q=1")).json()["path"] == "/a"


async def test_a_target_url_that_is_set_is_used_verbatim(tmp_path: Path) -> None:
    xml = target("http://elsewhere.test", request=steps("set"))
    path = bundle(tmp_path, xml, set=assign("set", "target.url", "http://up.test/verbatim?x=1"))
    async with house(path) as gateway:
        assert (await gateway.get("/t/suffix?q=1")).json()["path"] == "/verbatim?x=1"


async def test_a_target_url_set_in_the_proxy_flow_does_nothing(tmp_path: Path) -> None:
    path = bundle(
        tmp_path,
        proxy_xml=proxy(request=steps("early")),
        early=assign("early", "target.url", "http://up.test/early"),
    )
    async with house(path) as gateway:
        assert (await gateway.get("/t/a")).json()["path"] == "/a"


async def test_the_url_is_a_template(tmp_path: Path) -> None:
    path = bundle(tmp_path, target("http://{request.header.x-host:up.test}/{request.queryparam.v}/x"))
    async with house(path) as gateway:
        assert (await gateway.get("/t/a?v=2")).json()["path"] == "/2/x/a?v=2"
        reply = await gateway.get("/t/a")
    assert reply.status == 500
    assert reply.fault() == ("entities.UnresolvedVariable", "Unresolved variable : request.queryparam.v")


async def test_host_is_the_targets_unless_target_header_host_says_otherwise(tmp_path: Path) -> None:
    path = bundle(
        tmp_path,
        target("http://up.test:8443", request=steps("host", set="request.queryparam.h != null")),
        host=show("host", Host="client.test"),
        set=assign("set", "target.header.host", "{request.queryparam.h}"),
    )
    async with house(path, connect_to={}) as gateway:
        assert (await gateway.get("/t")).json()["headers"]["host"] == "up.test:8443"
        assert (await gateway.get("/t?h=other.test")).json()["headers"]["host"] == "other.test"


async def test_platform_headers_of_clients_are_removed_and_forwarded_headers_added(tmp_path: Path) -> None:
    path = bundle(
        tmp_path, target(request=steps("tell")), tell=show("tell", X_Ip="{proxy.client.ip}|{client.ip}")
    )
    async with house(path) as gateway:
        seen = (await gateway.get("/t", headers={"X-Apigee-Debug": "1"})).json()["headers"]
        assert "x-apigee-debug" not in seen
        assert seen["x-forwarded-for"] == "127.0.0.1"
        assert seen["x-forwarded-proto"] == "http"
        assert seen["x-ip"] == "127.0.0.1|127.0.0.1"
        seen = (await gateway.get("/t", headers={"X-Forwarded-For": "10.0.0.1, 10.0.0.2"})).json()["headers"]
        assert seen["x-forwarded-for"] == "10.0.0.1, 10.0.0.2"
        assert seen["x-ip"] == "10.0.0.2|127.0.0.1"


async def test_request_variables_describe_the_call_afterwards(tmp_path: Path) -> None:
    path = bundle(
        tmp_path,
        target("http://up.test:80/base", response=steps("after")),
        proxy_xml=proxy(request=steps("before")),
        before=show("before", X_Before="{request.uri}|{request.url}|{request.path}"),
        after=show(
            "after",
            X_After="{request.uri}|{request.url}|{request.path}",
            X_Host="{target.host}:{target.port}",
        ),
    )
    async with house(path) as gateway:
        reply = await gateway.get("/t/user?user=Dude")
    assert reply.json()["headers"]["x-before"] == "/t/user?user=Dude||/t/user"
    assert reply.headers["X-After"] == "/base/user?user=Dude|http://up.test/base/user?user=Dude|/base/user"
    assert reply.headers["X-Host"] == "up.test:80"


async def test_retain_rules_filter_headers_and_parameters(tmp_path: Path) -> None:
    rules = properties(
        request__retain__headers__enabled="false",
        request__retain__headers="X-Keep",
        retain__queryparams__enabled="false",
        retain__queryparams="a",
        response__retain__headers__enabled="false",
        response__retain__headers="X-Back",
    )

    async def answer(request: web.Request) -> web.Response:
        return web.Response(
            text=request.path_qs, headers={"X-Back": "1", "X-Gone": "1", "X-Got": str(dict(request.headers))}
        )

    async with house(bundle(tmp_path, target(properties=rules)), answer=answer) as gateway:
        reply = await gateway.get("/t/x?a=1&b=2", headers={"X-Keep": "k", "X-Drop": "d"})
        seen = gateway.upstream.seen[0]["headers"]
    assert reply.text == "/x?a=1"
    assert seen["x-keep"] == "k"
    assert "x-drop" not in seen
    assert "X-Gone" not in reply.headers
    assert reply.headers["X-Back"] == "1"


async def test_verbs_bodies_and_statuses_pass_unchanged(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(
            status=int(request.query.get("s", "200")), body=await request.read(), reason="Fine"
        )

    async with house(bundle(tmp_path), answer=answer) as gateway:
        for verb in ("POST", "PUT", "PATCH", "DELETE"):
            reply = await gateway.call(verb, "/t?s=201", data=b"\x00\xff body")
            assert (reply.status, reply.reason, reply.body) == (201, "Fine", b"\x00\xff body")
        reply = await gateway.call("HEAD", "/t")
        assert (reply.status, reply.body) == (200, b"")
        assert (await gateway.call("OPTIONS", "/t")).status == 200


async def test_redirects_are_passed_on_and_not_followed(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        raise web.HTTPFound("/elsewhere")

    async with house(bundle(tmp_path), answer=answer) as gateway:
        reply = await gateway.get("/t")
        assert (reply.status, reply.headers["Location"]) == (302, "/elsewhere")
        assert len(gateway.upstream.seen) == 1


async def test_repeated_headers_survive_both_ways(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        response = web.Response(text=",".join(request.headers.getall("X-Many")))
        response.headers.add("Set-Cookie", "a=1")
        response.headers.add("Set-Cookie", "b=2")
        return response

    async with house(bundle(tmp_path), answer=answer) as gateway:
        reply = await gateway.get("/t", headers=[("X-Many", "1"), ("X-Many", "2")])
    assert reply.text == "1,2"
    assert reply.all("Set-Cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_compressed_answers_stay_compressed_and_policies_read_them(
    tmp_path: Path, encoding: str, pack: object
) -> None:
    packed = pack(b'{"a":1}')  # type: ignore[operator]

    async def answer(request: web.Request) -> web.Response:
        return web.Response(
            body=packed, headers={"Content-Encoding": encoding, "Content-Type": "application/json"}
        )

    path = bundle(
        tmp_path,
        target(response=steps("read", change="request.queryparam.change != null")),
        read=show("read", X_Content="{response.content}"),
        change="<AssignMessage name='change'><Set><Payload>changed</Payload></Set></AssignMessage>",
    )
    async with house(path, answer=answer) as gateway:
        reply = await gateway.get("/t")
        assert (reply.headers["Content-Encoding"], reply.body) == (encoding, packed)
        assert reply.headers["X-Content"] == '{"a":1}'
        changed = await gateway.get("/t?change=1")
    unpack = gzip.decompress if encoding == "gzip" else zlib.decompress
    assert unpack(changed.body) == b"changed"


async def test_bodies_that_are_not_what_their_encoding_says_are_refused(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b"plain", headers={"Content-Encoding": "gzip"})

    async with house(bundle(tmp_path), answer=answer) as gateway:
        reply = await gateway.get("/t")
        assert reply.status == 502
        assert reply.fault()[0] == "messaging.adaptors.http.flow.DecompressionFailureAtResponse"
        reply = await gateway.call("POST", "/t", data=b"plain", headers={"Content-Encoding": "gzip"})
        assert (reply.status, reply.fault()) == (
            400,
            (
                "messaging.adaptors.http.flow.DecompressionFailureAtRequest",
                "Decompression failure at request",
            ),
        )
        reply = await gateway.call("POST", "/t", data=b"x", headers={"Content-Encoding": "UTF-8"})
        assert (reply.status, reply.fault()) == (
            415,
            ("protocol.http.UnsupportedEncoding", 'Unsupported Encoding "UTF-8"'),
        )


async def test_bodies_over_the_limit_are_refused_on_both_sides(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * (int(request.query["size"]) << 20))

    async with house(bundle(tmp_path), answer=answer) as gateway:
        assert (await gateway.get("/t?size=9")).status == 200
        reply = await gateway.get("/t?size=11")
        assert (reply.status, reply.fault()) == (502, ("protocol.http.TooBigBody", "Body buffer overflow"))
        reply = await gateway.call("POST", "/t?size=1", data=b"x" * (11 << 20))
        assert (reply.status, reply.fault()) == (413, ("protocol.http.TooBigBody", "Body buffer overflow"))


async def test_parse_limits_raise_the_limit(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * (12 << 20))

    path = bundle(
        tmp_path,
        target(properties=properties(response__payload__parse__limit="15M")),
        proxy(properties=properties(request__payload__parse__limit="15M")),
    )
    async with house(path, answer=answer) as gateway:
        reply = await gateway.call("POST", "/t", data=b"x" * (12 << 20))
        assert (reply.status, len(reply.body)) == (200, 12 << 20)


async def test_streaming_has_no_limit_and_policies_see_no_body(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=await request.read())

    streaming = properties(request__streaming__enabled="true", response__streaming__enabled="true")
    path = bundle(
        tmp_path,
        target(properties=streaming, response=steps("read")),
        proxy(properties=streaming),
        read=show("read", X_Content="[{response.content}]"),
    )
    async with house(path, answer=answer) as gateway:
        reply = await gateway.call("POST", "/t", data=b"y" * (12 << 20))
    assert (reply.status, len(reply.body)) == (200, 12 << 20)
    assert reply.headers["X-Content"] == "[]"


async def test_policies_can_read_small_bodies_while_streaming(tmp_path: Path) -> None:
    streaming = properties(request__streaming__enabled="true", response__streaming__enabled="true")
    path = bundle(
        tmp_path,
        target(properties=streaming, response=steps("read")),
        proxy(properties=streaming, request=steps("ask")),
        ask=show("ask", X_Asked="[{request.content}]"),
        read=show("read", X_Content="{jsonPath('$.body',response.content)}"),
    )
    async with house(path) as gateway:
        reply = await gateway.call("POST", "/t", data=b"small")
    assert reply.json()["headers"]["x-asked"] == "[small]"
    assert reply.headers["X-Content"] == "small"


async def test_bodies_stream_through_a_bundle_without_steps(tmp_path: Path) -> None:
    """The target sees the beginning before the client has sent the end, and the client likewise."""
    streaming = properties(request__streaming__enabled="true", response__streaming__enabled="true")
    path = bundle(tmp_path, target(properties=streaming), proxy(properties=streaming))
    seen: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(2):
            size = int((await reader.readline()).strip(), 16)
            await seen.put(await reader.readexactly(size))
            await reader.readline()
            writer.write(b"2\r\nok\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    more = asyncio.Event()

    async def upload() -> AsyncIterator[bytes]:
        yield b"first"
        await more.wait()
        yield b"second"

    async with house(path, connect_to={"up.test": f"http://127.0.0.1:{port}"}) as gateway:
        async with gateway.session.post(gateway.url + "/t", data=upload()) as reply:
            assert await seen.get() == b"first"
            assert await reply.content.readexactly(2) == b"ok"
            more.set()
            assert await seen.get() == b"second"
            assert await reply.content.read() == b"ok"
    server.close()


async def test_server_sent_events_pass_as_they_come(tmp_path: Path) -> None:
    more = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: one\n\n")
        await more.wait()
        await response.write(b"data: two\n\n")
        return response

    async with house(bundle(tmp_path), answer=answer) as gateway:
        async with gateway.session.get(gateway.url + "/t") as reply:
            assert await reply.content.readuntil(b"\n\n") == b"data: one\n\n"
            more.set()
            assert await reply.content.read() == b"data: two\n\n"


async def test_event_flow_runs_for_each_event_and_may_change_or_drop_it(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for text in ("one", "secret", "three"):
            await response.write(f"event: e\ndata: {text}\n\n".encode())
        return response

    event_flow = f"""<EventFlow name="EventFlow" content-type="text/event-stream"><Response>
{steps(drop='response.event.current.data = "secret"')}{steps("number")}</Response></EventFlow>"""
    path = bundle(
        tmp_path,
        target(extra=event_flow),
        drop=assign("drop", "response.event.current.content", ""),
        number="""<AssignMessage name="number"><AssignVariable><Name>response.event.current.data</Name>
<Template>{response.event.current.count}:{response.event.current.data}</Template></AssignVariable></AssignMessage>""",
    )
    async with house(path, answer=answer) as gateway:
        reply = await gateway.get("/t")
    assert reply.text == "event: e\ndata: 1:one\n\nevent: e\ndata: 3:three\n\n"


async def test_null_route_echoes_the_request(tmp_path: Path) -> None:
    path = bundle(tmp_path, proxy_xml=proxy(routes='<RouteRule name="none"/>'))
    async with house(path) as gateway:
        reply = await gateway.call("POST", "/t", data="hello", headers={"X-Mine": "1"})
    assert (reply.status, reply.text, reply.headers["X-Mine"]) == (200, "hello", "1")


@pytest.mark.parametrize(
    ("behaviour", "status", "code", "text"),
    [
        (
            "refused",
            503,
            "messaging.adaptors.http.flow.ServiceUnavailable",
            "The Service is temporarily unavailable",
        ),
        ("silent", 504, "messaging.adaptors.http.flow.GatewayTimeout", "Gateway Timeout"),
        ("closes", 502, "messaging.adaptors.http.flow.UnexpectedEOFAtTarget", "Unexpected EOF at target"),
        ("garbage", 502, "messaging.adaptors.http.flow.BadGateway", "Bad Gateway"),
    ],
)
async def test_targets_that_do_not_answer(
    tmp_path: Path, behaviour: str, status: int, code: str, text: str
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if behaviour == "garbage":
            writer.write(b"what?\r\n\r\n")
            await writer.drain()
        if behaviour == "silent":
            await asyncio.sleep(1)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if behaviour == "refused":
        server.close()
        await server.wait_closed()
    path = bundle(tmp_path, target("http://dead.test", properties=properties(io__timeout__millis="200")))
    async with house(path, connect_to={"dead.test": f"http://127.0.0.1:{port}"}) as gateway:
        reply = await gateway.get("/t")
    server.close()
    assert reply.status == status
    assert reply.fault() == (code, text)
    if behaviour == "silent":
        assert reply.json()["fault"]["detail"]["reason"] == "TARGET_READ_TIMEOUT"


async def test_post_without_length_is_refused_unless_allowed(tmp_path: Path) -> None:
    async def post(gateway: House) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.server.port)
        writer.write(b"POST /t HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer

    async with house(bundle(tmp_path)) as gateway:
        answer = await post(gateway)
        assert answer.startswith(b"HTTP/1.1 411 ")
        assert b"messaging.adaptors.http.flow.LengthRequired" in answer
    allowed = target(properties=properties(allow__post__without__content__length="true"))
    async with house(bundle(tmp_path, allowed, name="allowed")) as gateway:
        assert (await post(gateway)).startswith(b"HTTP/1.1 200 ")


async def test_get_that_a_policy_makes_a_post_has_the_length_0(tmp_path: Path) -> None:
    verb = "<AssignMessage name='verb'><Set><Verb>POST</Verb></Set></AssignMessage>"
    async with house(bundle(tmp_path, target(request=steps("verb")), verb=verb)) as gateway:
        seen = (await gateway.get("/t")).json()
    assert (seen["method"], seen["headers"]["content-length"]) == ("POST", "0")


async def test_single_valued_headers_may_not_come_twice(tmp_path: Path) -> None:
    async with house(bundle(tmp_path)) as gateway:
        reply = await gateway.get("/t", headers=[("Expires", "a"), ("Expires", "b")])
        assert (reply.status, reply.fault()) == (
            400,
            ("protocol.http.DuplicateHeader", 'Duplicate Header "Expires"'),
        )
    allowed = proxy(properties=properties(HTTPHeader__allowDuplicates="Expires"))
    async with house(bundle(tmp_path, proxy_xml=allowed, name="allowed")) as gateway:
        assert (await gateway.get("/t", headers=[("Expires", "a"), ("Expires", "b")])).status == 200


async def test_unknown_paths_are_answered_in_apigees_words(tmp_path: Path) -> None:
    async with house(bundle(tmp_path)) as gateway:
        reply = await gateway.get("/no/where?q=1")
    host = gateway.url.removeprefix("http://")
    assert reply.status == 404
    assert reply.text == (
        '{"fault":{"faultstring":"Unable to identify proxy for host: ' + host + ' and url: \\/no\\/where",'
        '"detail":{"errorcode":"messaging.adaptors.http.flow.ApplicationNotFound"}}}'
    )


async def test_websockets_pass_through(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=("chat",))
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(f"{request.headers['X-Trail']} {message.data}")
        return socket

    path = bundle(tmp_path, proxy_xml=proxy(request=steps("mark")), mark=show("mark", X_Trail="passed"))
    async with house(path, answer=answer) as gateway:
        async with gateway.session.ws_connect(gateway.url + "/t/ws", protocols=("chat",)) as socket:
            assert socket.protocol == "chat"
            for word in ("one", "two"):
                await socket.send_str(word)
                assert await socket.receive_str() == f"passed {word}"


async def test_requests_in_flight_finish_when_the_server_stops(tmp_path: Path) -> None:
    began = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        began.set()
        await asyncio.sleep(0.3)
        return web.Response(text="late")

    async with house(bundle(tmp_path), answer=answer) as gateway:
        request = asyncio.create_task(gateway.get("/t"))
        await began.wait()
        await gateway.server.stop(5)
        assert (await request).text == "late"
        with pytest.raises(aiohttp.ClientConnectionError):
            await gateway.get("/t")


async def test_environment_and_proxy_variables(tmp_path: Path) -> None:
    tell = show(
        "tell",
        X_1="{organization.name}/{environment.name}/{apiproxy.name}/{apiproxy.revision}",
        X_2="{proxy.name} {proxy.basepath} {proxy.pathsuffix} {request.verb} {request.uri}",
        X_3="{proxy.url}",
    )
    path = bundle(tmp_path, proxy_xml=proxy("/v1/*/items", request=steps("tell")), tell=tell)
    async with house(path, environment=Environment(name="prod", organization="acme")) as gateway:
        seen = (await gateway.get("/v1/x/items/7?q=1")).json()["headers"]
    assert seen["x-1"] == "acme/prod/calls/1"
    assert seen["x-2"] == "default /v1/*/items /7 GET /v1/x/items/7?q=1"
    assert seen["x-3"] == f"{gateway.url}/v1/x/items/7?q=1"
