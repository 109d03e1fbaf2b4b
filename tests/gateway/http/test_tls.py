"""TLS on both sides, with certificates made on the fly."""

import asyncio
import datetime
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from apiproxy_runtime.gateway.http.errors import TlsFailed
from apiproxy_runtime.gateway.http.pool import Origin
from apiproxy_runtime.gateway.http.tls import (
    ServerTls,
    TlsProfile,
    client_context,
    peer_subject,
    server_context,
)
from apiproxy_runtime.message.headers import Headers


class Issued:
    """A certificate and its key, as PEM text."""

    def __init__(
        self, name: str, signer: "Issued | None" = None, names: tuple[str, ...] = (), password: str = ""
    ) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, name),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"),
            ]
        )
        issuer = signer or self
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(issuer.subject)
            .public_key(self.private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        )
        if names:
            alternatives: list[x509.GeneralName] = [
                x509.IPAddress(ipaddress.ip_address(each)) if each[0].isdigit() else x509.DNSName(each)
                for each in names
            ]
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        certificate = builder.sign(issuer.private, hashes.SHA256())
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM).decode()
        self.key = self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password.encode())
            if password
            else serialization.NoEncryption(),
        ).decode()


@pytest.fixture(scope="module")
def authority() -> Issued:
    return Issued("Test Authority")


@pytest.fixture(scope="module")
def localhost(authority) -> Issued:
    return Issued("localhost", authority, ("localhost", "127.0.0.1"))


async def subject(exchange):
    body = await exchange.read_body(1 << 20)
    headers = Headers([("X-Subject", peer_subject(exchange.tls).get("commonName", "none"))])
    exchange.respond(200, "OK", headers, body)


@pytest.fixture
async def secure(serve, localhost):
    """secure(client_authorities=…) → the port of a TLS server that tells the client's common name."""

    async def start(**more) -> int:
        context = server_context(ServerTls(localhost.certificate, localhost.key, **more))
        return (await serve(subject, ssl=context)).port

    return start


async def test_trusted_target_is_called(secure, client, authority):
    port = await secure()
    origin = Origin("https", "127.0.0.1", port, TlsProfile(authorities=(authority.certificate,)))
    for size in (0, 10, 500_000):
        response = await client.send(origin, "POST", "/", Headers(), b"x" * size)
        assert (response.status, response.size) == (200, size)
    assert len(client.pool(origin).idle) == 1


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        (TlsProfile(), "self-signed certificate in certificate chain|unable to get local issuer"),
        (TlsProfile(authorities=(Issued("Other").certificate,)), "unable to get local issuer|self-signed"),
    ],
)
async def test_untrusted_target_is_refused(secure, client, profile, why):
    port = await secure()
    with pytest.raises(TlsFailed, match=why):
        await client.send(Origin("https", "127.0.0.1", port, profile), "GET", "/", Headers())


async def test_untrusted_target_passes_when_not_verified(secure, client):
    port = await secure()
    response = await client.send(
        Origin("https", "127.0.0.1", port, TlsProfile(verify=False)), "GET", "/", Headers()
    )
    assert response.status == 200


async def test_self_signed_target_passes_when_trusted_itself(serve, client):
    own = Issued("own", names=("127.0.0.1",))
    server = await serve(subject, ssl=server_context(ServerTls(own.certificate, own.key)))
    profile = TlsProfile(authorities=(own.certificate,))
    assert (
        await client.send(Origin("https", "127.0.0.1", server.port, profile), "GET", "/", Headers())
    ).status == 200


async def test_certificate_for_another_host_is_refused(serve, client, authority):
    other = Issued("other.example", authority, ("other.example",))
    server = await serve(subject, ssl=server_context(ServerTls(other.certificate, other.key)))
    profile = TlsProfile(authorities=(authority.certificate,))
    with pytest.raises(TlsFailed, match="not valid for"):
        await client.send(Origin("https", "127.0.0.1", server.port, profile), "GET", "/", Headers())
    named = TlsProfile(authorities=(authority.certificate,), server_name="other.example")
    assert (
        await client.send(Origin("https", "127.0.0.1", server.port, named), "GET", "/", Headers())
    ).status == 200


@pytest.mark.parametrize(
    ("certificate", "wanted", "wildcard", "fits"),
    [
        ("api.example", "api.example", False, True),
        ("api.example", "API.example", False, True),
        ("api.example", "other.example", False, False),
        ("*.example", "api.example", False, False),
        ("*.example", "api.example", True, True),
        ("api.example", "*.example", True, True),
        ("a.b.example", "*.example", True, False),
    ],
)
async def test_expected_common_name(serve, client, authority, certificate, wanted, wildcard, fits):
    issued = Issued(certificate, authority)
    server = await serve(subject, ssl=server_context(ServerTls(issued.certificate, issued.key)))
    profile = TlsProfile(authorities=(authority.certificate,), common_name=wanted, wildcard=wildcard)
    call = client.send(Origin("https", "127.0.0.1", server.port, profile), "GET", "/", Headers())
    if fits:
        assert (await call).status == 200
    else:
        with pytest.raises(TlsFailed, match="made out to"):
            await call


async def test_client_certificate_is_shown(secure, client, authority):
    me = Issued("me", authority, password="secret")
    port = await secure(client_authorities=(authority.certificate,))
    profile = TlsProfile(
        authorities=(authority.certificate,), certificate=me.certificate, key=me.key, key_password="secret"
    )
    response = await client.send(Origin("https", "127.0.0.1", port, profile), "GET", "/", Headers())
    assert response.headers.get("x-subject") == "me"


async def test_missing_client_certificate(secure, client, authority):
    profile = TlsProfile(authorities=(authority.certificate,))
    port = await secure(client_authorities=(authority.certificate,), client_required=False)
    response = await client.send(Origin("https", "127.0.0.1", port, profile), "GET", "/", Headers())
    assert response.headers.get("x-subject") == "none"
    # With TLS 1.3 the client hears of the refusal after its own handshake is over; with 1.2 during it.
    strict = await secure(client_authorities=(authority.certificate,))
    old = TlsProfile(authorities=(authority.certificate,), protocols=("TLSv1.2",))
    with pytest.raises(TlsFailed):
        await client.send(Origin("https", "127.0.0.1", strict, old), "GET", "/", Headers())


async def test_plain_http_on_a_tls_port_and_the_other_way_round(secure, serve, client, dial):
    plain = await serve(subject)
    with pytest.raises(TlsFailed):
        await client.send(
            Origin("https", "127.0.0.1", plain.port, TlsProfile(verify=False)), "GET", "/", Headers()
        )
    raw = await dial(await secure())
    await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert b"200" not in await raw.rest()


async def test_protocols_that_do_not_meet_fail(secure, client, authority):
    port = await secure(protocols=("TLSv1.3",))
    profile = TlsProfile(authorities=(authority.certificate,), protocols=("TLSv1.2",))
    with pytest.raises(TlsFailed):
        await client.send(Origin("https", "127.0.0.1", port, profile), "GET", "/", Headers())


async def test_streams_and_keep_alive_work_over_tls(serve, dial, localhost):
    async def handle(exchange):
        await exchange.respond_stream(200, "OK", Headers(), exchange.body_chunks())

    server = await serve(handle, ssl=server_context(ServerTls(localhost.certificate, localhost.key)))
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    raw = await dial(server.port, ssl=context)
    for _ in range(2):
        await raw.send(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000)
        assert len((await raw.response())[2]) == 1_000_000


async def test_client_that_leaves_over_tls_cancels_the_handler(serve, dial, localhost):
    cancelled = asyncio.Event()

    async def handle(exchange):
        try:
            await asyncio.sleep(30)
        finally:
            cancelled.set()

    server = await serve(handle, ssl=server_context(ServerTls(localhost.certificate, localhost.key)))
    raw = await dial(server.port, ssl=client_context(TlsProfile(verify=False)))
    await raw.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    await asyncio.sleep(0.05)
    raw.abort()
    await asyncio.wait_for(cancelled.wait(), 3)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"authorities": ("nonsense",)}, "trusted certificates"),
        ({"certificate": "nonsense", "key": "nonsense"}, "certificate and its key"),
        ({"protocols": ("SSLv3",)}, "no TLS version"),
        ({"ciphers": ("NOSUCH",)}, "no cipher"),
    ],
)
def test_unusable_settings_say_why(settings, why):
    with pytest.raises(TlsFailed, match=why):
        client_context(TlsProfile(**settings))


def test_key_of_another_certificate_is_refused(authority):
    one, two = Issued("one", authority), Issued("two", authority)
    with pytest.raises(TlsFailed, match="certificate and its key"):
        server_context(ServerTls(one.certificate, two.key))


def test_equal_profiles_share_a_context():
    assert client_context(TlsProfile(verify=False)) is client_context(TlsProfile(verify=False))
