"""HMAC: computes a keyed hash of a message, and compares it with one that was received."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from apiproxy_policies.security.jose.keys import ENCODING, decode_secret, encode_base64
from apiproxy_policies.security.templated import compile_templated
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    PAYLOAD,
    Element,
    Fault,
    Kind,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    Value,
    attribute,
    child,
    fault_table,
    nested,
    one_of,
    text,
    text_of,
)

_DIGESTS = {
    "sha1": hashlib.sha1,
    "sha224": hashlib.sha224,
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
    "md5": hashlib.md5,
}
_NAMES = ("SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512", "MD-5")


def _algorithm(name: str) -> str:
    plain = name.replace("-", "").lower()
    if plain not in _DIGESTS:
        raise ValueError(name)
    return plain


_ALGORITHM = Kind("algorithm", "one of " + ", ".join(_NAMES), _algorithm, _NAMES)
_OUTPUT_ENCODING = one_of("base64", "base64url", "hex", "base16", ignore_case=True)


class SecretKey(Element):
    """The variable that holds the secret; its name begins with `private.`."""

    value: Value[str] = text(ref=True)
    encoding: str | None = attribute(
        "encoding", ENCODING, doc="hex, base16, base64, base64url or utf8 (default)"
    )


class Output(Element):
    """The variable for the result."""

    variable: str = text(default="")
    encoding: str = attribute("encoding", _OUTPUT_ENCODING, default="base64")


class VerificationValue(Element):
    """What the result must be."""

    value: Value[str] = text(ref=True)
    encoding: str = attribute("encoding", _OUTPUT_ENCODING, default="base64")


class HMAC(Policy):
    """Compute an HMAC of a message, and verify it where VerificationValue is there.

    The message is a template, also when it comes from a variable, and its blanks and line breaks count. The result is
    there even when it is not the expected one. IgnoreUnresolvedVariables holds for variables in the template alone.
    Every fault is 401. Only names of faults are documented; their texts are this runtime's.
    """

    tag = "HMAC"
    family = "security"
    prefix = "hmac"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/hmac-policy"
    faults = fault_table(
        "steps.hmac",
        (
            "UnresolvedVariable",
            401,
            "Unresolved variable : {variable}",
            "a variable of key, message or verification value is not set",
        ),
        (
            "HmacVerificationFailed",
            401,
            "HMAC verification failed : policy({policy})",
            "the result is not the expected value",
        ),
        (
            "HmacCalculationFailed",
            401,
            "HMAC calculation failed : policy({policy})",
            "the secret is not of its encoding",
        ),
        ("EmptySecretKey", 401, "Secret key is empty : policy({policy})", "the secret is empty"),
        (
            "EmptyVerificationValue",
            401,
            "Verification value is empty : policy({policy})",
            "the expected value is empty",
        ),
    )
    deploy_errors = {
        "steps.hmac.MissingConfigurationElement": "HMAC {policy}: {element} is missing",
        "steps.hmac.InvalidValueForElement": "HMAC {policy}: {value} is no value for {element}",
        "steps.hmac.InvalidSecretInConfig": "HMAC {policy}: SecretKey holds the secret as text",
        "steps.hmac.InvalidVariableName": "HMAC {policy}: the variable {variable} of SecretKey does not begin with private.",
    }
    variables = {
        "hmac.{policy}.message": "the message that was hashed",
        "hmac.{policy}.output": "the result, unless Output names another variable",
        "hmac.{policy}.outputencoding": "how the result is written",
        "hmac.{policy}.failed": "whether the policy failed",
    }
    example = """
<HMAC name="HMAC-Webhook">
  <Algorithm>SHA-256</Algorithm>
  <SecretKey ref="private.webhook_secret"/>
  <Message>{request.header.x-timestamp}.{request.content}</Message>
  <VerificationValue encoding="hex" ref="request.header.x-signature"/>
</HMAC>"""

    algorithm: str | None = child(
        "Algorithm",
        _ALGORITHM,
        error="steps.hmac.InvalidValueForElement",
        message="HMAC {policy}: {value} is no value for Algorithm",
        doc="hash; case and dashes do not matter",
    )
    secret_key: SecretKey | None = nested("SecretKey", SecretKey)
    message: Value[str] | None = child(
        "Message", PAYLOAD, ref=True, doc="message template, or variable with one"
    )
    output: Output | None = nested("Output", Output)
    verification: VerificationValue | None = nested("VerificationValue", VerificationValue)
    lenient: bool = child("IgnoreUnresolvedVariables", BOOLEAN, default=False)

    def check(self, site: Site) -> None:
        if not self.node.child_text("Algorithm", "").strip():
            self._missing(site, "Algorithm", "Write <Algorithm>SHA-256</Algorithm>.")
        if self.message is None or not (self.message.ref or (self.message.text or "")):
            self._missing(site, "Message", "Write the message, or name a variable in ref.")
        key = self.secret_key
        if key is None or not (key.value.ref or key.value.text):
            self._missing(site, "SecretKey", 'Write <SecretKey ref="private.secret"/>.')
        elif key.value.text:
            site.error(
                key.node,
                "steps.hmac.InvalidSecretInConfig",
                'Put the secret into an encrypted key value map, and write <SecretKey ref="private.…"/>.',
            )
        elif key.value.ref and not key.value.ref.startswith("private."):
            site.error(
                key.node,
                "steps.hmac.InvalidVariableName",
                f"Name it private.{key.value.ref}, here and where it is set.",
                variable=key.value.ref,
            )

    def _missing(self, site: Site, element: str, cure: str) -> None:
        site.error(self.node, "steps.hmac.MissingConfigurationElement", cure, element=element)

    def compile(self, site: Site) -> StepFunction:
        digest = _DIGESTS[self.algorithm or "sha256"]
        assert self.message is not None
        secret = self._secret(site)
        message = compile_templated(self.message, site, lenient=self.lenient, unresolved=self._unresolved)
        expected = self._expected(site)
        encoding = self.output.encoding if self.output is not None else "base64"
        variable = (self.output.variable if self.output is not None else "") or f"hmac.{self.name}.output"
        put = site.setter(variable)
        message_variable, encoding_variable = f"hmac.{self.name}.message", f"hmac.{self.name}.outputencoding"

        def compute(ctx: MessageContext) -> None:
            key, text = secret(ctx), message(ctx)
            result = hmac.digest(key, text.encode("utf-8", "replace"), digest)
            ctx.variables[message_variable] = text
            ctx.variables[encoding_variable] = encoding
            put(ctx, encode_base64(result, encoding))
            if expected is not None and not hmac.compare_digest(expected(ctx), result):
                raise self.fault("HmacVerificationFailed")

        return compute

    def _unresolved(self, name: str) -> Fault:
        return self.fault("UnresolvedVariable", variable=name)

    def _secret(self, site: Site) -> Callable[[MessageContext], bytes]:
        assert self.secret_key is not None
        name, encoding = self.secret_key.value.ref or "", self.secret_key.encoding
        get = site.getter(name)

        def secret(ctx: MessageContext) -> bytes:
            found = get(ctx)
            if found is None:
                raise self._unresolved(name)
            try:
                key = decode_secret(text_of(found), encoding)
            except ValueError:
                raise self.fault("HmacCalculationFailed") from None
            if not key:
                raise self.fault("EmptySecretKey")
            return key

        return secret

    def _expected(self, site: Site) -> Callable[[MessageContext], bytes] | None:
        if self.verification is None:
            return None
        name, literal = self.verification.value.ref, self.verification.value.text
        encoding = self.verification.encoding
        get = site.getter(name) if name is not None else lambda ctx: None

        def expected(ctx: MessageContext) -> bytes:
            found = get(ctx)
            value = literal if found is None else text_of(found).strip()
            if value is None and name is not None:
                raise self._unresolved(name)
            if not value:
                raise self.fault("EmptyVerificationValue")
            try:
                return decode_secret(value, encoding)
            except ValueError:
                raise self.fault("HmacVerificationFailed") from None

        return expected
