from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule


class Hmac(Rule):
    """HMAC needs a secret from a private variable, and an algorithm that is written plainly."""

    id = "PO027"
    name = "HMAC hygiene"
    severity = "error"
    elements = ("HMAC",)
    bad = "<HMAC name='HMAC-1'><SecretKey ref='secret'/><Algorithm>SHA-256</Algorithm></HMAC>"
    good = "<HMAC name='HMAC-1'><SecretKey ref='private.secret'/><Algorithm>SHA-256</Algorithm></HMAC>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/hmac-policy"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        keys, algorithms = policy.node.all("SecretKey"), policy.node.all("Algorithm")
        if len(keys) != 1:
            yield Match(policy.node, f"there are {len(keys)} <SecretKey> elements, not one", "Write one.")
        for key in keys[:1]:
            ref = key.attributes.get("ref", "")
            if not ref:
                yield Match(key, "<SecretKey> names no variable", 'Write ref="private.NAME".')
            elif not ref.startswith("private."):
                yield Match(
                    key,
                    f"the secret comes from {ref!r}, which debug sessions show",
                    'Write ref="private.NAME".',
                )
        if len(algorithms) != 1:
            yield Match(
                policy.node, f"there are {len(algorithms)} <Algorithm> elements, not one", "Write one."
            )
        for algorithm in algorithms[:1]:
            if not algorithm.text.strip() or algorithm.text != algorithm.text.strip():
                yield Match(
                    algorithm, "<Algorithm> must be a word without blanks around it", "Write SHA-256."
                )
