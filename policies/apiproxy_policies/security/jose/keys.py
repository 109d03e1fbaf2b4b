"""The key elements of the token policies, and the functions that find the key for a token."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from apiproxy_policies.security.jose.refused import Refused
from apiproxy_policies.security.jose.settings import Resolve, resolver
from apiproxy_runtime.policy.api import (
    POSITIVE,
    Answer,
    Element,
    MessageContext,
    Node,
    Site,
    Value,
    attribute,
    child,
    nested,
    one_of,
    text,
    text_of,
)

if TYPE_CHECKING:
    from apiproxy_policies.security.jose.crypto import Key

#: Finds the key for a token, whose header may name it.
FindKey = Callable[[MessageContext, Mapping[str, Any]], "Answer[Key]"]

ENCODING = one_of("hex", "base16", "base64", "base64url", "utf8", "utf-8", ignore_case=True)


def decode_secret(secret: str, encoding: str | None) -> bytes:
    """The bytes of a secret; without encoding its UTF-8 bytes. Raises ValueError."""
    if encoding in ("hex", "base16"):
        return bytes.fromhex(secret)
    if encoding in ("base64", "base64url"):
        data = "".join(secret.split()).rstrip("=").encode("ascii").translate(bytes.maketrans(b"-_", b"+/"))
        try:
            return binascii.a2b_base64(data + b"=" * (-len(data) % 4), strict_mode=True)
        except binascii.Error as error:
            raise ValueError(str(error)) from None
    return secret.encode()


class Secret(Element):
    """The variable that holds a secret; its name begins with `private.`."""

    value: Value[str] = text(ref=True)
    encoding: str | None = attribute("encoding", ENCODING, doc="how the secret is written as text")


class SecretKey(Element):
    """A secret for HS algorithms and AES key wrapping."""

    encoding: str | None = attribute(
        "encoding", ENCODING, doc="how the secret is written; UTF-8 text by default"
    )
    value: Secret | None = nested("Value", Secret)
    id: Value[str] | None = child("Id", ref=True, doc="`kid` of the token")


class PrivateKey(Element):
    """A private key in PEM."""

    value: Secret | None = nested("Value", Secret)
    password: Secret | None = nested("Password", Secret, doc="of an encrypted key")
    id: Value[str] | None = child("Id", ref=True, doc="`kid` of the token")


class Jwks(Element):
    """A set of public keys: text, variable, or address."""

    value: Value[str] = text(ref=True)
    uri: str | None = attribute("uri", doc="where the keys are; fetched at most every 5 minutes")
    uri_ref: str | None = attribute("uriRef", doc="variable that holds the address")


class PublicKey(Element):
    """A public key: PEM, the certificate around it, or a set of keys of which the token names one."""

    value: Value[str] | None = child("Value", ref=True, doc="public key in PEM")
    certificate: Value[str] | None = child("Certificate", ref=True, doc="certificate in PEM")
    jwks: Jwks | None = nested("JWKS", Jwks)
    id: Value[str] | None = child("Id", ref=True, doc="which key of the JWKS an encrypted token is made for")


class PasswordKey(Element):
    """A password for PBES2."""

    value: Secret | None = nested("Value", Secret)
    id: Value[str] | None = child("Id", ref=True, doc="`kid` of the token")
    salt_length: int = child("SaltLength", POSITIVE, default=8, doc="bytes of random salt")
    iterations: int = child("PBKDF2Iterations", POSITIVE, default=10000)


class DirectKey(Element):
    """The content key itself."""

    value: Secret | None = nested("Value", Secret)
    id: Value[str] | None = child("Id", ref=True, doc="`kid` of the token")


KeyElement = SecretKey | PrivateKey | PublicKey | PasswordKey | DirectKey


def check_key(element: KeyElement, site: Site) -> None:
    """Report what is wrong with a key element, by the names of the JWT error reference."""
    if isinstance(element, PublicKey):
        _check_public(element, site)
        return
    if element.value is None:
        site.error(
            element.node,
            "InvalidKeyConfiguration",
            f'Write <Value ref="private.secret"/> in <{element.node.tag}>.',
            element=element.node.tag,
        )
        return
    _check_secret(element.value, site, element.node)
    if isinstance(element, PrivateKey) and element.password is not None:
        _check_secret(element.password, site, element.node)


def _check_secret(secret: Secret, site: Site, around: Node) -> None:
    ref = secret.value.ref
    place = f"{around.tag}/{secret.node.tag}"
    if ref is None and secret.value.text:
        site.error(
            secret.node,
            "InvalidSecretInConfig",
            'Put the secret into an encrypted key value map, and write <Value ref="private.…"/>.',
            element=place,
        )
    elif ref is None:
        site.error(
            secret.node,
            "EmptyElementForKeyConfiguration",
            'Name the variable: <Value ref="private.secret"/>.',
            element=place,
        )
    elif not ref.startswith("private."):
        site.error(
            secret.node,
            "InvalidVariableNameForSecret",
            f"Name it private.{ref}, here and where it is set.",
            element=place,
            variable=ref,
        )


def _check_public(element: PublicKey, site: Site) -> None:
    given = [part for part in (element.value, element.certificate, element.jwks) if part is not None]
    if not given:
        site.error(
            element.node,
            "InvalidKeyConfiguration",
            "Write <Value>, <Certificate> or <JWKS> in <PublicKey>.",
            element="PublicKey",
        )
    for part in given:
        if isinstance(part, Jwks):
            filled = part.value.text or part.value.ref or part.uri or part.uri_ref
        else:
            filled = part.text or part.ref
        if not filled:
            site.error(
                part.node,
                "EmptyElementForKeyConfiguration",
                "Write the key, or name the variable in ref.",
                element=f"PublicKey/{part.node.tag}",
            )
    value = element.value
    if value is not None and value.text and value.ref is None and "-----BEGIN" not in value.text:
        site.error(value.node, "InvalidPublicKeyValue", "Write the key in PEM, or name a variable in ref.")
    if element.id is not None and not (element.id.text or element.id.ref):
        site.error(element.node, "InvalidPublicKeyId", "Write the id of a key, or leave <Id> out.")


def key_finder(element: KeyElement, site: Site, *, lenient: bool, key_type: str, use: str) -> FindKey:
    """What finds the key that an element tells of.

    key_type  `kty` the algorithm needs; with several keys of one id in a JWKS it decides
    use       `sig` or `enc`, decides likewise

    The function raises Refused: FailedToResolveVariable, InvalidSecretKey, InvalidPasswordKey, InvalidPrivateKey,
    KeyParsingFailed, KeyIdMissing, NoMatchingPublicKey.
    """
    if isinstance(element, PublicKey):
        return _public_finder(element, site, lenient, key_type, use)
    if isinstance(element, PrivateKey):
        return _private_finder(element, site, lenient)
    return _secret_finder(element, site, lenient)


def _secret(secret: Secret | None, site: Site, lenient: bool) -> Resolve:
    resolve = resolver(secret.value, site, lenient=lenient) if secret is not None else None
    return resolve or (lambda ctx: None)


def _secret_finder(element: SecretKey | PasswordKey | DirectKey, site: Site, lenient: bool) -> FindKey:
    from apiproxy_policies.security.jose.crypto import secret_key  # lazy: loads cryptography

    get = _secret(element.value, site, lenient)
    own = element.value.encoding if element.value is not None else None
    encoding = element.encoding or own if isinstance(element, SecretKey) else own
    if isinstance(element, DirectKey):
        encoding = encoding or "base64"
    refusal = "InvalidPasswordKey" if isinstance(element, PasswordKey) else "InvalidSecretKey"

    def find(ctx: MessageContext, header: Mapping[str, Any]) -> Key:
        try:
            secret = decode_secret(text_of(get(ctx)), encoding)
        except ValueError:
            raise Refused(refusal) from None
        if not secret:
            raise Refused(refusal)
        return secret_key(secret)

    return find


def _private_finder(element: PrivateKey, site: Site, lenient: bool) -> FindKey:
    from apiproxy_policies.security.jose.crypto import private_key  # lazy: loads cryptography

    get = _secret(element.value, site, lenient)
    password = _secret(element.password, site, lenient)

    def find(ctx: MessageContext, header: Mapping[str, Any]) -> Key:
        return private_key(text_of(get(ctx)), text_of(password(ctx)) or None)

    return find


def _public_finder(element: PublicKey, site: Site, lenient: bool, key_type: str, use: str) -> FindKey:
    # lazy: loads cryptography
    from apiproxy_policies.security.jose.crypto import public_key
    from apiproxy_policies.security.jose.jwks import jwks_finder

    if element.jwks is not None:
        return jwks_finder(element.jwks, site, lenient=lenient, key_type=key_type, use=use)
    get = resolver(element.value or element.certificate, site, lenient=lenient) or (lambda ctx: None)

    def find(ctx: MessageContext, header: Mapping[str, Any]) -> Key:
        return public_key(text_of(get(ctx)))

    return find


def key_id(element: KeyElement | None, site: Site, *, lenient: bool) -> Resolve:
    """What tells the `kid` a key element gives its tokens; None when it gives none."""
    resolve = resolver(element.id, site, lenient=lenient) if element is not None else None
    return resolve or (lambda ctx: None)


def encode_base64(data: bytes, encoding: str | None) -> str:
    """Bytes as text in an encoding; without one base64."""
    if encoding in ("hex", "base16"):
        return data.hex()
    if encoding == "base64url":
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    return base64.b64encode(data).decode()


def check_choice(
    needed: str, given: Mapping[str, KeyElement | None], algorithm: str, site: Site, error: str
) -> None:
    """Report key elements that are missing, do not fit the algorithm (as `error`), or are wrong in themselves.

    needed  name of the element that the algorithm takes
    given   the elements of the policy by name
    """
    for name, element in given.items():
        if name == needed and element is not None:
            check_key(element, site)
        elif name == needed:
            site.error(
                _node(site),
                "MissingConfigurationElement",
                f"{algorithm} takes its key from <{name}>.",
                element=name,
            )
        elif element is not None:
            site.error(
                element.node,
                error,
                f"{algorithm} takes its key from <{needed}>; remove <{name}>.",
                element=name,
                algorithm=algorithm,
            )


def _node(site: Site) -> Node:
    assert site.policy is not None
    return site.policy.node


class KeyHolder(Protocol):
    """A policy for JSON Web Tokens: it has an element for each kind of key."""

    secret_key: SecretKey | None
    private_key: PrivateKey | None
    public_key: PublicKey | None
    password_key: PasswordKey | None
    direct_key: DirectKey | None


def keys_of(policy: KeyHolder) -> dict[str, KeyElement | None]:
    """The keys of a policy, by the names of their elements."""
    return {
        "SecretKey": policy.secret_key,
        "PrivateKey": policy.private_key,
        "PublicKey": policy.public_key,
        "PasswordKey": policy.password_key,
        "DirectKey": policy.direct_key,
    }


def required_choice(element: KeyElement | None) -> KeyElement:
    """The element that `check_choice` found to be there: a policy with errors is not compiled."""
    assert element is not None
    return element
