"""Targets behind a forward proxy."""

import asyncio
import contextlib

import pytest

from apiproxy_runtime.gateway.http.client import HttpClient
from apiproxy_runtime.gateway.http.errors import ConnectFailed, ConnectTimeout, TunnelRefused
from apiproxy_runtime.gateway.http.forward_proxy import ForwardProxy, from_environment, parse
from apiproxy_runtime.gateway.http.pool import Origin
from apiproxy_runtime.gateway.http.tls import ServerTls, TlsProfile, server_context
from apiproxy_runtime.message.headers import Headers


@pytest.fixture
async def proxy(script):
    """proxy(seen) → a ForwardProxy that opens tunnels and notes the head of each CONNECT in `seen`."""

    async def start(seen: list[bytes], **more) -> ForwardProxy:
        async def talk(raw, number):
            head = await raw.reader.readuntil(b"\r\n\r\n")
            seen.append(head)
            host, port = head.split()[1].decode().rsplit(":", 1)
            reader, writer = await asyncio.open_connection(host, int(port))
            # The answer may come in pieces.
            await raw.send(b"HTTP/1.1 200 Conn")
            await asyncio.sleep(0.01)
            await raw.send(b"ection established\r\nX: 1\r\n\r\n")

            async def pump(source, sink):
                with contextlib.suppress(ConnectionError):
                    while data := await source.read(65536):
                        sink.write(data)
                        await sink.drain()
                sink.close()

            await asyncio.gather(pump(raw.reader, writer), pump(reader, raw.writer))

        origin = await script(talk)
        return ForwardProxy("127.0.0.1", origin.port, **more)

    return start


async def test_plain_target_through_a_tunnel(serve, client, proxy, echo):
    seen = []
    server = await serve(echo)
    origin = Origin("http", "127.0.0.1", server.port, None, await proxy(seen, authorization="Basic eA=="))
    for body in (b"one", b"two" * 100_000):
        assert (await client.send(origin, "POST", "/p", Headers(), body)).body == body
    (head,) = seen
    assert head.startswith(
        b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % (server.port, server.port)
    )
    assert b"Proxy-Authorization: Basic eA==\r\n" in head


async def test_tls_target_through_a_tunnel(serve, client, proxy, echo):
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "target")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    server = await serve(echo, ssl=server_context(ServerTls(certificate, private)))
    seen = []
    profile = TlsProfile(verify=False)
    origin = Origin("https", "127.0.0.1", server.port, profile, await proxy(seen, tunnel=False))
    for body in (b"one", b"two"):
        assert (await client.send(origin, "POST", "/p", Headers(), body)).body == body
    assert len(seen) == 1


async def test_without_tunnelling_the_request_names_the_whole_url(script, client):
    heads = []

    async def talk(raw, number):
        while True:
            heads.append(await raw.reader.readuntil(b"\r\n\r\n"))
            await raw.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    via = await script(talk)
    proxy = ForwardProxy("127.0.0.1", via.port, "Basic eA==", tunnel=False)
    origin = Origin("http", "target.example", 8080, None, proxy)
    for _ in range(2):
        assert (await client.send(origin, "GET", "/p?q=1", Headers())).body == b"ok"
    assert heads[0].startswith(
        b"GET http://target.example:8080/p?q=1 HTTP/1.1\r\nHost: target.example:8080\r\n"
    )
    assert b"Proxy-Authorization: Basic eA==\r\n" in heads[0]
    assert len(heads) == 2


async def test_refused_tunnel(script, client):
    async def talk(raw, number):
        await raw.reader.readuntil(b"\r\n\r\n")
        await raw.send(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

    via = await script(talk)
    origin = Origin("http", "127.0.0.1", 1, None, ForwardProxy("127.0.0.1", via.port))
    with pytest.raises(TunnelRefused, match="407") as error:
        await client.send(origin, "GET", "/", Headers())
    assert error.value.status == 407


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200", b"x" * 20_000])
async def test_broken_proxy_is_a_connect_failure(script, client, answer):
    async def talk(raw, number):
        await raw.reader.readuntil(b"\r\n\r\n")
        await raw.send(answer)

    via = await script(talk)
    origin = Origin("http", "127.0.0.1", 1, None, ForwardProxy("127.0.0.1", via.port))
    with pytest.raises(ConnectFailed):
        await client.send(origin, "GET", "/", Headers())


async def test_silent_proxy_is_a_connect_timeout(script):
    async def talk(raw, number):
        await raw.reader.read()

    client = HttpClient()
    via = await script(talk)
    origin = Origin("http", "127.0.0.1", 1, None, ForwardProxy("127.0.0.1", via.port))
    with pytest.raises(ConnectTimeout):
        await client.send(origin, "GET", "/", Headers(), connect_timeout=0.1)
    client.close()


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://p.example:3128", ForwardProxy("p.example", 3128)),
        ("p.example:3128", ForwardProxy("p.example", 3128)),
        ("http://p.example", ForwardProxy("p.example", 80)),
        ("http://u:p%40w@p.example:1/", ForwardProxy("p.example", 1, "Basic dTpwQHc=")),
    ],
)
def test_proxy_urls(url, proxy):
    assert parse(url) == proxy


@pytest.mark.parametrize("url", ["ftp://p:1", "http://", "http://p:notaport"])
def test_bad_proxy_urls(url):
    with pytest.raises(ValueError):
        parse(url)


@pytest.mark.parametrize(
    ("scheme", "host", "environment", "expected"),
    [
        ("http", "t.example", {}, None),
        ("http", "t.example", {"HTTP_PROXY": "http://p:1"}, "p"),
        ("http", "t.example", {"http_proxy": "http://q:1", "HTTP_PROXY": "http://p:1"}, "q"),
        ("https", "t.example", {"HTTP_PROXY": "http://p:1"}, None),
        ("https", "t.example", {"HTTPS_PROXY": "http://p:1"}, "p"),
        ("http", "t.example", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "other, t.example"}, None),
        ("http", "a.t.example", {"HTTP_PROXY": "http://p:1", "NO_PROXY": ".t.example"}, None),
        ("http", "a.t.example", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "*.t.example"}, None),
        ("http", "at.example", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "t.example"}, "p"),
        ("http", "t.example", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
    ],
)
def test_environment_names_the_proxy(scheme, host, environment, expected):
    proxy = from_environment(scheme, host, environment)
    assert (proxy and proxy.host) == expected
