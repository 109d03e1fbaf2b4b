"""Signs SOAP messages: `crypto.wsSecRsaSign`. Source: JavaScript object model page; SOAP Message Security 1.1."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
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
    distinguished_name,
    private_key,
    public_key,
    thumbprint,
)
from apiproxy_runtime.scripting.javascript.wssecurity.envelope import (
    BASE64,
    ID,
    SOAP,
    THUMBPRINT,
    WSA,
    WSSE,
    WSSE11,
    WSU,
    X509V3,
    XMLDSIG,
    Envelope,
    SecurityError,
    child,
    parse,
)
from apiproxy_runtime.scripting.javascript.wssecurity.options import Options

KEY_IDENTIFIERS = ("BST_DIRECT_REFERENCE", "ISSUER_SERIAL", "RSA_KEY_VALUE", "THUMBPRINT", "X509_CERT_DIRECT")
_VERSIONS = {
    **SOAP,
    **{f"soap{v}": uri for v, uri in SOAP.items()},
}
_STYLES = {"CN": "CN", "DN": "DN"}


def sign(payload: str, options: Options, now: float) -> str:
    """The message with a security header: timestamp, confirmations, token, signature, in this order.

    now  seconds since the epoch

    Raises SecurityError.
    """
    namespace = options.choice("soap_version", _VERSIONS, "1.1") or ""
    confirmations = options.confirmations()
    holder = certificate(options.required("certificate"))
    key = private_key(options.required("private_key"), options.text("private_key_password"))
    if key.public_key() != public_key(holder):
        raise SecurityError("certificate does not belong to private_key")
    hash_method = options.choice("digest_method", DIGEST, "sha256") or ""
    method = options.choice("signing_method", SIGNING, "rsa-sha1") or ""
    kinds = {kind: kind for kind in KEY_IDENTIFIERS}
    kind = options.choice("key_identifier_type", kinds, "BST_DIRECT_REFERENCE") or ""

    root = _with_namespaces(parse(payload), options.text("ds_prefix"), confirmations is not None)
    envelope = Envelope.of(root, (namespace,))
    ids = _Ids(envelope.ids())
    security = _security(envelope, options.flag("ignore_security_header_placement", False))
    _timestamp(security, options.seconds("expiry"), now, ids)
    confirmed = _confirmations(security, confirmations) if confirmations is not None else []
    token = _token(security, holder, ids) if kind == "BST_DIRECT_REFERENCE" else ""
    signed = [*_chosen(envelope, options.list("elements_to_sign")), *confirmed]

    signature = _sub(security, XMLDSIG, "Signature")
    info = _sub(signature, XMLDSIG, "SignedInfo")
    prefixes = _prefixes(root, options.list("c14_inclusive_elements"))
    _algorithm(info, "CanonicalizationMethod", EXCLUSIVE, prefixes)
    _algorithm(info, "SignatureMethod", method)
    inclusive = _prefixes(root, options.list("transform_inclusive_elements"))
    # first the ids, for one element may stand in another
    references = [(element, ids.of(element)) for element in signed]
    for element, name in references:
        _reference(info, name, element, hash_method, inclusive)
    value = key.sign(canonical(info, EXCLUSIVE, prefixes), padding.PKCS1v15(), HASHES[method])
    _sub(signature, XMLDSIG, "SignatureValue").text = _base64(value)
    style = options.choice("issuer_name_style", _STYLES, "DN") or ""
    _key_info(_sub(signature, XMLDSIG, "KeyInfo"), kind, holder, token, style, ids)
    return etree.tostring(root, encoding="unicode")


class _Ids:
    """Names elements that have no id, as `Body-101`, `TS-100`."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._next = 100

    def of(self, element: etree._Element, prefix: str = "") -> str:
        """The id of an element, given to it if it has none."""
        found = element.get(ID)
        if found is not None:
            return found
        while True:
            name = f"{prefix or etree.QName(element).localname}-{self._next}"
            self._next += 1
            if name not in self._taken:
                self._taken.add(name)
                element.set(ID, name)
                return name


def _with_namespaces(root: etree._Element, ds_prefix: str | None, confirms: bool) -> etree._Element:
    """The message with the namespaces that are needed declared at its root.

    They are written into the start tag, since elements that lxml moves into another root may change their prefixes,
    which texts such as xsi:type may refer to.
    """
    wanted = [("wssec", WSSE), ("wsu", WSU)]
    if confirms:
        wanted.append(("wsse11", WSSE11))
    if ds_prefix is not None:
        wanted.append((ds_prefix, XMLDSIG))
    declared, new = dict(root.nsmap), []
    for prefix, uri in wanted:
        if any(bound == uri and known is not None for known, bound in declared.items()) and uri != XMLDSIG:
            continue
        free, number = prefix, 1
        while declared.get(free, uri) != uri:
            free, number = f"{prefix}{number}", number + 1
        if free not in declared:
            declared[free] = uri
            new.append(f' xmlns:{free}="{uri}"')
    if not new:
        return root
    text = etree.tostring(root, encoding="unicode", with_tail=False)
    name = f"{root.prefix}:{etree.QName(root).localname}" if root.prefix else etree.QName(root).localname
    start = len(name) + 1
    return parse(f"{text[:start]}{''.join(new)}{text[start:]}")


def _sub(parent: etree._Element, namespace: str, name: str) -> etree._Element:
    """A new last child. Signatures without a prefix of their own are in the default namespace."""
    if namespace in parent.nsmap.values():
        return etree.SubElement(parent, f"{{{namespace}}}{name}")
    element = parse(f'<{name} xmlns="{namespace}"/>')
    parent.append(element)
    return element


def _security(envelope: Envelope, anywhere: bool) -> etree._Element:
    soap = envelope.namespace
    found = envelope.security(anywhere)
    if found is None:
        header = envelope.header
        if header is None:
            header = etree.Element(f"{{{soap}}}Header")
            envelope.root.insert(0, header)
        found = _sub(header, WSSE, "Security")
    if found.get(f"{{{soap}}}mustUnderstand") is None:
        found.set(f"{{{soap}}}mustUnderstand", "1")
    return found


def _timestamp(security: etree._Element, seconds: int | None, now: float, ids: _Ids) -> None:
    """Add a timestamp, unless there is one."""
    stamp = child(security, (WSU, "Timestamp"))
    if stamp is None:
        stamp = _sub(security, WSU, "Timestamp")
        _sub(stamp, WSU, "Created").text = _moment(now)
        if seconds is not None:
            _sub(stamp, WSU, "Expires").text = _moment(now + seconds)
    ids.of(stamp, "TS")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _confirmations(security: etree._Element, values: tuple[str, ...]) -> list[etree._Element]:
    existing = security.findall(f"{{{WSSE11}}}SignatureConfirmation")
    if values == ("*all*",):
        return existing
    found = []
    for value in values:
        same = next((each for each in existing if (each.get("Value") or "") == value), None)
        if same is None:
            same = _sub(security, WSSE11, "SignatureConfirmation")
            if value:
                same.set("Value", value)
        found.append(same)
    return found


def _token(security: etree._Element, holder: x509.Certificate, ids: _Ids) -> str:
    token = _sub(security, WSSE, "BinarySecurityToken")
    token.set("EncodingType", BASE64)
    token.set("ValueType", X509V3)
    token.text = _base64(holder.public_bytes(Encoding.DER))
    return ids.of(token, "ST")


def _chosen(envelope: Envelope, names: tuple[str, ...] | None) -> Iterable[etree._Element]:
    """The elements to sign; each must be there once."""
    known = {
        "soap": envelope.namespace,
        "wsu": WSU,
        "wssec": WSSE,
        "wsse": WSSE,
        "wsse11": WSSE11,
        "wsa": WSA,
    }
    known |= {prefix: uri for prefix, uri in envelope.root.nsmap.items() if prefix}
    for name in names or ("soap:Body", "wsu:Timestamp"):
        prefix, colon, local = name.strip("/").rpartition(":")
        if colon and prefix not in known:
            raise SecurityError(
                f"elements_to_sign: the prefix of {name} is none of {', '.join(sorted(known))}"
            )
        try:
            found = list(envelope.root.iter(f"{{{known[prefix]}}}{local}" if colon else local))
        except ValueError:
            raise SecurityError(f"elements_to_sign: {name} is no name of an element") from None
        if local == "Body" and colon and known[prefix] == envelope.namespace:
            found = [envelope.body]
        if len(found) != 1:
            raise SecurityError(f"{'More than one' if found else 'No'} {name} found to sign")
        yield found[0]


def _prefixes(root: etree._Element, namespaces: tuple[str, ...] | None) -> list[str]:
    """The prefixes that the root gives to namespaces."""
    bound = {uri: prefix for prefix, uri in root.nsmap.items() if prefix}
    return [bound[uri] for uri in namespaces or () if uri in bound]


def _algorithm(parent: etree._Element, name: str, uri: str, prefixes: Iterable[str] = ()) -> None:
    element = _sub(parent, XMLDSIG, name)
    element.set("Algorithm", uri)
    listed = " ".join(prefixes)
    if listed:
        inclusive = etree.SubElement(element, f"{{{EXCLUSIVE}}}InclusiveNamespaces", nsmap={"ec": EXCLUSIVE})
        inclusive.set("PrefixList", listed)


def _reference(
    info: etree._Element, name: str, element: etree._Element, hash_method: str, prefixes: list[str]
) -> None:
    reference = _sub(info, XMLDSIG, "Reference")
    reference.set("URI", f"#{name}")
    _algorithm(_sub(reference, XMLDSIG, "Transforms"), "Transform", EXCLUSIVE, prefixes)
    _algorithm(reference, "DigestMethod", hash_method)
    value = digest(canonical(element, EXCLUSIVE, prefixes), hash_method)
    _sub(reference, XMLDSIG, "DigestValue").text = _base64(value)


def _key_info(
    info: etree._Element, kind: str, holder: x509.Certificate, token: str, style: str, ids: _Ids
) -> None:
    """Tell which key has signed."""
    if kind == "X509_CERT_DIRECT":
        data = _sub(info, XMLDSIG, "X509Data")
        _sub(data, XMLDSIG, "X509Certificate").text = _base64(holder.public_bytes(Encoding.DER))
        return
    if kind == "RSA_KEY_VALUE":
        numbers = public_key(holder).public_numbers()
        value = _sub(_sub(info, XMLDSIG, "KeyValue"), XMLDSIG, "RSAKeyValue")
        for name, number in (("Modulus", numbers.n), ("Exponent", numbers.e)):
            _sub(value, XMLDSIG, name).text = _base64(number.to_bytes((number.bit_length() + 7) // 8, "big"))
        return
    reference = _sub(info, WSSE, "SecurityTokenReference")
    if kind == "BST_DIRECT_REFERENCE":
        _sub(reference, WSSE, "Reference").attrib.update({"URI": f"#{token}", "ValueType": X509V3})
    elif kind == "THUMBPRINT":
        identifier = _sub(reference, WSSE, "KeyIdentifier")
        identifier.set("ValueType", THUMBPRINT)
        identifier.text = _base64(thumbprint(holder, "sha1"))
    else:
        ids.of(reference, "STR")
        serial = _sub(_sub(reference, XMLDSIG, "X509Data"), XMLDSIG, "X509IssuerSerial")
        issuer = holder.issuer
        name = f"CN={common_name(issuer)}" if style == "CN" else distinguished_name(issuer)
        _sub(serial, XMLDSIG, "X509IssuerName").text = name
        _sub(serial, XMLDSIG, "X509SerialNumber").text = str(holder.serial_number)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
