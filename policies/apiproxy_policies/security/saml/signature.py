"""XML signatures of assertions, by signxml. Importing this module raises ModuleNotFoundError without it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature as BadSignature
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lxml import etree
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.exceptions import SignXMLException
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from apiproxy_policies.security.saml.assertion import SIGNATURE

_PLACEHOLDER = "placeholder"
#: longest chain from a signer's certificate to one that is trusted
_MOST_ISSUERS = 5
#: SHA-1 is the policy's own default, and what many identity providers still sign with
_ACCEPTED = SignatureConfiguration(
    location="./",
    signature_methods=frozenset(
        method for method in SignatureMethod if not method.name.startswith(("HMAC", "DSA"))
    ),
    digest_algorithms=frozenset(DigestAlgorithm),
)


class SignatureRefused(Exception):
    """A signature that is wrong, or whose signer nobody vouches for."""


class _Signer(XMLSigner):
    def check_deprecated_methods(self) -> None:
        """SHA-1 is allowed: it is what the policy signs with unless told otherwise."""


@lru_cache(64)
def signing_key(pem: str, password: str | None) -> RSAPrivateKey | EllipticCurvePrivateKey:
    """The private key of a keystore's alias. Raises ValueError."""
    try:
        key = load_pem_private_key(pem.encode(), password.encode() if password else None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from None
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise ValueError("neither an RSA nor an EC key")
    return key


@lru_cache(64)
def certificates_of(pem: str) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM text. Raises ValueError."""
    return tuple(x509.load_pem_x509_certificates(pem.encode())) if pem.strip() else ()


def sign(
    assertion: etree._Element,
    key: RSAPrivateKey | EllipticCurvePrivateKey,
    certificates: tuple[x509.Certificate, ...],
    algorithm: str,
    digest: str,
) -> etree._Element:
    """The assertion with an enveloped signature behind its issuer (SAML Core, section 5.4), exclusively canonical.

    algorithm, digest  SHA1, SHA256, SHA384 or SHA512

    Raises ValueError when it cannot be signed.
    """
    family = "RSA" if isinstance(key, RSAPrivateKey) else "ECDSA"
    signer = _Signer(
        SignatureConstructionMethod.enveloped,
        SignatureMethod[f"{family}_{algorithm}"],
        DigestAlgorithm[digest],
        CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    assertion.insert(
        1, etree.Element(etree.QName(SIGNATURE, "Signature"), Id=_PLACEHOLDER, nsmap={"ds": SIGNATURE})
    )
    try:
        signed: etree._Element = signer.sign(
            assertion,
            key=key,
            cert=list(certificates) or None,
            reference_uri=f"#{assertion.get('ID')}",
            id_attribute="ID",
        )
    except SignXMLException as error:
        raise ValueError(str(error)) from None
    return signed


def verify(element: etree._Element, trusted: tuple[x509.Certificate, ...], now: float) -> etree._Element:
    """What the signature inside an element covers: the element, without the signature, as it was signed.

    The signature is a child of the element and refers to it alone. Its certificate is among the trusted ones, or issued
    by one of them. Raises SignatureRefused.
    """
    moment = datetime.fromtimestamp(now, UTC)
    config = SignatureConfiguration(
        location=_ACCEPTED.location,
        signature_methods=_ACCEPTED.signature_methods,
        digest_algorithms=_ACCEPTED.digest_algorithms,
        verification_time=moment,
    )
    data = etree.tostring(element, with_tail=False)
    for certificate in _signers(element, trusted, moment):
        try:
            result = XMLVerifier().verify(data, x509_cert=certificate, expect_config=config)
        except (SignXMLException, BadSignature, ValueError, TypeError, KeyError, etree.LxmlError):
            continue
        signed = result.signed_xml if isinstance(result, VerifyResult) else None
        if signed is not None and signed.tag == element.tag and signed.get("ID") == element.get("ID"):
            return signed
    raise SignatureRefused("no trusted certificate fits the signature")


def _signers(
    element: etree._Element, trusted: tuple[x509.Certificate, ...], moment: datetime
) -> Iterator[x509.Certificate]:
    """The certificates that may have signed: the one the signature carries, if it can be trusted, else all that are."""
    path = f"{{{SIGNATURE}}}Signature/{{{SIGNATURE}}}KeyInfo/{{{SIGNATURE}}}X509Data/{{{SIGNATURE}}}X509Certificate"
    carried: list[x509.Certificate] = []
    try:
        for node in element.iterfind(path):
            carried.append(x509.load_der_x509_certificate(base64.b64decode(node.text or "")))
    except ValueError:
        return
    if not carried:
        yield from trusted
    elif _vouched(carried[0], carried[1:], trusted, moment):
        yield carried[0]


def _vouched(
    certificate: x509.Certificate,
    between: list[x509.Certificate],
    trusted: tuple[x509.Certificate, ...],
    moment: datetime,
) -> bool:
    """Whether a certificate is trusted itself, or leads over authorities in their time to one that is."""
    for _ in range(_MOST_ISSUERS):
        if certificate in trusted:
            return True
        if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
            return False
        issuer = next((each for each in (*trusted, *between) if _issued(certificate, each)), None)
        if issuer is None:
            return False
        certificate = issuer
    return False


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether an authority, by its own certificate allowed to, has issued a certificate."""
    if certificate == authority:
        return False
    try:
        basic = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(authority)
    except (x509.ExtensionNotFound, BadSignature, ValueError, TypeError):
        return False
    return basic.ca
