"""Aliases of a keystore: a certificate, perhaps with its key. They come as PEM, PKCS#12, jar, or are made here.

Source: docs.cloud.google.com/apigee, REST resource organizations.environments.keystores.aliases.
"""

from __future__ import annotations

from aiohttp import web
from cryptography import x509

from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document, Documents
from apiproxy_runtime.control.form import parts_of
from apiproxy_runtime.control.management.call import ENVIRONMENT, Call, Route
from apiproxy_runtime.control.management.certificates import from_jar, from_pkcs12, self_signed
from apiproxy_runtime.control.management.collection import documents_of, found
from apiproxy_runtime.control.management.keystores import aliases_of


def _keystore(call: Call, documents: Documents) -> Document:
    return found(documents, "keystores", "keystore", call.part("keystore"))


def _alias(call: Call, documents: Documents) -> Document:
    for alias in aliases_of(_keystore(call, documents)):
        if alias.get("alias") == call.part("alias"):
            return alias
    raise Refused(
        404,
        "keystores.AliasDoesNotExist",
        f"the keystore {call.part('keystore')!r} has no alias {call.part('alias')!r}",
    )


def shown(call: Call, alias: Document) -> Document:
    """What the certificates say; times are milliseconds, as texts."""
    certificates = x509.load_pem_x509_certificates(str(alias.get("cert", "")).encode())
    now = call.host.now()
    infos = []
    for certificate in certificates:
        begin = int(certificate.not_valid_before_utc.timestamp() * 1000)
        end = int(certificate.not_valid_after_utc.timestamp() * 1000)
        infos.append(
            {
                "version": certificate.version.value + 1,
                "subject": certificate.subject.rfc4514_string(),
                "issuer": certificate.issuer.rfc4514_string(),
                "validFrom": str(begin),
                "expiryDate": str(end),
                "isValid": "Yes" if begin <= now <= end else "No",
                "subjectAlternativeNames": _alternative_names(certificate),
                "sigAlgName": certificate.signature_algorithm_oid._name,
                "publicKey": type(certificate.public_key()).__name__.strip("_"),
                "serialNumber": f"{certificate.serial_number:x}",
            }
        )
    name = alias.get("alias")
    described: Document = {
        "alias": name,
        "aliasName": name,
        "type": "KEY_CERT" if alias.get("key") else "CERT",
        "certsInfo": {"certName": f"{name}-cert", "certInfo": infos},
    }
    return {**described, "keyName": f"{name}-key"} if alias.get("key") else described


def _alternative_names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in names.value]


async def list_all(call: Call) -> web.Response:
    aliases = aliases_of(_keystore(call, documents_of(call.host, call.environment)))
    return call.answer([str(alias.get("alias")) for alias in aliases])


async def get(call: Call) -> web.Response:
    return call.answer(shown(call, _alias(call, documents_of(call.host, call.environment))))


async def certificate(call: Call) -> web.Response:
    """The certificates in PEM."""
    alias = _alias(call, documents_of(call.host, call.environment))
    return web.Response(text=str(alias.get("cert", "")), content_type="application/x-pem-file")


async def create(call: Call) -> web.Response:
    return await _put(call, await _given(call), new=True)


async def update(call: Call) -> web.Response:
    """New certificates; a key that is not sent again stays."""
    return await _put(call, await _given(call), new=False)


async def _given(call: Call) -> Document:
    """An alias as it is kept. `?format=` is keycertfile (PEM, the default), pkcs12, keycertjar or selfsignedcert."""
    query = call.request.query
    format_ = query.get("format", "keycertfile")
    name = call.part("alias") or query.get("alias", "")
    if format_ == "selfsignedcert":
        document = await call.document()
        name = name or str(document.get("alias", ""))
        made: Document = dict(
            zip(("cert", "key"), self_signed(document, call.host.store.world.now()), strict=True)
        )
    else:
        fields = await _fields(call)
        name = name or fields.get("alias", b"").decode("utf-8", "replace")
        password = fields.get("password") or query.get("password", "").encode()
        if format_ == "pkcs12":
            made = dict(zip(("cert", "key"), from_pkcs12(fields.get("file", b""), password), strict=True))
        elif format_ == "keycertjar":
            made = dict(zip(("cert", "key"), from_jar(fields.get("file", b"")), strict=True))
        elif format_ == "keycertfile":
            certificates = fields.get("certFile") or fields.get("file", b"")
            made = {"cert": certificates.decode("utf-8", "replace")}
            if fields.get("keyFile"):
                made["key"] = fields["keyFile"].decode("utf-8", "replace")
        else:
            raise Refused(
                400,
                "InvalidFormat",
                f"format={format_} is none of keycertfile, pkcs12, keycertjar, selfsignedcert",
            )
        if password and format_ != "pkcs12":
            made["password"] = password.decode("utf-8", "replace")
    if not name:
        raise Refused(400, "MissingField", "name the alias: ?alias=NAME")
    try:
        x509.load_pem_x509_certificates(str(made["cert"]).encode())
    except ValueError as error:
        raise Refused(400, "InvalidCertificate", f"the certificate cannot be read as PEM: {error}") from None
    return {"alias": name, **{field: value for field, value in made.items() if value}}


async def _fields(call: Call) -> dict[str, bytes]:
    """The parts of a form by their names; a body that is no form is the `file`."""
    if not call.request.content_type.startswith("multipart/"):
        return {"file": await call.request.read()}
    return dict(await parts_of(call.request))


async def _put(call: Call, alias: Document, *, new: bool) -> web.Response:
    async with call.host.change() as draft:
        documents = draft.environment(call.environment).documents
        keystore = _keystore(call, documents)
        others = [item for item in aliases_of(keystore) if item.get("alias") != alias["alias"]]
        before = [item for item in aliases_of(keystore) if item.get("alias") == alias["alias"]]
        if new and before:
            raise Refused(
                409,
                "keystores.AliasAlreadyExists",
                f"the keystore {keystore['name']!r} has an alias {alias['alias']!r} already",
            )
        if not new:
            alias = {**_alias(call, documents), **alias}
        documents.put("keystores", call.part("keystore"), {**keystore, "aliases": [*others, alias]})
    return call.answer(shown(call, alias), 201 if new else 200)


async def delete(call: Call) -> web.Response:
    async with call.host.change() as draft:
        documents = draft.environment(call.environment).documents
        keystore, alias = _keystore(call, documents), _alias(call, documents)
        others = [item for item in aliases_of(keystore) if item.get("alias") != alias["alias"]]
        documents.put("keystores", call.part("keystore"), {**keystore, "aliases": others})
    return call.answer(shown(call, alias))


_PLACE = f"{ENVIRONMENT}/keystores/{{keystore}}/aliases"
_ONE = f"{_PLACE}/{{alias}}"
ROUTES: list[Route] = [
    ("GET", _PLACE, list_all),
    ("POST", _PLACE, create),
    ("GET", _ONE, get),
    ("GET", f"{_ONE}/certificate", certificate),
    ("PUT", _ONE, update),
    ("DELETE", _ONE, delete),
]
