"""Keystores and aliases, in every form in which a certificate can come."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from tests.control.house import ControlHouse, archive, control_house
from tests.control.management.certificate import certificate
from tests.control.management.clients import Edge, X

STORE = "environments/test/keystores/ks"
ALIASES = f"{STORE}/aliases"


@pytest.fixture
async def house() -> AsyncIterator[ControlHouse]:
    async with control_house() as house:
        assert (await X(house).ask("POST", "environments/test/keystores", json={"name": "ks"})).status == 201
        yield house


def form(**files: bytes) -> aiohttp.FormData:
    data = aiohttp.FormData()
    for name, content in files.items():
        if name == "password":
            data.add_field(name, content.decode())
        else:
            data.add_field(name, content, filename=name, content_type="application/octet-stream")
    return data


def pem(cert: x509.Certificate) -> bytes:
    return cert.public_bytes(Encoding.PEM)


async def stored(house: ControlHouse, alias: str) -> tuple[str, bool]:
    """The certificate of an alias that the runtime uses, and whether there is a key with it."""
    found = house.host.runtimes["test"].services.environment.keystores["ks"].aliases[alias]
    return found.certificates, found.key is not None


async def test_pem_files_make_an_alias(house: ControlHouse) -> None:
    cert, key = certificate("pem.example")
    own = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    reply = await X(house).ask(
        "POST", f"{ALIASES}?alias=a&format=keycertfile", data=form(certFile=pem(cert), keyFile=own)
    )
    assert reply.status == 201, reply.text
    assert reply.json()["certsInfo"]["certInfo"][0]["subject"] == "CN=pem.example"
    assert reply.json()["certsInfo"]["certInfo"][0]["isValid"] == "Yes"
    assert "PRIVATE" not in reply.text
    assert await stored(house, "a") == (pem(cert).decode(), True)
    assert (await X(house).ask("GET", f"{ALIASES}/a/certificate")).text == pem(cert).decode()


async def test_pkcs12_makes_an_alias(house: ControlHouse) -> None:
    cert, key = certificate("p12.example")
    packed = pkcs12.serialize_key_and_certificates(b"x", key, cert, None, BestAvailableEncryption(b"pw"))
    wrong = await X(house).ask(
        "POST", f"{ALIASES}?alias=a&format=pkcs12", data=form(file=packed, password=b"no")
    )
    assert wrong.status == 400
    reply = await X(house).ask(
        "POST", f"{ALIASES}?alias=a&format=pkcs12", data=form(file=packed, password=b"pw")
    )
    assert reply.status == 201, reply.text
    assert await stored(house, "a") == (pem(cert).decode(), True)


@pytest.mark.parametrize("descriptor", [True, False])
async def test_a_jar_makes_an_alias(house: ControlHouse, descriptor: bool) -> None:
    cert, key = certificate("jar.example")
    own = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files: dict[str, bytes | str] = {"my.pem": pem(cert), "my.key": own}
    if descriptor:
        files["META-INF/descriptor.properties"] = "certFile=my.pem\nkeyFile=my.key\n"
    reply = await Edge(house).ask(
        "POST", f"{ALIASES}?alias=a&format=keycertjar", data=form(file=archive(files))
    )
    assert reply.status == 201, reply.text
    assert await stored(house, "a") == (pem(cert).decode(), True)


async def test_a_certificate_alone_is_trusted(house: ControlHouse) -> None:
    cert, _ = certificate("ca.example")
    reply = await X(house).ask("POST", f"{ALIASES}?alias=ca", data=pem(cert))
    assert (reply.status, reply.json()["type"]) == (201, "CERT")
    assert await stored(house, "ca") == (pem(cert).decode(), False)


async def test_a_self_signed_certificate_is_made(house: ControlHouse) -> None:
    asked = {
        "alias": "made",
        "subject": {"commonName": "made.example", "countryCode": "DE"},
        "keySize": "2048",
        "certValidityInDays": 30,
        "subjectAlternativeDnsNames": {"subjectAlternativeName": ["a.example"]},
    }
    reply = await X(house).ask("POST", f"{ALIASES}?format=selfsignedcert", json=asked)
    info = reply.json()["certsInfo"]["certInfo"][0]
    assert info["subjectAlternativeNames"] == ["a.example"]
    assert int(info["expiryDate"]) - int(info["validFrom"]) == 30 * 24 * 3600 * 1000
    assert (await stored(house, "made"))[1]


async def test_new_certificates_keep_the_key(house: ControlHouse) -> None:
    old, key = certificate("old.example")
    new, _ = certificate("new.example")
    own = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    both = form(certFile=pem(old), keyFile=own)
    await X(house).ask("POST", f"{ALIASES}?alias=a&format=keycertfile", data=both)
    assert (await X(house).ask("PUT", f"{ALIASES}/a", data=form(certFile=pem(new)))).status == 200
    assert await stored(house, "a") == (pem(new).decode(), True)


async def test_aliases_are_listed_and_deleted(house: ControlHouse) -> None:
    cert, _ = certificate("a.example")
    for alias in ("a", "b"):
        await X(house).ask("POST", f"{ALIASES}?alias={alias}", data=pem(cert))
    assert (await X(house).ask("POST", f"{ALIASES}?alias=a", data=pem(cert))).status == 409
    assert (await X(house).ask("GET", ALIASES)).json() == ["a", "b"]
    assert (await X(house).ask("GET", STORE)).json() == {"name": "ks", "aliases": ["a", "b"]}
    assert (await Edge(house).ask("GET", STORE)).json()["certs"] == ["a-cert", "b-cert"]
    assert (await X(house).ask("DELETE", f"{ALIASES}/a")).status == 200
    assert (await X(house).ask("GET", f"{ALIASES}/a")).status == 404
    assert (await X(house).ask("DELETE", STORE)).status == 200
    assert (await X(house).ask("GET", "environments/test/keystores")).json() == []


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("alias=a", b"no certificate"),
        ("format=keycertfile", b""),
        ("alias=a&format=unknown", b""),
        ("alias=a&format=keycertjar", b"no jar"),
        ("format=selfsignedcert", b'{"alias": "a"}'),
        (
            "format=selfsignedcert",
            b'{"alias": "a", "subject": {"commonName": "x", "countryCode": "Germany"}}',
        ),
    ],
)
async def test_what_is_no_certificate_is_refused(house: ControlHouse, query: str, body: bytes) -> None:
    reply = await X(house).ask("POST", f"{ALIASES}?{query}", data=body)
    assert reply.status == 400, reply.text
    assert (await X(house).ask("GET", ALIASES)).json() == []
