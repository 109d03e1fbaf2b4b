"""crypto.wsSecRsaSign and crypto.wsSecRsaValidate: what is signed, what is believed, and what cannot be smuggled in."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from lxml import etree
from signxml import XMLVerifier
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.signer import SignatureReference, XMLSigner
from signxml.verifier import SignatureConfiguration

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.scripting.javascript.wssecurity.certificate import same_issuer
from apiproxy_runtime.world import FrozenWorld
from tests.policies.security.certificates import certificate, pem
from tests.policies.security.tokens import NOW, private_pem, rsa_key, unb64
from tests.scripting.javascript.scripts import context, failure_of, run

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
NS = {
    "soap": SOAP,
    "wsse": f"{OASIS}wssecurity-secext-1.0.xsd",
    "wsse11": "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd",
    "wsu": f"{OASIS}wssecurity-utility-1.0.xsd",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "ec": "http://www.w3.org/2001/10/xml-exc-c14n#",
    "wsa": "http://www.w3.org/2005/08/addressing",
}
ID = f"{{{NS['wsu']}}}Id"
SIGNER = certificate("signer.example.com", "one")
OTHER = certificate("other.example.com", "two")
MESSAGE = f"""<soapenv:Envelope xmlns:soapenv="{SOAP}" xmlns:s="urn:sums" xmlns:unused="urn:unused">
  <soapenv:Body><s:sum xmlns:o="urn:sums" kind="o:sum"><o:return>9 &amp; <!-- sic -->10</o:return></s:sum></soapenv:Body>
</soapenv:Envelope>"""
KINDS = ["BST_DIRECT_REFERENCE", "ISSUER_SERIAL", "RSA_KEY_VALUE", "THUMBPRINT", "X509_CERT_DIRECT"]
EMBEDDING = ["BST_DIRECT_REFERENCE", "X509_CERT_DIRECT"]
SHA1 = SIGNER.fingerprint(hashes.SHA1()).hex()
SHA256 = SIGNER.fingerprint(hashes.SHA256()).hex()


def around(payload: str = MESSAGE, now: float = NOW, **variables: Any) -> MessageContext:
    return context(
        world=FrozenWorld(now),
        payload=payload,
        **{"private.key": private_pem(rsa_key("one")), "cert": pem(SIGNER), **variables},
    )


async def signed(payload: str = MESSAGE, now: float = NOW, **options: Any) -> str:
    given = {"private_key": "{private.key}", "certificate": "{cert}", "expiry": "120s", **options}
    script = f"context.setVariable('out', crypto.wsSecRsaSign(context.getVariable('payload'), {json.dumps(given)}));"
    return str((await run(script, around(payload, now))).variables["out"])


async def trouble(payload: str, now: float = NOW, **options: Any) -> str | None:
    """What validation says of a message; None when it is valid. By default its certificate is known by thumbprint."""
    given = options if options else {"accept_thumbprints_sha256": SHA256}
    script = f"context.setVariable('valid', crypto.wsSecRsaValidate(context.getVariable('payload'), {json.dumps(given)}));"
    ctx = await run(script, around(payload, now))
    valid = ctx.variables["valid"]
    assert valid is ctx.variables["wssec_valid"]
    assert valid is ("wssec_error" not in ctx.variables)
    return None if valid else str(ctx.variables["wssec_error"])


def parsed(text: str) -> Any:
    return etree.fromstring(text)


def find(root: Any, path: str) -> Any:
    found = root.find(path, NS)
    assert found is not None, path
    return found


# ---- signing and validating what was signed


@pytest.mark.parametrize("method", ["rsa-sha1", "rsa-sha256"])
@pytest.mark.parametrize("digest", ["sha1", "sha256"])
@pytest.mark.parametrize("kind", ["ISSUER_SERIAL", "THUMBPRINT"])
async def test_a_message_without_its_certificate_is_valid_by_the_one_provided(
    kind: str, digest: str, method: str
) -> None:
    out = await signed(key_identifier_type=kind, digest_method=digest, signing_method=method)
    assert await trouble(out, certificate="{cert}", digest_method=digest, signing_method=method) is None
    assert await trouble(out) == "certificate is missing"
    assert "mismatch" in (await trouble(out, certificate=pem(OTHER)) or "")


@pytest.mark.parametrize("kind", EMBEDDING)
async def test_a_message_with_its_certificate_is_valid_by_its_thumbprint(kind: str) -> None:
    out = await signed(key_identifier_type=kind)
    assert await trouble(out, accept_thumbprints=SHA1) is None
    assert await trouble(out, accept_thumbprints_sha256=f"{'0' * 64}, {SHA256.upper()}") is None
    assert await trouble(out, accept_thumbprints="0" * 40) == "certificate thumbprint not accepted"
    assert "no acceptable thumbprints" in (await trouble(out, certificate="{cert}") or "")
    both = await trouble(out, accept_thumbprints=SHA1, accept_thumbprints_sha256=SHA256)
    assert "only one of" in (both or "")


async def test_a_bare_key_proves_nobody() -> None:
    out = await signed(key_identifier_type="RSA_KEY_VALUE", signing_method="rsa-sha256")
    assert await trouble(out, certificate="{cert}") == "No suitable child element of KeyInfo"
    # yet the signature is one of this key
    root = parsed(out)
    number = {
        name: int.from_bytes(unb64(find(root, f".//ds:{name}").text), "big")
        for name in ("Modulus", "Exponent")
    }
    info = etree.tostring(find(root, ".//ds:SignedInfo"), method="c14n", exclusive=True)
    key = RSAPublicNumbers(number["Exponent"], number["Modulus"]).public_key()
    key.verify(unb64(find(root, ".//ds:SignatureValue").text), info, padding.PKCS1v15(), hashes.SHA256())


class OldSigner(XMLSigner):
    def check_deprecated_methods(self) -> None:
        """SHA-1 is what the functions sign with by default."""


def by_signxml(method: SignatureMethod, digest: DigestAlgorithm) -> str:
    """The message, signed by another implementation."""
    root = parsed(MESSAGE)
    body = find(root, "soap:Body")
    body.set(ID, "B")
    header = etree.Element(f"{{{SOAP}}}Header")
    root.insert(0, header)
    security = etree.SubElement(header, f"{{{NS['wsse']}}}Security")
    stamp = etree.SubElement(security, f"{{{NS['wsu']}}}Timestamp", {ID: "T"})
    etree.SubElement(stamp, f"{{{NS['wsu']}}}Created").text = "2023-11-14T22:13:20Z"
    etree.SubElement(stamp, f"{{{NS['wsu']}}}Expires").text = "2023-11-14T23:13:20+00:30"
    signer = OldSigner(
        SignatureConstructionMethod.detached,
        method,
        digest,
        CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    references = [
        SignatureReference(
            URI=f"#{name}", c14n_method=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
        )
        for name in ("B", "T")
    ]
    signature = signer.sign(root, key=rsa_key("one"), cert=[SIGNER], reference_uri=references)
    security.append(signature)
    return etree.tostring(root, encoding="unicode")


@pytest.mark.parametrize(
    ("method", "digest"),
    [
        (SignatureMethod.RSA_SHA256, DigestAlgorithm.SHA256),
        (SignatureMethod.RSA_SHA1, DigestAlgorithm.SHA1),
    ],
)
async def test_what_another_implementation_signed_is_valid(
    method: SignatureMethod, digest: DigestAlgorithm
) -> None:
    out = by_signxml(method, digest)
    assert await trouble(out) is None
    assert await trouble(out.replace(">9 ", ">8 ")) == "signature did not verify: #B is not what was signed"


async def test_another_implementation_finds_what_was_signed_here_valid() -> None:
    out = await signed(
        key_identifier_type="X509_CERT_DIRECT", signing_method="rsa-sha256", confirmation=["abc="]
    )
    config = SignatureConfiguration(
        location=".//", expect_references=3, verification_time=datetime.fromtimestamp(NOW, UTC)
    )
    found = XMLVerifier().verify(parsed(out), x509_cert=SIGNER, expect_config=config)
    assert [etree.QName(each.signed_xml).localname for each in found] == [
        "Body",
        "Timestamp",
        "SignatureConfirmation",
    ]


# ---- the shape of what is signed


async def test_the_security_header_holds_timestamp_token_and_signature() -> None:
    root = parsed(await signed())
    security = find(root, "soap:Header/wsse:Security")
    assert security.get(f"{{{SOAP}}}mustUnderstand") == "1"
    assert [etree.QName(each).localname for each in security] == [
        "Timestamp",
        "BinarySecurityToken",
        "Signature",
    ]
    assert find(security, "wsu:Timestamp/wsu:Created").text == "2023-11-14T22:13:20Z"
    assert find(security, "wsu:Timestamp/wsu:Expires").text == "2023-11-14T22:15:20Z"
    uri = find(security, "ds:Signature/ds:KeyInfo/wsse:SecurityTokenReference/wsse:Reference").get("URI")
    token = find(security, "wsse:BinarySecurityToken")
    assert uri == f"#{token.get(ID)}"
    assert x509.load_der_x509_certificate(unb64(token.text)) == SIGNER
    methods = [
        each.get("Algorithm")
        for each in root.iter(f"{{{NS['ds']}}}SignatureMethod", f"{{{NS['ds']}}}DigestMethod")
    ]
    assert methods == [
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        *["http://www.w3.org/2001/04/xmlenc#sha256"] * 2,
    ]


async def test_the_payload_stays_as_it_was() -> None:
    out = await signed()
    start, end = MESSAGE.index("<s:sum"), MESSAGE.index("</soapenv:Body>")
    assert MESSAGE[start:end] in out


async def test_soap_1_2() -> None:
    payload = MESSAGE.replace(SOAP, SOAP12)
    out = await signed(payload, soap_version="1.2")
    assert await trouble(out) is None
    with_default = "soap_version: '1.1', private_key: '{private.key}', certificate: '{cert}'"
    script = f"crypto.wsSecRsaSign(context.getVariable('payload'), {{{with_default}}});"
    assert "No element: soap:Envelope" in await failure_of(script, around(payload))


async def test_a_header_that_is_there_is_used() -> None:
    header = f'<soapenv:Header><wsse:Security xmlns:wsse="{NS["wsse"]}"><wsse:Mine/></wsse:Security></soapenv:Header>'
    root = parsed(await signed(MESSAGE.replace("<soapenv:Body>", f"{header}<soapenv:Body>")))
    assert len(root.findall(".//wsse:Security", NS)) == 1
    assert find(root, "soap:Header/wsse:Security")[0].tag == f"{{{NS['wsse']}}}Mine"


async def test_the_elements_to_sign_can_be_chosen() -> None:
    header = f'<soapenv:Header><a:To xmlns:a="{NS["wsa"]}">x</a:To></soapenv:Header>'
    payload = MESSAGE.replace("<soapenv:Body>", f"{header}<soapenv:Body>")
    out = await signed(payload, elements_to_sign=["soapenv:Body", "wsa:To"])
    uris = [each.get("URI") for each in parsed(out).iter(f"{{{NS['ds']}}}Reference")]
    assert uris == ["#Body-102", "#To-103"]
    assert await trouble(out) == "did not find signature for wsu:Timestamp"
    known = {"accept_thumbprints": SHA1}
    assert await trouble(out, required_sign_elements="soap:Body, wsa:To", **known) is None
    assert await trouble(out, required_sign_elements="soap:Body wsa:To", **known) is None
    assert (
        await trouble(await signed(elements_to_sign="wsu:Timestamp"), **known)
        == "did not find signature for soap:Body"
    )


@pytest.mark.parametrize(
    ("confirmation", "payload_has", "values"),
    [
        ("", "", [None]),
        ("one, two", "", ["one", "two"]),
        (["two"], '<c:SignatureConfirmation Value="two"/>', ["two"]),
        ("*all*", '<c:SignatureConfirmation Value="a"/><c:SignatureConfirmation Value="b"/>', ["a", "b"]),
        ("*all*", "", []),
    ],
)
async def test_signature_confirmations(confirmation: Any, payload_has: str, values: list[str | None]) -> None:
    header = (
        f'<soapenv:Header><w:Security xmlns:w="{NS["wsse"]}" xmlns:c="{NS["wsse11"]}">'
        f"{payload_has}</w:Security></soapenv:Header>"
    )
    out = await signed(
        MESSAGE.replace("<soapenv:Body>", f"{header}<soapenv:Body>"), confirmation=confirmation
    )
    root = parsed(out)
    found = root.findall(".//wsse11:SignatureConfirmation", NS)
    assert [each.get("Value") for each in found] == values
    uris = [each.get("URI") for each in root.iter(f"{{{NS['ds']}}}Reference")]
    assert uris[2:] == [f"#{each.get(ID)}" for each in found]
    assert await trouble(out) is None


@pytest.mark.parametrize(("style", "written"), [("CN", "CN=root"), ("DN", "CN=root"), (None, "CN=root")])
async def test_issuer_and_serial_number(style: str | None, written: str) -> None:
    of_root = certificate("leaf", "one", "root", "two")
    options = {"issuer_name_style": style} if style else {}
    out = await signed(key_identifier_type="ISSUER_SERIAL", certificate=pem(of_root), **options)
    serial = find(parsed(out), ".//ds:X509IssuerSerial")
    assert find(serial, "ds:X509IssuerName").text == written
    assert find(serial, "ds:X509SerialNumber").text == str(of_root.serial_number)
    assert await trouble(out, certificate=pem(of_root), **options) is None


async def test_prefixes_and_inclusive_namespaces() -> None:
    out = await signed(
        ds_prefix="sig",
        c14_inclusive_elements=f"{SOAP}, urn:nowhere",
        transform_inclusive_elements="urn:unused",
    )
    root = parsed(out)
    assert find(root, ".//ds:Signature").prefix == "sig"
    listed = [each.get("PrefixList") for each in root.iter(f"{{{NS['ec']}}}InclusiveNamespaces")]
    assert listed == ["soapenv", "unused", "unused"]
    assert await trouble(out) is None
    assert "did not verify" in (await trouble(out.replace("urn:unused", "urn:other")) or "")


async def test_an_encrypted_key_needs_its_password() -> None:
    encrypted = private_pem(rsa_key("one"), "sesame")
    out = await signed(private_key=encrypted, private_key_password="sesame")
    assert await trouble(out) is None


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("{}", "certificate is required"),
        ("{certificate: '{cert}'}", "private_key is required"),
        ("{certificate: '{private.key}', private_key: '{private.key}'}", "certificate cannot be read"),
        ("{certificate: '{cert}', private_key: '{cert}'}", "private_key cannot be read"),
        ("{certificate: '{other}', private_key: '{private.key}'}", "certificate does not belong to private_key"),
        ("{digest_method: 'md5', certificate: '{cert}', private_key: '{private.key}'}", "digest_method must be one of sha1, sha256"),
        ("{expiry: 'soon', certificate: '{cert}', private_key: '{private.key}'}", "expiry must be a period such as"),
        ("{elements_to_sign: 'x:Y', certificate: '{cert}', private_key: '{private.key}'}", "the prefix of x:Y"),
        ("{elements_to_sign: 'wsa:To', certificate: '{cert}', private_key: '{private.key}'}", "No wsa:To found to sign"),
    ],
)  # fmt: skip
async def test_what_cannot_be_signed_is_thrown(options: str, complaint: str) -> None:
    script = f"crypto.wsSecRsaSign(context.getVariable('payload'), {options});"
    failure = await failure_of(script, around(other=pem(OTHER)))
    assert failure.startswith("Error: crypto.wsSecRsaSign: ")
    assert complaint in failure


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        ("no xml", "the payload is no XML"),
        ("<a/>", "No element: soap:Envelope"),
        (f'<!DOCTYPE x [<!ENTITY e "v">]><x:Envelope xmlns:x="{SOAP}"/>', "document type"),
        (f'<x:Envelope xmlns:x="{SOAP}"/>', "No element: soap:Body"),
    ],
)
async def test_what_is_no_soap_is_refused(payload: str, complaint: str) -> None:
    script = "crypto.wsSecRsaSign(context.getVariable('payload'), {certificate: '{cert}', private_key: '{private.key}'});"
    assert complaint in await failure_of(script, around(payload))
    assert await trouble(payload) is not None


async def test_namespaces_may_be_relative() -> None:
    payload = MESSAGE.replace("urn:sums", "example.com/sums/v1").replace("urn:unused", "unused")
    out = await signed(payload, transform_inclusive_elements="unused")
    assert 'xmlns:o="example.com/sums/v1"' in out
    assert await trouble(out) is None
    for before, after in (
        (">9 ", ">8 "),
        ("example.com/sums/v1", "example.com/sums/v2"),
        ('"unused"', '"used"'),
    ):
        assert "did not verify" in (await trouble(out.replace(before, after)) or "")


# ---- tampering


def altered(root: Any, what: str) -> None:
    """Do to a signed message what an attacker might."""
    security, body = find(root, "soap:Header/wsse:Security"), find(root, "soap:Body")
    header = find(root, "soap:Header")
    if what == "content":
        find(body, ".//{urn:sums}return").text = "1000"
    elif what == "attribute":
        find(body, "{urn:sums}sum").set("kind", "other")
    elif what == "timestamp":
        find(security, "wsu:Timestamp/wsu:Expires").text = "2033-01-01T00:00:00Z"
    elif what == "digest":
        find(security, ".//ds:DigestValue").text = "AAAA"
    elif what == "signature value":
        find(security, ".//ds:SignatureValue").text = "AAAA"
    elif what == "no signature":
        security.remove(find(security, "ds:Signature"))
    elif what == "no header":
        root.remove(header)
    elif what == "no key":
        find(security, "ds:Signature").remove(find(security, "ds:Signature/ds:KeyInfo"))
    elif what == "another body":
        # wrapping: the signed body moves aside, another takes its place
        wrapper = etree.SubElement(header, "{urn:attacker}Wrapper")
        wrapper.append(copy.deepcopy(body))
        del body.attrib[ID]
        find(body, ".//{urn:sums}return").text = "1000"
    elif what == "the same id twice":
        wrapper = etree.SubElement(header, "{urn:attacker}Wrapper")
        wrapper.append(copy.deepcopy(body))
        find(body, ".//{urn:sums}return").text = "1000"
    elif what == "a second body":
        second = copy.deepcopy(body)
        del second.attrib[ID]
        root.append(second)
    elif what == "a second security header":
        header.append(etree.Element(f"{{{NS['wsse']}}}Security"))
    elif what == "a misplaced security header":
        etree.SubElement(header, "{urn:attacker}Wrapper").append(security)
    elif what == "another timestamp":
        stamp = find(security, "wsu:Timestamp")
        fresh = copy.deepcopy(stamp)
        del fresh.attrib[ID]
        security.insert(0, fresh)
    elif what == "the timestamp aside":
        etree.SubElement(header, "{urn:attacker}Wrapper").append(find(security, "wsu:Timestamp"))
    elif what == "another algorithm":
        method = find(security, ".//ds:SignatureMethod")
        method.set("Algorithm", "http://www.w3.org/2000/09/xmldsig#hmac-sha1")
    elif what == "a transform more":
        transforms = find(security, ".//ds:Transforms")
        transforms.append(copy.deepcopy(transforms[0]))


@pytest.mark.parametrize("kind", ["BST_DIRECT_REFERENCE", "X509_CERT_DIRECT", "THUMBPRINT", "ISSUER_SERIAL"])
@pytest.mark.parametrize(
    "what",
    [
        "content", "attribute", "timestamp", "digest", "signature value", "no signature", "no header", "no key",
        "another body", "the same id twice", "a second body", "a second security header",
        "a misplaced security header", "another timestamp", "the timestamp aside", "another algorithm",
        "a transform more",
    ],
)  # fmt: skip
async def test_tampering_is_found(what: str, kind: str) -> None:
    out = await signed(key_identifier_type=kind)
    how = {"accept_thumbprints": SHA1} if kind in EMBEDDING else {"certificate": "{cert}"}
    assert await trouble(out, **how) is None
    root = parsed(out)
    altered(root, what)
    assert await trouble(etree.tostring(root, encoding="unicode"), **how) is not None


async def test_a_message_of_another_signer_is_not_believed() -> None:
    out = await signed(certificate=pem(OTHER), private_key=private_pem(rsa_key("two")))
    assert await trouble(out) == "certificate thumbprint not accepted"
    # nor one that shows a trusted certificate, signed with another key
    trusted = find(parsed(await signed()), ".//wsse:BinarySecurityToken").text
    root = parsed(out)
    find(root, ".//wsse:BinarySecurityToken").text = trusted
    assert await trouble(etree.tostring(root, encoding="unicode")) == "signature did not verify"


async def test_the_place_of_the_security_header_can_be_ignored() -> None:
    root = parsed(await signed())
    altered(root, "a misplaced security header")
    out = etree.tostring(root, encoding="unicode")
    assert await trouble(out) == "Misplaced WS-Sec Security element"
    assert await trouble(out, accept_thumbprints=SHA1, ignore_security_header_placement=True) is None


# ---- times, names and methods


@pytest.mark.parametrize(
    ("later", "expiry", "options", "complaint"),
    [
        (119, "120s", {}, None),
        (120, "120s", {}, "Timestamp/Expires is past"),
        (120, "120s", {"ignore_expiry": "true"}, None),
        (0, "", {}, "required element Timestamp/Expires is missing"),
        (0, "", {"require_expiry": "false"}, None),
        (0, "10m", {"max_lifetime": "10m"}, None),
        (0, "11m", {"max_lifetime": "10m"}, "Lifetime of the document exceeds configured maximum"),
        (0, "1h", {"max_lifetime": "1d"}, None),
        (0, "", {"require_expiry": False, "max_lifetime": "1d"}, "Lifetime of the document exceeds configured maximum"),
        (20 * 86400, "30d", {}, "the certificate is expired, or not yet valid"),
        (20 * 86400, "30d", {"ignore_certificate_expiry": True}, None),
        (0, "1m", {"accept_subject_cns": "nobody, signer.example.com"}, None),
        (0, "1m", {"accept_subject_cns": "nobody"}, "subject common name not accepted"),
        (0, "1m", {"signing_method": "rsa-sha1", "digest_method": "sha256"}, None),
        (0, "1m", {"signing_method": "rsa-sha256"}, "SignatureMethod/@Algorithm is not acceptable"),
        (0, "1m", {"digest_method": "sha1"}, "Reference/DigestMethod/@Algorithm is not acceptable"),
        (0, "1m", {"digest_method": "md5"}, 'digest_method must be one of sha1, sha256, not "md5"'),
        (0, "1m", {"ignore_expiry": "maybe"}, 'ignore_expiry must be true or false, not "maybe"'),
        (0, "1m", {"required_sign_elements": "x:Y"}, "required_sign_elements: the prefix of x:Y is none of soap, wsu, wsa, wssec, wsse, wsse11"),
    ],
)  # fmt: skip
async def test_what_validation_demands(
    later: float, expiry: str, options: dict[str, Any], complaint: str | None
) -> None:
    out = await signed(expiry=expiry)
    assert await trouble(out, NOW + later, accept_thumbprints=SHA1, **options) == complaint


NAME = x509.Name.from_rfc4514_string("CN=Root\\, old,O=Tests,C=US")


@pytest.mark.parametrize(
    ("written", "style", "comparison", "numeric", "same"),
    [
        ('CN="Root, old", O=Tests, C=US', None, "string", False, True),
        ("CN=Root\\, old,O=Tests,C=US", None, "string", False, True),
        ("C=US,O=Tests,CN=Root\\, old", None, "string", False, False),
        ("C=US,O=Tests,CN=Root\\, old", None, "reverse", False, True),
        ("C=US,O=Tests,CN=Root\\, old", None, "normal", False, False),
        ("O=Tests,C=US,CN=Root\\, old", None, "unordered", False, True),
        ("O=Tests,C=US,CN=Root", None, "unordered", False, False),
        ("O=Tests,O=Tests,C=US", None, "unordered", False, False),
        ("CN=Root\\, old,2.5.4.10=Tests,C=US", "DN", "normal", False, False),
        ("CN=Root\\, old,2.5.4.10=Tests,C=US", "DN", "normal", True, True),
        ("CN=Root\\, old,2.5.4.10=Tests,C=DE", "DN", "normal", True, False),
        ("CN=Root, old", "CN", "string", False, True),
        ("CN=Root", "CN", "string", False, False),
        ("CN=Root, old", "DN", "string", False, False),
    ],
)
def test_names_of_issuers(
    written: str, style: str | None, comparison: str, numeric: bool, same: bool
) -> None:
    assert same_issuer(written, NAME, style, comparison, numeric) is same
