"""Validates signed SOAP messages: `crypto.wsSecRsaValidate`.

Against signature wrapping, signatures count only inside the one security header, that header only in its place, and a
required element only where its kind belongs; an id that two elements have
means neither.
Source: JavaScript object model page; SOAP Message Security 1.1.
"""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree

from apiproxy_runtime.scripting.javascript.wssecurity.algorithms import (
    DIGEST,
    EXCLUSIVE,
    HASHES,
    SIGNING,
    canonical,
    digest,
)
from apiproxy_runtime.scripting.javascript.wssecurity.certificate import (
    certificate,
    common_name,
    in_time,
    public_key,
    same_issuer,
    thumbprint,
)
from apiproxy_runtime.scripting.javascript.wssecurity.envelope import (
    BASE64,
    SOAP,
    THUMBPRINT,
    WSA,
    WSSE,
    WSSE11,
    WSU,
    X509V3,
    XMLDSIG,
    Envelope,
    Ids,
    SecurityError,
    child,
    parse,
    referred,
)
from apiproxy_runtime.scripting.javascript.wssecurity.options import Options

_COMPARISONS = {each: each for each in ("string", "normal", "reverse", "unordered")}
_STYLES = {"CN": "CN", "DN": "DN"}
#: as the reference spells the option, and as it means it
_EXCLUDE = ("issuer_name_dn_comparison_exclue_numeric_oids", "issuer_name_dn_comparison_exclude_numeric_oids")


def validate(payload: str, options: Options, now: float) -> None:
    """Return when the signatures of a message hold and cover what they must; `now` in seconds since the epoch.

    Raises SecurityError with what is wrong.
    """
    envelope = Envelope.of(parse(payload), tuple(SOAP.values()))
    security = envelope.security(options.flag("ignore_security_header_placement", False))
    if security is None:
        raise SecurityError("No element: wssec:Security")
    ids = envelope.ids()
    signatures = security.findall(f"{{{XMLDSIG}}}Signature")
    if not signatures:
        raise SecurityError("No element: Signature")
    signed: set[etree._Element] = set()
    for signature in signatures:
        signer, embedded = _signer(signature, ids, options)
        _check_signer(signer, embedded, options, now)
        signed |= _signed_by(signature, signer, ids, options)
    for name in options.list("required_sign_elements") or ("soap:Body", "wsu:Timestamp"):
        if _element(name, envelope, security) not in signed:
            raise SecurityError(f"did not find signature for {name}")
    _check_times(security, options, now)


# ---- who has signed


def _signer(signature: etree._Element, ids: Ids, options: Options) -> tuple[x509.Certificate, bool]:
    """The certificate of a signature, and whether it came with the message."""
    info = child(signature, (XMLDSIG, "KeyInfo"))
    if info is None:
        raise SecurityError("No element: Signature/KeyInfo")
    direct = child(info, (XMLDSIG, "X509Data"), (XMLDSIG, "X509Certificate"))
    if direct is not None:
        return _decoded(direct), True
    reference = child(info, (WSSE, "SecurityTokenReference"))
    if reference is None:
        raise SecurityError("No suitable child element of KeyInfo")
    link = child(reference, (WSSE, "Reference"))
    if link is not None:
        return _decoded(_token(link, ids)), True
    provided = options.text("certificate")
    if provided is None:
        raise SecurityError("certificate is missing")
    holder = certificate(provided)
    identifier = child(reference, (WSSE, "KeyIdentifier"))
    serial = child(reference, (XMLDSIG, "X509Data"), (XMLDSIG, "X509IssuerSerial"))
    if identifier is not None:
        if identifier.get("ValueType") != THUMBPRINT:
            raise SecurityError("Unsupported KeyIdentifier ValueType")
        if not hmac.compare_digest(_bytes(identifier), thumbprint(holder, "sha1")):
            raise SecurityError("KeyInfo/SecurityTokenReference/KeyIdentifier thumbprint mismatch")
    elif serial is not None:
        _check_serial(serial, holder, options)
    else:
        raise SecurityError("No suitable child element of KeyInfo/SecurityTokenReference")
    return holder, False


def _token(link: etree._Element, ids: Ids) -> etree._Element:
    """The security token that a reference means."""
    uri = link.get("URI") or ""
    token = referred(ids, uri)
    if token.tag != f"{{{WSSE}}}BinarySecurityToken":
        raise SecurityError(f"Unresolvable reference: {uri}")
    if link.get("ValueType", X509V3) != X509V3 or token.get("ValueType") != X509V3:
        raise SecurityError("Unsupported SecurityTokenReference ValueType")
    if token.get("EncodingType", BASE64) != BASE64:
        raise SecurityError("Unsupported SecurityTokenReference EncodingType")
    return token


def _check_serial(serial: etree._Element, holder: x509.Certificate, options: Options) -> None:
    number = serial.findtext(f"{{{XMLDSIG}}}X509SerialNumber", "").strip()
    if number != str(holder.serial_number):
        raise SecurityError("KeyInfo/SecurityTokenReference/../X509SerialNumber mismatch")
    issuer = serial.findtext(f"{{{XMLDSIG}}}X509IssuerName", "")
    comparison = options.choice("issuer_name_dn_comparison", _COMPARISONS, "string") or ""
    style = options.choice("issuer_name_style", _STYLES, None)
    excluded = any(options.flag(name, False) for name in _EXCLUDE)
    if not same_issuer(issuer, holder.issuer, style, comparison, excluded):
        raise SecurityError("KeyInfo/SecurityTokenReference/../X509IssuerName mismatch")


def _decoded(element: etree._Element) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(_bytes(element))
    except ValueError as error:
        raise SecurityError(f"the message holds a certificate that cannot be read: {error}") from None


def _check_signer(holder: x509.Certificate, embedded: bool, options: Options, now: float) -> None:
    """A certificate is trusted because the options hold it, or its thumbprint when it came with the message."""
    if not options.flag("ignore_certificate_expiry", False) and not in_time(holder, now):
        raise SecurityError("the certificate is expired, or not yet valid")
    if embedded:
        accepted = {
            "sha1": options.list("accept_thumbprints"),
            "sha256": options.list("accept_thumbprints_sha256"),
        }
        given = {name: prints for name, prints in accepted.items() if prints is not None}
        if not given:
            raise SecurityError("the configuration specified no acceptable thumbprints")
        if len(given) > 1:
            raise SecurityError("specify only one of accept_thumbprints and accept_thumbprints_sha256")
        ((name, prints),) = given.items()
        own = thumbprint(holder, name).hex()
        if own not in (each.replace(":", "").lower() for each in prints):
            raise SecurityError("certificate thumbprint not accepted")
    names = options.names("accept_subject_cns")
    if names is not None and common_name(holder.subject) not in names:
        raise SecurityError("subject common name not accepted")


# ---- what is signed


def _signed_by(
    signature: etree._Element, signer: x509.Certificate, ids: Ids, options: Options
) -> set[etree._Element]:
    """The elements that a signature covers, once it is proved."""
    info = child(signature, (XMLDSIG, "SignedInfo"))
    if info is None:
        raise SecurityError("No element: SignedInfo")
    method = _algorithm(info, "SignatureMethod")
    wanted = options.choice("signing_method", SIGNING, None)
    if method not in HASHES or (wanted is not None and method != wanted):
        raise SecurityError("SignatureMethod/@Algorithm is not acceptable")
    value = child(signature, (XMLDSIG, "SignatureValue"))
    if value is None:
        raise SecurityError("No element: SignatureValue")
    form = child(info, (XMLDSIG, "CanonicalizationMethod"))
    data = canonical(info, _algorithm(info, "CanonicalizationMethod"), _inclusive(form))
    try:
        public_key(signer).verify(_bytes(value), data, padding.PKCS1v15(), HASHES[method])
    except InvalidSignature:
        raise SecurityError("signature did not verify") from None
    references = info.findall(f"{{{XMLDSIG}}}Reference")
    if not references:
        raise SecurityError("No element: Signature/Reference")
    return {_referred(reference, ids, options) for reference in references}


def _referred(reference: etree._Element, ids: Ids, options: Options) -> etree._Element:
    """The element that a reference means, which is still what was signed."""
    uri = reference.get("URI") or ""
    element = referred(ids, uri)
    method = _algorithm(reference, "DigestMethod")
    wanted = options.choice("digest_method", DIGEST, None)
    if wanted is not None and method != wanted:
        raise SecurityError("Reference/DigestMethod/@Algorithm is not acceptable")
    transforms = reference.findall(f"{{{XMLDSIG}}}Transforms/{{{XMLDSIG}}}Transform")
    if len(transforms) > 1:
        raise SecurityError("Reference/Transforms holds more than one transform")
    # without a transform, XML signatures mean canonical XML 1.0
    form = (
        transforms[0].get("Algorithm", "")
        if transforms
        else "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
    )
    data = canonical(element, form, _inclusive(transforms[0]) if transforms else ())
    value = child(reference, (XMLDSIG, "DigestValue"))
    if value is None or not hmac.compare_digest(_bytes(value), digest(data, method)):
        raise SecurityError(f"signature did not verify: {uri} is not what was signed")
    return element


def _algorithm(parent: etree._Element, name: str) -> str:
    element = child(parent, (XMLDSIG, name))
    if element is None:
        raise SecurityError(f"No element: {name}")
    return element.get("Algorithm", "")


def _inclusive(element: etree._Element | None) -> list[str]:
    """The prefixes that an exclusive canonicalization is told to treat as inclusive."""
    listed = child(element, (EXCLUSIVE, "InclusiveNamespaces")) if element is not None else None
    return (listed.get("PrefixList") or "").split() if listed is not None else []


def _bytes(element: etree._Element) -> bytes:
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except ValueError:
        raise SecurityError(f"{etree.QName(element).localname} is no base64") from None


# ---- what must be signed


def _element(name: str, envelope: Envelope, security: etree._Element) -> etree._Element | None:
    """The element that `prefix:Tag` means, in its place: the envelope, the SOAP header or the security header."""
    known = {
        "soap": envelope.namespace,
        "wsu": WSU,
        "wsa": WSA,
        "wssec": WSSE,
        "wsse": WSSE,
        "wsse11": WSSE11,
    }
    prefix, _, local = name.rpartition(":")
    if prefix not in known:
        raise SecurityError(f"required_sign_elements: the prefix of {name} is none of {', '.join(known)}")
    tag = f"{{{known[prefix]}}}{local}"
    if tag == envelope.body.tag:
        return envelope.body
    places = [security] if envelope.header is None else [security, envelope.header]
    found = [element for place in places for element in place.findall(tag)]
    if len(found) > 1:
        raise SecurityError(f"More than one element: {name}")
    return found[0] if found else None


def _check_times(security: etree._Element, options: Options, now: float) -> None:
    stamps = security.findall(f"{{{WSU}}}Timestamp")
    if len(stamps) > 1:
        raise SecurityError("More than one element: wsu:Timestamp")
    created = _moment(stamps, "Created")
    expires = _moment(stamps, "Expires")
    if expires is None and options.flag("require_expiry", True):
        raise SecurityError("required element Timestamp/Expires is missing")
    longest = options.seconds("max_lifetime")
    if longest is not None and (created is None or expires is None or expires - created > longest):
        raise SecurityError("Lifetime of the document exceeds configured maximum")
    ignored = options.flag("ignore_expiry", False)
    if expires is not None and now >= expires and not ignored:
        raise SecurityError("Timestamp/Expires is past")


def _moment(stamps: list[etree._Element], name: str) -> float | None:
    text = stamps[0].findtext(f"{{{WSU}}}{name}") if stamps else None
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise SecurityError(f"Timestamp/{name} is no moment: {text.strip()}") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
