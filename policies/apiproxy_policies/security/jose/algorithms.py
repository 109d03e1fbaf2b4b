"""The algorithms of RFC 7518 that Apigee knows, and which kind of key each of them takes."""

from __future__ import annotations

from msgspec import Struct

from apiproxy_runtime.policy.api import Kind, one_of


class Signing(Struct, frozen=True):
    """A signature algorithm.

    family     HS, RS, PS or ES
    key_bytes  least length of the secret of an HS algorithm (RFC 7518, section 3.2)
    curve      of the key of an ES algorithm
    """

    name: str
    family: str
    key_bytes: int = 0
    curve: str = ""

    @property
    def key_type(self) -> str:
        """`kty` of the keys it takes."""
        return {"HS": "oct", "ES": "EC"}.get(self.family, "RSA")


_CURVES = {"256": "P-256", "384": "P-384", "512": "P-521"}
SIGNING = {
    f"{family}{size}": Signing(
        f"{family}{size}",
        family,
        int(size) // 8 if family == "HS" else 0,
        _CURVES[size] if family == "ES" else "",
    )
    for family in ("HS", "RS", "PS", "ES")
    for size in ("256", "384", "512")
}

#: `alg` of an encrypted token → the kind of key element it takes
KEY_ENCRYPTION = {
    "dir": "DirectKey",
    **dict.fromkeys(("RSA-OAEP", "RSA-OAEP-256"), "RSA"),
    **dict.fromkeys(("A128KW", "A192KW", "A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW"), "SecretKey"),
    **dict.fromkeys(("PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW"), "PasswordKey"),
    **dict.fromkeys(("ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"), "EC"),
}
#: `enc` of an encrypted token → bytes of its content key
CONTENT_ENCRYPTION = {
    "A128CBC-HS256": 32,
    "A192CBC-HS384": 48,
    "A256CBC-HS512": 64,
    "A128GCM": 16,
    "A192GCM": 24,
    "A256GCM": 32,
}
#: bytes of the secret that the AES key wrapping algorithms take
WRAPPING_BYTES = {name: int(name[1:4]) // 8 for name, kind in KEY_ENCRYPTION.items() if kind == "SecretKey"}


def read_algorithms(text: str) -> tuple[Signing, ...]:
    """The algorithms of a comma list. Raises ValueError for one that Apigee does not know."""
    try:
        return tuple(SIGNING[name.strip()] for name in text.split(","))
    except KeyError:
        raise ValueError(text) from None


ALGORITHM = Kind(
    "algorithm", "one of " + ", ".join(SIGNING), lambda text: read_algorithms(text)[0], tuple(SIGNING)
)
ALGORITHMS = Kind("algorithms", "one of " + ", ".join(SIGNING) + ", or several of a family", read_algorithms)
KEY_ALGORITHM = one_of(*KEY_ENCRYPTION)
CONTENT_ALGORITHM = one_of(*CONTENT_ENCRYPTION)
