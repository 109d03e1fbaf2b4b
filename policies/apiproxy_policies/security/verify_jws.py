"""VerifyJWS: lets a call pass when a JWS is genuine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from apiproxy_policies.security.decode_jws import payload_of
from apiproxy_policies.security.jose.algorithms import ALGORITHMS, Signing
from apiproxy_policies.security.jose.claims import (
    REGISTERED_JWS_HEADERS,
    AdditionalHeaders,
    check_header_names,
    check_values,
    collector,
)
from apiproxy_policies.security.jose.compact import Token, decode, encode, read_token
from apiproxy_policies.security.jose.critical import compile_critical
from apiproxy_policies.security.jose.keys import (
    KeyElement,
    PublicKey,
    SecretKey,
    check_choice,
    key_finder,
    required_choice,
)
from apiproxy_policies.security.jose.policy import (
    JWS_DEPLOY_ERRORS,
    JWS_FAULTS,
    TokenPolicy,
    awaitable,
    report_missing,
)
from apiproxy_policies.security.jose.refused import INVALID, Refused
from apiproxy_policies.security.jose.settings import resolver
from apiproxy_policies.security.jose.source import check_source, compile_source
from apiproxy_policies.security.jose.variables import HEADER_VARIABLES, header_variables
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Fault,
    Message,
    MessageContext,
    Site,
    StepFunction,
    Value,
    child,
    nested,
    one_of,
    text_of,
    then,
)

if TYPE_CHECKING:
    from apiproxy_policies.security.jose.crypto import Key


class VerifyJWS(TokenPolicy):
    """Verify the signature of a JWS, whose payload may be anything and may come apart from it.

    DetachedContent names the variable that holds a detached payload. No times and no claims are looked at. A payload
    signed as it is (header `b64` false, RFC 7797) is understood. A signature that is not the key's is InvalidJws;
    InvalidSignature is a detached token without DetachedContent (error reference).
    """

    tag = "VerifyJWS"
    prefix = "jws"
    marker = "JWS"
    invalid = "InvalidJws"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/verify-jws-policy"
    faults = JWS_FAULTS
    deploy_errors = JWS_DEPLOY_ERRORS
    variables = {
        **{f"jws.{{policy}}.{name}": meaning for name, meaning in HEADER_VARIABLES.items()},
        "jws.{policy}.payload": "the payload",
        "jws.{policy}.valid": "whether the token passed",
        "jws.{policy}.error": "what went wrong, when it did",
        "jws.{policy}.failed": "whether the policy failed; JWS.failed too",
    }
    example = """
<VerifyJWS name="JWS-Check">
  <Algorithm>PS256</Algorithm>
  <Source>request.header.x-jws-signature</Source>
  <PublicKey><JWKS uri="https://bank.example/keys"/></PublicKey>
  <DetachedContent>request.content</DetachedContent>
</VerifyJWS>"""

    type: str | None = child("Type", one_of("Signed"), doc="only Signed")
    algorithm: tuple[Signing, ...] = child(
        "Algorithm",
        ALGORITHMS,
        default=(),
        error="InvalidAlgorithm",
        message="{policy}: {value} is not among the signature algorithms",
        doc="one algorithm, or several of one family with commas",
    )
    source: str | None = child("Source", doc="variable with the token; the bearer token by default")
    detached_content: str | None = child(
        "DetachedContent", doc="variable with the payload of a detached token"
    )
    secret_key: SecretKey | None = nested("SecretKey", SecretKey)
    public_key: PublicKey | None = nested("PublicKey", PublicKey)
    additional_headers: AdditionalHeaders | None = nested("AdditionalHeaders", AdditionalHeaders)
    known_headers: Value[str] | None = child(
        "KnownHeaders", ref=True, doc="comma list of headers `crit` may name"
    )
    ignore_critical: bool = child("IgnoreCriticalHeaders", BOOLEAN, default=False)
    lenient: bool = child("IgnoreUnresolvedVariables", BOOLEAN, default=False)

    def fault(self, name: str, /, **values: object) -> Fault:
        fault = super().fault(name, **values)
        fault.variables[f"jws.{self.name}.valid"] = False
        return fault

    def check(self, site: Site) -> None:
        check_header_names(self.additional_headers, site, REGISTERED_JWS_HEADERS)
        check_source(self.node, self.source, site)
        if len({algorithm.family for algorithm in self.algorithm}) > 1:
            names = ", ".join(algorithm.name for algorithm in self.algorithm)
            site.error(
                self.place("Algorithm"),
                "InvalidFamiliesForAlgorithm",
                "Name algorithms of one family, as RS256,RS384.",
                value=names,
            )
        elif self.algorithm:
            error = "InvalidConfigurationForActionAndAlgorithmFamily"
            check_choice(self._needed(), self._keys(), self.algorithm[0].name, site, error)
        elif self.node.child("Algorithm") is None:
            report_missing(site, self, "Algorithm")
        private = self.node.child("PrivateKey")
        if private is not None:
            cure = "Give the public half of the key in <PublicKey>."
            site.error(private, "InvalidConfigurationForVerify", cure, element="PrivateKey")

    def _keys(self) -> dict[str, KeyElement | None]:
        return {"SecretKey": self.secret_key, "PublicKey": self.public_key}

    def _needed(self) -> str:
        return "SecretKey" if self.algorithm[0].family == "HS" else "PublicKey"

    def compile(self, site: Site) -> StepFunction:
        from apiproxy_policies.security.jose.crypto import verifier  # lazy: loads cryptography

        read, key_type = compile_source(self.source, site), self.algorithm[0].key_type
        element = required_choice(self._keys()[self._needed()])
        find = key_finder(element, site, lenient=self.lenient, key_type=key_type, use="sig")
        known = resolver(self.known_headers, site, lenient=self.lenient)
        check_critical = compile_critical(known, ignore=self.ignore_critical)
        expected_headers = collector(self.additional_headers, site, lenient=self.lenient)
        verifiers = {algorithm.name: verifier(algorithm) for algorithm in self.algorithm}
        unknown = "AlgorithmMismatch" if len(verifiers) == 1 else "AlgorithmInTokenNotPresentInConfiguration"
        get_payload = self._payload(site)
        prefix = f"jws.{self.name}."

        def verify_jws(ctx: MessageContext) -> Awaitable[Any] | None:
            token = read_token(read(ctx))
            if token.encrypted:
                raise Refused("FailedToDecode")
            ctx.variables.update(header_variables(prefix, token.header, token.header_text))
            algorithm = token.header.get("alg")
            if not algorithm or not isinstance(algorithm, str):
                raise Refused("NoAlgorithmFoundInHeader")
            if algorithm not in verifiers:
                raise Refused(unknown, algorithm=algorithm)
            check_critical(ctx, token.header)
            payload = get_payload(ctx, token)
            ctx.variables[f"{prefix}payload"] = payload.decode("utf-8", "replace")

            def finish(key: Key) -> None:
                if not verifiers[algorithm](_signed(token, payload), _signature(token), key):
                    raise Refused(INVALID)
                if expected_headers is not None:
                    check_values(expected_headers(ctx), token.header)
                ctx.variables[f"{prefix}valid"] = True

            return awaitable(then(find(ctx, token.header), finish))

        return self.step(verify_jws)

    def _payload(self, site: Site) -> Callable[[MessageContext, Token], bytes]:
        """What gives the payload, wherever it is."""
        name, lenient = self.detached_content, self.lenient
        get = site.getter(name) if name else None

        def payload(ctx: MessageContext, token: Token) -> bytes:
            if get is None:
                if not token.segments[1]:
                    raise Refused("InvalidSignature")
                try:
                    return payload_of(token)
                except ValueError:
                    raise Refused("InvalidPayload") from None
            if token.segments[1]:
                raise Refused("ContentIsNotDetached")
            value = get(ctx)
            if value is None and not lenient:
                raise Refused("FailedToResolveVariable", variable=name)
            content = value.body if isinstance(value, Message) else text_of(value).encode("utf-8", "replace")
            if not content:
                raise Refused("MissingPayload")
            return content

        return payload


def _signed(token: Token, payload: bytes) -> bytes:
    """What the signature is over: the header as it stands, and the payload encoded or, with `b64` false, not."""
    middle = payload if token.header.get("b64") is False else encode(payload).encode("ascii")
    return token.segments[0].encode("ascii") + b"." + middle


def _signature(token: Token) -> bytes:
    try:
        return decode(token.segments[2])
    except ValueError:
        raise Refused("FailedToDecode") from None
