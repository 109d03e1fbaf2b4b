"""Requests through Kong's side over real sockets: what the upstream is sent, what the client gets."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from aiohttp import web

from apiproxy_runtime.gateway.http.errors import ConnectFailed
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.policy.egress import CallFailed
from apiproxy_runtime.world import FrozenWorld
from tests.kong.house import kong, plugin

ONE = (
    '_format_version: "3.0"\nservices:\n  - {name: up, url: "http://up.test/v1", retries: 0, routes: [%s]}\n'
)


def one(route: str) -> str:
    return ONE % route


async def test_request_is_proxied_with_kongs_headers() -> None:
    async with kong(one("{name: r, paths: [/a]}")) as house:
        reply = await house.get("/a/b%20c?x=1&y", headers={"X-Forwarded-For": "9.9.9.9", "Via": "1.1 front"})
    sent = house.sent
    port = house.url.rpartition(":")[2]
    assert sent["path"] == "/v1/b%20c?x=1&y"
    headers = sent["headers"]
    assert headers["host"] == "up.test"
    assert headers["x-forwarded-for"] == "9.9.9.9, 127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == "127.0.0.1"
    assert headers["x-forwarded-port"] == port
    assert headers["x-forwarded-path"] == "/a/b%20c"
    assert headers["x-forwarded-prefix"] == "/a"
    assert headers["x-real-ip"] == "127.0.0.1"
    assert headers["via"] == "1.1 front, 1.1 kong/3.10.0"
    assert re.fullmatch(r"[0-9a-f]{32}", headers["x-kong-request-id"])
    assert reply.status == 200
    assert reply.headers["X-Kong-Request-Id"] == headers["x-kong-request-id"]
    assert reply.headers["Via"] == "1.1 kong/3.10.0"
    assert reply.headers["X-Kong-Upstream-Latency"].isdecimal()
    assert reply.headers["X-Kong-Proxy-Latency"].isdecimal()
    assert "X-Kong-Response-Latency" not in reply.headers


async def test_clients_claims_about_itself_are_replaced() -> None:
    claimed = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil", "X-Real-IP": "1.1.1.1"}
    async with kong(one("{name: r, paths: [/], strip_path: false}")) as house:
        await house.get("/", headers={**claimed, "X-Forwarded-Prefix": "/x"})
    headers = house.sent["headers"]
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == "127.0.0.1"
    assert headers["x-real-ip"] == "127.0.0.1"
    assert "x-forwarded-prefix" not in headers


async def test_lone_question_mark_is_kept() -> None:
    async with kong(one("{name: r, paths: [/a]}")) as house:
        await raw(house.url, b"GET /a? HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert house.sent["path"] == "/v1?"


@pytest.mark.parametrize(
    ("route", "path", "expected"),
    [
        ("{name: r, paths: [/a], strip_path: false}", "/a/b", "/v1/a/b"),
        ("{name: r, paths: ['~/x/(?<id>\\d+)']}", "/x/12/rest", "/v1/rest"),
        ("{name: r, methods: [GET]}", "/any", "/v1/any"),
        ("{name: r, paths: [/a]}", "//a//b/../c", "/v1/c"),
        ("{name: r, paths: [/a]}", "/a%2Fb", "/v1/%2Fb"),
        ("{name: r, paths: [/a]}", "/a/%C3%A9", "/v1/%C3%A9"),
    ],
)
async def test_upstream_path(route: str, path: str, expected: str) -> None:
    async with kong(one(route)) as house:
        request = f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        assert b"200 OK" in await raw(house.url, request.encode())
    assert house.sent["path"] == expected


async def test_preserve_host_sends_the_clients_host() -> None:
    async with kong(one("{name: r, paths: [/], preserve_host: true}")) as house:
        await house.get("/", headers={"Host": "shop.test:99"})
    assert house.sent["headers"]["host"] == "shop.test:99"


async def test_body_and_method_reach_the_upstream() -> None:
    async with kong(one("{name: r, paths: [/]}")) as house:
        await house.call("PUT", "/", data=b"\x00\xff" * 50000)
    assert house.sent["method"] == "PUT"
    assert house.sent["headers"]["content-length"] == "100000"


async def test_streamed_bodies_when_nothing_is_buffered() -> None:
    async def chunks() -> Any:
        for _ in range(5):
            yield b"x" * 1000

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(3):
            await response.write(b"y" * 10)
        return response

    route = "{name: r, paths: [/], request_buffering: false, response_buffering: false}"
    async with kong(one(route), answer=answer) as house:
        reply = await house.post("/", data=chunks())
    assert reply.body == b"y" * 30
    assert house.sent["headers"]["transfer-encoding"] == "chunked"
    assert len(house.sent["body"]) == 5000


# Accept header, Content-Type of the answer, how it begins
PAGES = [
    (
        None,
        "application/json; charset=utf-8",
        '{\n  "message":"no Route matched with those values",\n  "request_id":"',
    ),
    ("text/html", "text/html; charset=utf-8", "<!doctype html>"),
    ("text/plain", "text/plain; charset=utf-8", "no Route matched with those values\nrequest_id: "),
    ("application/xml", "application/xml; charset=utf-8", '<?xml version="1.0" encoding="UTF-8"?>\n<error>'),
    ("text/html;q=0.5, application/json;q=0.9", "application/json; charset=utf-8", "{"),
    ("image/png", "application/json; charset=utf-8", "{"),
]


@pytest.mark.parametrize(("accept", "kind", "start"), PAGES)
async def test_no_route_in_the_type_that_is_accepted(accept: str | None, kind: str, start: str) -> None:
    async with kong(one("{name: r, paths: [/a]}")) as house:
        reply = await house.get(
            "/b", headers={"Accept": accept} if accept else {}, skip_auto_headers=["Accept"]
        )
    assert reply.status == 404
    assert reply.headers["Content-Type"] == kind
    assert reply.text.startswith(start)
    assert reply.headers["Server"] == "kong/3.10.0"
    assert reply.headers["X-Kong-Response-Latency"].isdecimal()
    assert reply.headers["X-Kong-Request-Id"] in reply.text
    assert "Via" not in reply.headers


async def test_route_without_service_answers_503() -> None:
    async with kong('_format_version: "3.0"\nroutes: [{name: r, paths: [/]}]\n') as house:
        reply = await house.get("/")
    assert (reply.status, reply.json()["message"]) == (503, "no Service found with those values")


async def test_disabled_service_has_no_routes() -> None:
    text = one("{name: r, paths: [/]}").replace("retries: 0", "retries: 0, enabled: false")
    async with kong(text) as house:
        assert (await house.get("/")).status == 404


@pytest.mark.parametrize("status", [426, 301, 302, 307, 308])
async def test_route_for_https_alone_sends_plain_requests_away(status: int) -> None:
    route = f"{{name: r, paths: [/], protocols: [https], https_redirect_status_code: {status}}}"
    async with kong(one(route)) as house:
        reply = await house.get("/a?b=1")
    assert reply.status == status
    if status == 426:
        assert reply.json()["message"] == "Please use HTTPS protocol"
        assert reply.headers["Connection"] == "Upgrade"
        assert reply.headers["Upgrade"] == "TLS/1.2, HTTP/1.1"
    else:
        assert reply.headers["Location"] == "https://127.0.0.1/a?b=1"
    assert house.upstream.seen == []


async def test_upstream_that_is_down_answers_502() -> None:
    text = one("{name: r, paths: [/]}").replace("http://up.test/v1", "http://127.0.0.1:1")
    async with kong(text) as house:
        reply = await house.get("/")
    assert reply.status == 502
    assert reply.json()["message"] == "An invalid response was received from the upstream server"
    assert reply.headers["Via"] == "1.1 kong/3.10.0"


async def test_upstream_whose_name_is_unknown_answers_503() -> None:
    text = one("{name: r, paths: [/]}").replace("up.test/v1", "no-such-host.invalid")
    async with kong(text) as house:
        reply = await house.get("/")
    assert (reply.status, reply.json()["message"]) == (503, "name resolution failed")


async def test_upstream_that_is_slow_answers_504() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(1)
        return web.Response()

    text = one("{name: r, paths: [/]}").replace(
        "retries: 0", "retries: 0, read_timeout: 100, write_timeout: 100"
    )
    async with kong(text, answer=answer) as house:
        reply = await house.get("/")
    assert (reply.status, reply.json()["message"]) == (504, "The upstream server is timing out")


@pytest.mark.parametrize(("method", "expected"), [("GET", 3), ("PUT", 3), ("POST", 1), ("PATCH", 1)])
async def test_failed_exchange_is_tried_again_if_the_method_is_idempotent(method: str, expected: int) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with kong(one("{name: r, paths: [/]}").replace("retries: 0", "retries: 2"), answer=answer) as house:
        assert (await house.call(method, "/")).status == 502
    # a kept connection that breaks before any answer is replaced once more by the wire
    assert len(house.upstream.seen) >= expected
    assert (len(house.upstream.seen) > 1) is (expected > 1)


async def test_status_of_the_upstream_is_never_a_reason_to_try_again() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=503, text="mine")

    async with kong(one("{name: r, paths: [/]}").replace("retries: 0", "retries: 5"), answer=answer) as house:
        reply = await house.get("/")
    assert (reply.status, reply.text, len(house.upstream.seen)) == (503, "mine", 1)


async def test_encoded_answers_pass_as_they_are() -> None:
    import gzip

    async def answer(request: web.Request) -> web.StreamResponse:
        body = gzip.compress(b"hello", mtime=0)
        return web.Response(body=body, headers={"Content-Encoding": "gzip", "Via": "1.0 up", "Server": "up"})

    async with kong(one("{name: r, paths: [/]}"), answer=answer) as house:
        reply = await house.get("/")
    assert gzip.decompress(reply.body) == b"hello"
    assert reply.headers["Via"] == "1.0 up, 1.1 kong/3.10.0"
    assert reply.headers["Server"] == "up"


UPSTREAM = """
_format_version: "3.0"
services: [{name: s, host: pool, retries: 1, routes: [{name: r, paths: [/]}]}]
upstreams:
  - name: pool
    %s
    targets: [{target: "a.test:80", weight: 2}, {target: "b.test:80", weight: 1}, {target: "c.test:80", weight: 0}]
"""


async def hosts_of(config: str, requests: int, headers: list[dict[str, str]] | None = None) -> list[str]:
    text = UPSTREAM % config
    async with kong(text) as house:
        port = house.upstream.port
        ways = dict.fromkeys(("a.test", "b.test", "c.test"), f"http://127.0.0.1:{port}")
        async with kong(text, connect_to=ways) as balanced:
            for number in range(requests):
                await balanced.get("/", headers=headers[number % len(headers)] if headers else {})
        return [seen["headers"]["host"] for seen in house.upstream.seen]


async def test_targets_take_turns_by_their_weights() -> None:
    assert await hosts_of("algorithm: round-robin", 6) == ["a.test", "b.test", "a.test"] * 2


async def test_host_header_of_an_upstream() -> None:
    assert await hosts_of("host_header: shop.test", 1) == ["shop.test"]


async def test_hash_keeps_a_client_at_its_target() -> None:
    users = [{"X-User": name} for name in ("ann", "bob", "cy", "dora", "eve")]
    seen = await hosts_of(
        "{algorithm: consistent-hashing, hash_on: header, hash_on_header: x-user}".strip("{}").replace(
            ", ", "\n    "
        ),
        10,
        users,
    )
    assert seen[:5] == seen[5:]
    assert set(seen) <= {"a.test", "b.test"}


async def test_target_that_fails_is_passed_over_and_taken_out() -> None:
    checks = "healthchecks: {passive: {unhealthy: {tcp_failures: 1}}}"
    async with kong(UPSTREAM % checks) as other:
        ways = {"a.test": "http://127.0.0.1:1", "b.test": f"http://127.0.0.1:{other.upstream.port}"}
        async with kong(UPSTREAM % checks, connect_to=ways) as house:
            assert [(await house.get("/")).status for _ in range(3)] == [200, 200, 200]
            tries: list[Any] = []
            house.runtime.gateway.concluded = (lambda ctx: tries.append(ctx.tries),)
            await house.get("/")
            assert tries == [(("b.test", 80, "200"),)]


async def test_all_targets_out_answers_503() -> None:
    checks = "healthchecks: {passive: {unhealthy: {http_failures: 1}}}"

    async def broken(request: web.Request) -> web.StreamResponse:
        return web.Response(status=500)

    async with kong(UPSTREAM % checks, answer=broken) as other:
        ways = dict.fromkeys(("a.test", "b.test"), f"http://127.0.0.1:{other.upstream.port}")
        async with kong(UPSTREAM % checks, connect_to=ways) as house:
            assert [(await house.get("/")).status for _ in range(2)] == [500, 500]
            reply = await house.get("/")
    assert (reply.status, reply.json()["message"]) == (503, "failure to get a peer from the ring-balancer")


async def test_active_check_brings_a_target_back() -> None:
    checks = (
        "healthchecks: {active: {http_path: /well, healthy: {interval: 0.05, successes: 1}, "
        "unhealthy: {interval: 0.05, http_failures: 1}}}"
    )
    well = True

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=200 if well or request.path != "/well" else 500)

    async with kong(UPSTREAM % checks, answer=answer) as other:
        ways = dict.fromkeys(("a.test", "b.test"), f"http://127.0.0.1:{other.upstream.port}")
        async with kong(UPSTREAM % checks, connect_to=ways) as house:
            well = False
            await until(lambda: house.get("/"), 503)
            well = True
            await until(lambda: house.get("/"), 200)


async def until(call: Any, status: int) -> None:
    for _ in range(100):
        if (await call()).status == status:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"never answered {status}")


async def test_deploying_anew_swaps_everything_or_nothing() -> None:
    from apiproxy_runtime.bundle.finding import DeployError, Findings
    from tests.kong.house import read

    async with kong(one("{name: r, paths: [/a]}")) as house:
        assert (await house.get("/a")).status == 200
        configuration, findings = read(one("{name: r, paths: [/b]}"))
        assert configuration is not None
        house.runtime.deploy(configuration, findings)
        assert (await house.get("/a")).status == 404
        assert (await house.get("/b")).status == 200
        broken = Findings()
        broken.error(configuration.routes[0].place, "", "no")
        with pytest.raises(DeployError):
            house.runtime.deploy(configuration, broken)
        assert (await house.get("/b")).status == 200


async def test_frozen_world_answers_the_same_twice() -> None:
    answers = []
    for _ in range(2):
        async with kong(plugin("correlation-id", "echo_downstream: true"), world=FrozenWorld()) as house:
            reply = await house.get("/")
            answers.append({name: reply.headers[name] for name in ("X-Kong-Request-Id", "Kong-Request-ID")})
    assert answers[0] == answers[1]


async def test_certificates_are_chosen_by_server_name_and_snis_route() -> None:
    import ssl

    text = SECURE % tuple(pem(name) for name in ("a.test", "b.test"))
    async with kong(text, ssl=True) as house:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        port = int(house.url.rpartition(":")[2])
        for name, status in (("b.test", 200), ("a.test", 404)):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname=name
            )
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            assert name.encode() in shown
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            assert f" {status} ".encode() in await reader.readline()
            writer.close()


SECURE = """
_format_version: "3.0"
services: [{name: s, url: http://up.test, routes: [{name: r, protocols: [https], snis: [b.test]}]}]
certificates:
  - %s
    snis: [{name: a.test}]
  - %s
    snis: [b.test]
"""


def pem(name: str) -> str:
    """Fields `cert` and `key` of a self-signed certificate, in YAML."""
    import datetime
    import json

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    shown = made.public_bytes(serialization.Encoding.PEM)
    return f"cert: {json.dumps(shown.decode())}\n    key: {json.dumps(private.decode())}"


async def test_observers_see_plugins_as_steps_and_refusals_as_faults() -> None:
    told: list[str] = []

    class Watcher:
        def observer(self, ctx: Any, exchange: Any) -> Any:
            return Teller(ctx)

    class Teller:
        def __init__(self, ctx: KongContext) -> None:
            told.append(f"{ctx.deployment.proxy}/{ctx.endpoint_name}")

        def __getattr__(self, name: str) -> Any:
            def note(*arguments: Any, **more: Any) -> None:
                if name == "step_ends":
                    _, step, fault = arguments
                    told.append(f"{step.policy}{' ' + fault.code if fault else ''}")
                elif name == "flow_begins":
                    told.append(f"[{arguments[1]}]")
                elif name in ("call_begins", "transaction_ends"):
                    told.append(name)

            return note

    text = plugin("key-auth") + "  - {name: cors}\n"
    async with kong(text) as house:
        watcher = Watcher()
        house.runtime.watch(watcher)
        await house.get("/")
        house.runtime.unwatch(watcher)
        await house.get("/")
    assert told == [
        "up/all",
        "[access]",
        "cors",
        "key-auth kong.key-auth",
        "[header_filter]",
        "cors",
        "transaction_ends",
    ]


async def test_stub_in_the_way_out_sees_every_call() -> None:
    from apiproxy_runtime.bundle.finding import Findings
    from apiproxy_runtime.kong.runtime import KongRuntime
    from apiproxy_runtime.state.open import open_store
    from tests.kong.house import read

    seen: list[str] = []

    class Stub:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        async def send(self, call: Any) -> Any:
            seen.append(f"{call.purpose} {call.request.verb} {call.url}")
            raise CallFailed("unreachable", "stub") from ConnectFailed("stub")

    configuration, findings = read(one("{name: r, paths: [/]}"))
    assert configuration is not None
    runtime = KongRuntime(open_store("memory"), outgoing=Stub)
    runtime.deploy(configuration, Findings())
    assert not findings.errors
    ctx_egress = runtime.services.egress
    from apiproxy_runtime.gateway.http.limits import Limits
    from apiproxy_runtime.gateway.http.server import Server

    server = Server(runtime.gateway.handle, Limits())
    await server.start("127.0.0.1", 0)
    answer = await raw(
        f"http://127.0.0.1:{server.port}", b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    )
    await server.stop(1)
    await runtime.close(1)
    assert isinstance(ctx_egress, Stub)
    assert b" 502 " in answer
    assert seen == ["target GET http://up.test/v1/x"]


async def raw(url: str, request: bytes) -> bytes:
    """What a server answers to bytes."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer
