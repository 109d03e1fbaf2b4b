"""Stand-in key pairs: the same on every machine, and right for every algorithm."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from cryptography.x509 import load_pem_x509_certificate
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from apiproxy_runtime.rehearsal.standins.keypair import ALGORITHMS, STRANGER, key_pair, key_set, signer


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed(algorithm: str, owner: str) -> str:
    head = text(json.dumps({"alg": algorithm, "kid": key_pair(algorithm).key_id}).encode())
    content = f"{head}.{text(b'{}')}"
    return f"{content}.{text(signer(algorithm, owner)(content.encode()))}"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_signatures_fit_the_published_keys_and_are_the_same_each_time(algorithm: str) -> None:
    keys = KeySet.import_key_set(key_set())
    token = signed(algorithm, "stand-in")
    assert jws.deserialize_compact(token, keys, algorithms=list(ALGORITHMS)).payload == b"{}"
    assert signed(algorithm, "stand-in") == token
    with pytest.raises(BadSignatureError):
        jws.deserialize_compact(signed(algorithm, STRANGER), keys, algorithms=list(ALGORITHMS))


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [("RS256", "53e207a20e091c03"), ("ES256", "1558c2b201440373")],
)
def test_keys_do_not_depend_on_the_machine(algorithm: str, digest: str) -> None:
    pair = key_pair(algorithm)
    held = "".join((pair.public_pem, pair.private_pem, pair.certificate, json.dumps(pair.jwk)))
    assert hashlib.sha256(held.encode()).hexdigest()[:16] == digest
    certificate = load_pem_x509_certificate(pair.certificate.encode())
    certificate.verify_directly_issued_by(certificate)
