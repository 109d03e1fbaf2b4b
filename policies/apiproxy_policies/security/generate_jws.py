"""GenerateJWS: signs any payload."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from apiproxy_policies.security.jose.algorithms import ALGORITHM, Signing
from apiproxy_policies.security.jose.claims import (
    REGISTERED_JWS_HEADERS,
    AdditionalHeaders,
    check_header_names,
    collector,
)
from apiproxy_policies.security.jose.compact import encode, write_json
from apiproxy_policies.security.jose.keys import (
    KeyElement,
    PrivateKey,
    SecretKey,
    check_choice,
    key_finder,
    key_id,
    required_choice,
)
from apiproxy_policies.security.jose.policy import (
    JWS_DEPLOY_ERRORS,
    JWS_FAULTS,
    TokenPolicy,
    awaitable,
    report_missing,
)
from apiproxy_policies.security.jose.refused import Refused
from apiproxy_policies.security.jose.settings import resolver, split_list
from apiproxy_policies.security.templated import compile_templated
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    PAYLOAD,
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


class GenerateJWS(TokenPolicy):
    """Generate a JWS: a signature over any text, with or without the text itself.

    The payload is a message template, also where it comes from a variable, and is signed as UTF-8. With DetachContent
    the middle part of the token is empty. There is no `typ` unless AdditionalHeaders has one. With a header `b64` of
    type boolean and value false the payload is signed as it is (RFC 7797); name it in CriticalHeaders too.
    """

    tag = "GenerateJWS"
    prefix = "jws"
    marker = "JWS"
    invalid = "InvalidJws"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/generate-jws-policy"
    faults = JWS_FAULTS
    deploy_errors = JWS_DEPLOY_ERRORS
    variables = {
        "jws.{policy}.generated_jws": "the token, unless OutputVariable names another variable",
        "jws.{policy}.error": "what went wrong, when it did",
        "jws.{policy}.failed": "whether the policy failed; JWS.failed too",
    }
    example = """
<GenerateJWS name="JWS-Sign">
  <Algorithm>PS256</Algorithm>
  <PrivateKey><Value ref="private.key"/><Id>2031-key</Id></PrivateKey>
  <Payload ref="response.content"/>
  <DetachContent>true</DetachContent>
  <OutputVariable>response.header.x-jws-signature</OutputVariable>
</GenerateJWS>"""

    type: str | None = child("Type", one_of("Signed"), doc="only Signed")
    algorithm: Signing | None = child(
        "Algorithm",
        ALGORITHM,
        error="InvalidAlgorithm",
        message="{policy}: {value} is not among the signature algorithms",
    )
    secret_key: SecretKey | None = nested("SecretKey", SecretKey)
    private_key: PrivateKey | None = nested("PrivateKey", PrivateKey)
    payload: Value[str] | None = child(
        "Payload", PAYLOAD, ref=True, doc="message template, or variable with one"
    )
    additional_headers: AdditionalHeaders | None = nested("AdditionalHeaders", AdditionalHeaders)
    critical_headers: Value[str] | None = child(
        "CriticalHeaders", ref=True, doc="comma list for header `crit`"
    )
    detach: bool = child(
        "DetachContent", BOOLEAN, default=False, doc="true: the token does not carry its payload"
    )
    lenient: bool = child("IgnoreUnresolvedVariables", BOOLEAN, default=False)
    output: str = child("OutputVariable", default="", doc="jws.{policy}.generated_jws by default")

    def check(self, site: Site) -> None:
        check_header_names(self.additional_headers, site, REGISTERED_JWS_HEADERS)
        if self.algorithm is not None:
            error = "InvalidConfigurationForActionAndAlgorithmFamily"
            check_choice(self._needed(), self._keys(), self.algorithm.name, site, error)
        elif self.node.child("Algorithm") is None:
            report_missing(site, self, "Algorithm")
        if self.payload is None or not (self.payload.ref or self.payload.text):
            report_missing(site, self, "Payload")

    def _keys(self) -> dict[str, KeyElement | None]:
        return {"SecretKey": self.secret_key, "PrivateKey": self.private_key}

    def _needed(self) -> str:
        assert self.algorithm is not None
        return "SecretKey" if self.algorithm.family == "HS" else "PrivateKey"

    def compile(self, site: Site) -> StepFunction:
        from apiproxy_policies.security.jose.crypto import signer  # lazy: loads cryptography

        assert self.algorithm is not None
        assert self.payload is not None
        element = required_choice(self._keys()[self._needed()])
        find = key_finder(element, site, lenient=self.lenient, key_type=self.algorithm.key_type, use="sig")
        make_header = self._header(site, element)
        payload = compile_templated(
            self.payload,
            site,
            lenient=self.lenient,
            unresolved=lambda name: self.fault("FailedToResolveVariable", variable=name),
        )
        sign, detach = signer(self.algorithm), self.detach
        put = site.setter(self.output or f"jws.{self.name}.generated_jws")

        def generate_jws(ctx: MessageContext) -> Any:
            header, content = make_header(ctx), payload(ctx)
            if not content:
                raise Refused("MissingPayload")

            def finish(key: Key) -> None:
                first = encode(_bytes(write_json(header)))
                middle = _middle(content, header, detach)
                signed = encode(sign(f"{first}.".encode("ascii") + middle, key))
                put(ctx, f"{first}.{'' if detach else middle.decode()}.{signed}")

            return awaitable(then(find(ctx, header), finish))

        return self.step(generate_jws)

    def _header(self, site: Site, element: KeyElement) -> Callable[[MessageContext], dict[str, Any]]:
        assert self.algorithm is not None
        collect = collector(self.additional_headers, site, lenient=self.lenient)
        critical = resolver(self.critical_headers, site, lenient=self.lenient)
        kid, algorithm = key_id(element, site, lenient=self.lenient), self.algorithm.name

        def header(ctx: MessageContext) -> dict[str, Any]:
            made: dict[str, Any] = {"alg": algorithm}
            if (key_name := kid(ctx)) is not None:
                made["kid"] = text_of(key_name)
            if collect is not None:
                made.update(collect(ctx))
            if critical is not None and (names := split_list(critical(ctx))):
                made["crit"] = names
            return made

        return header


def _middle(content: str, header: dict[str, Any], detach: bool) -> bytes:
    """What is signed behind the header: the payload in base64url, or as it is with `b64` false."""
    data = _bytes(content)
    if header.get("b64") is not False:
        return encode(data).encode("ascii")
    if not detach and b"." in data:
        raise Refused("InvalidPayload")
    return data


def _bytes(content: str) -> bytes:
    try:
        return content.encode()
    except UnicodeEncodeError:
        # a variable with half a surrogate pair, which UTF-8 cannot write
        raise Refused("GenerationFailed") from None
