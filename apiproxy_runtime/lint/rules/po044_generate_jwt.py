from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.children import repeated_children, unknown_children
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule

_KEYS = ("DirectKey", "PasswordKey", "PrivateKey", "PublicKey", "SecretKey")
_TOP = (
    *_KEYS,
    "AdditionalClaims",
    "AdditionalHeaders",
    "Algorithm",
    "Algorithms",
    "Audience",
    "CriticalHeaders",
    "CustomClaims",
    "Description",
    "DisplayName",
    "ExpiresIn",
    "Id",
    "IgnoreUnresolvedVariables",
    "Issuer",
    "NotBefore",
    "OutputVariable",
    "Properties",
    "Subject",
    "Type",
)
_MANY = ("AdditionalClaims",)


class GenerateJwtHygiene(Rule):
    """A token needs one algorithm, and the kind of key that this algorithm signs with."""

    id = "PO044"
    name = "GenerateJWT hygiene"
    severity = "error"
    elements = ("GenerateJWT",)
    bad = "<Algorithm>HS256</Algorithm><PrivateKey><Value ref='private.key'/></PrivateKey>"
    good = "<Algorithm>HS256</Algorithm><SecretKey><Value ref='private.key'/></SecretKey>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/generate-jwt-policy"
    supersedes = ("UnknownElement", "RepeatedElement")

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        root = policy.node
        yield from unknown_children(root, _TOP)
        yield from repeated_children(root, [tag for tag in _TOP if tag not in _MANY])
        signed, encrypted = root.all("Algorithm"), root.all("Algorithms")
        if bool(signed) == bool(encrypted):
            what = (
                "both <Algorithm> and <Algorithms> are"
                if signed
                else "neither <Algorithm> nor <Algorithms> is"
            )
            yield Match(root, f"{what} there", "Write <Algorithm> to sign, <Algorithms> to encrypt.")
        elif signed:
            yield from _signed(root, signed[0])


def _signed(root: Node, algorithm: Node) -> Iterator[Match]:
    name = algorithm.text.strip()
    family = name[:2]
    if "{" in name:
        return
    if family not in ("HS", "RS", "PS", "ES") or name[2:] not in ("256", "384", "512"):
        yield Match(
            algorithm, f"the algorithm {name!r} is not known", "Write HS256, RS256, PS256, ES256 or longer."
        )
        return
    wanted = "SecretKey" if family == "HS" else "PrivateKey"
    if not root.all(wanted):
        yield Match(root, f"{name} signs with a <{wanted}>", "Add it.")
    for tag in _KEYS:
        for node in root.all(tag):
            if tag != wanted:
                yield Match(node, f"{name} does not use a <{tag}>", f"Write <{wanted}>.")
