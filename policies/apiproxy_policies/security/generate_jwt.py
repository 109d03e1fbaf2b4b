"""GenerateJWT: makes a signed or encrypted JSON Web Token."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from apiproxy_policies.security.jose.algorithms import (
    ALGORITHM,
    CONTENT_ALGORITHM,
    KEY_ALGORITHM,
    KEY_ENCRYPTION,
    Signing,
)
from apiproxy_policies.security.jose.claims import (
    AdditionalClaims,
    AdditionalHeaders,
    check_claim_names,
    check_header_names,
    collector,
)
from apiproxy_policies.security.jose.compact import encode, write_json
from apiproxy_policies.security.jose.keys import (
    DirectKey,
    PasswordKey,
    PrivateKey,
    PublicKey,
    SecretKey,
    check_choice,
    key_finder,
    key_id,
    keys_of,
    required_choice,
)
from apiproxy_policies.security.jose.policy import (
    JWT_DEPLOY_ERRORS,
    JWT_FAULTS,
    TokenPolicy,
    awaitable,
    report_missing,
)
from apiproxy_policies.security.jose.refused import Refused
from apiproxy_policies.security.jose.settings import MOMENT, PERIOD, converted, resolver, split_list
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Element,
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

#: Makes the token from header, claims and key.
Seal = Callable[[dict[str, Any], dict[str, Any], "Key"], str]
Claims = Callable[[MessageContext], dict[str, Any]]


class Algorithms(Element):
    """How the content key and the content of an encrypted token are encrypted."""

    key: str | None = child(
        "Key",
        KEY_ALGORITHM,
        required=True,
        error="InvalidValueForElement",
        message="{value} is no key algorithm",
    )
    content: str | None = child(
        "Content",
        CONTENT_ALGORITHM,
        required=True,
        error="InvalidValueForElement",
        message="{value} is no content algorithm",
    )


class GenerateJWT(TokenPolicy):
    """Generate a signed or encrypted JWT.

    The header has `typ`, `alg` and, with <Id> in the key, `kid`; `iat` is always there, `exp` with <ExpiresIn> only. A
    number without unit is milliseconds. A variable beats the text beside it. Claims in the object that
    AdditionalClaims names beat all others. Secrets for HS algorithms have at least as many bytes as the hash, RSA keys
    at least 2048 bits (the product's library follows RFC 7518). A claim of type map may hold a message template.
    """

    tag = "GenerateJWT"
    prefix = "jwt"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/generate-jwt-policy"
    faults = JWT_FAULTS
    deploy_errors = JWT_DEPLOY_ERRORS
    variables = {
        "jwt.{policy}.generated_jwt": "the token, unless OutputVariable names another variable",
        "jwt.{policy}.error": "what went wrong, when it did",
        "jwt.{policy}.failed": "whether the policy failed; JWT.failed too",
    }
    example = """
<GenerateJWT name="JWT-Make">
  <Algorithm>RS256</Algorithm>
  <PrivateKey><Value ref="private.key"/><Id>2031-key</Id></PrivateKey>
  <Subject ref="user.email"/>
  <Issuer>urn://shop.example</Issuer>
  <Audience>accounts,orders</Audience>
  <ExpiresIn>1h</ExpiresIn>
  <Id/>
  <AdditionalClaims>
    <Claim name="level" type="number">3</Claim>
    <Claim name="roles" array="true" ref="user.roles"/>
  </AdditionalClaims>
  <OutputVariable>token</OutputVariable>
</GenerateJWT>"""
    ignored = (*TokenPolicy.ignored, "CustomClaims", "ClaimsVariable")

    type: str | None = child(
        "Type", one_of("Signed", "Encrypted"), doc="Signed or Encrypted; the algorithm elements say so too"
    )
    algorithm: Signing | None = child(
        "Algorithm",
        ALGORITHM,
        error="InvalidValueForElement",
        message="{policy}: {value} is no value for <Algorithm>",
    )
    algorithms: Algorithms | None = nested("Algorithms", Algorithms, doc="of an encrypted token")
    secret_key: SecretKey | None = nested("SecretKey", SecretKey)
    private_key: PrivateKey | None = nested("PrivateKey", PrivateKey)
    public_key: PublicKey | None = nested("PublicKey", PublicKey)
    password_key: PasswordKey | None = nested("PasswordKey", PasswordKey)
    direct_key: DirectKey | None = nested("DirectKey", DirectKey)
    subject: Value[str] | None = child("Subject", ref=True, doc="claim `sub`")
    issuer: Value[str] | None = child("Issuer", ref=True, doc="claim `iss`")
    audience: Value[str] | None = child(
        "Audience", ref=True, doc="claim `aud`; a comma list becomes an array"
    )
    id: Value[str] | None = child("Id", ref=True, doc="claim `jti`; a random UUID where empty")
    expires_in: Value[int] | None = child(
        "ExpiresIn",
        PERIOD,
        ref=True,
        error="InvalidTimeFormat",
        message="{policy}: {value} is no time for <ExpiresIn>",
        doc="lifetime: 300s, 10m, 1h; a bare number is milliseconds",
    )
    not_before: Value[tuple[str, int]] | None = child(
        "NotBefore",
        MOMENT,
        ref=True,
        error="InvalidTimeFormat",
        message="{policy}: {value} is no time for <NotBefore>",
        doc="claim `nbf`: a date, or a period from now",
    )
    additional_claims: AdditionalClaims | None = nested("AdditionalClaims", AdditionalClaims)
    additional_headers: AdditionalHeaders | None = nested("AdditionalHeaders", AdditionalHeaders)
    critical_headers: Value[str] | None = child(
        "CriticalHeaders", ref=True, doc="comma list for header `crit`"
    )
    compress: bool = child(
        "Compress", BOOLEAN, default=False, doc="true: an encrypted payload is deflated first"
    )
    lenient: bool = child("IgnoreUnresolvedVariables", BOOLEAN, default=False)
    output: str = child("OutputVariable", default="", doc="jwt.{policy}.generated_jwt by default")

    def check(self, site: Site) -> None:
        check_claim_names(self.additional_claims, site)
        check_header_names(self.additional_headers, site)
        needed = self._needed()
        if self.algorithm is not None and self.algorithms is not None:
            site.warning(
                self.node,
                "InvalidConfiguration",
                "both <Algorithm> and <Algorithms> are there: every call will fail",
                "Keep <Algorithm> for a signed token or <Algorithms> for an encrypted one.",
            )
        elif needed:
            check_choice(
                needed,
                keys_of(self),
                self._algorithm_name(),
                site,
                "InvalidConfigurationForActionAndAlgorithm",
            )
            public = self.public_key
            if needed == "PublicKey" and public is not None and public.jwks is not None and public.id is None:
                site.error(
                    public.node,
                    "MissingConfigurationElement",
                    "Name the key of the JWKS: <Id>…</Id> in <PublicKey>.",
                    element="PublicKey/Id",
                )
        elif self.algorithms is None and site.findings.ok:
            report_missing(site, self, "Algorithms" if self.type == "Encrypted" else "Algorithm")

    def _needed(self) -> str:
        """Name of the key element that the algorithm takes; empty when the algorithm is unknown."""
        if self.algorithm is not None:
            return "SecretKey" if self.algorithm.family == "HS" else "PrivateKey"
        if self.algorithms is not None and self.algorithms.key is not None:
            kind = KEY_ENCRYPTION[self.algorithms.key]
            return "PublicKey" if kind in ("RSA", "EC") else kind
        return ""

    def _algorithm_name(self) -> str:
        if self.algorithm is not None:
            return self.algorithm.name
        return (self.algorithms.key if self.algorithms is not None else None) or ""

    def compile(self, site: Site) -> StepFunction:
        if self.algorithm is not None and self.algorithms is not None:
            return self._always_invalid()
        element = required_choice(keys_of(self)[self._needed()])
        name = self._algorithm_name()
        key_type = "EC" if name.startswith(("ES", "ECDH")) else "RSA"
        use = "sig" if self.algorithm is not None else "enc"
        find = key_finder(element, site, lenient=self.lenient, key_type=key_type, use=use)
        kid = key_id(element, site, lenient=self.lenient)
        make_header, make_claims = self._header(site), self._claims(site)
        seal = self._sealer(site)
        put = site.setter(self.output or f"jwt.{self.name}.generated_jwt")

        def generate_jwt(ctx: MessageContext) -> Any:
            header = make_header(ctx)
            key_name = kid(ctx)
            if key_name is not None:
                header["kid"] = text_of(key_name)
            claims = make_claims(ctx)

            def finish(key: Key) -> None:
                put(ctx, seal(header, claims, key))

            return awaitable(then(find(ctx, header), finish))

        return self.step(generate_jwt)

    def _always_invalid(self) -> StepFunction:
        def invalid(ctx: MessageContext) -> None:
            raise self.fault("InvalidConfiguration")

        return invalid

    def _header(self, site: Site) -> Claims:
        collect = collector(self.additional_headers, site, lenient=self.lenient)
        critical = resolver(self.critical_headers, site, lenient=self.lenient)
        if self.algorithm is not None:
            fixed = {"typ": "JWT", "alg": self.algorithm.name}
        else:
            assert self.algorithms is not None
            fixed = {"typ": "JWT", "alg": self.algorithms.key or "", "enc": self.algorithms.content or ""}
            if self.compress:
                fixed["zip"] = "DEF"

        def header(ctx: MessageContext) -> dict[str, Any]:
            made: dict[str, Any] = fixed.copy()
            if collect is not None:
                made.update(collect(ctx))
            if critical is not None:
                names = split_list(critical(ctx))
                if names:
                    made["crit"] = names
            return made

        return header

    def _claims(self, site: Site) -> Claims:
        lenient, world = self.lenient, site.world
        subject = resolver(self.subject, site, lenient=lenient)
        issuer = resolver(self.issuer, site, lenient=lenient)
        audience = resolver(self.audience, site, lenient=lenient)
        token_id = resolver(self.id, site, lenient=lenient)
        random_id = self.id is not None and self.id.ref is None and not self.id.text
        expires = converted(self.expires_in, site, lenient=lenient, refusal="GenerationFailed")
        not_before = converted(self.not_before, site, lenient=lenient, refusal="GenerationFailed")
        collect = collector(self.additional_claims, site, lenient=lenient)

        def claims(ctx: MessageContext) -> dict[str, Any]:
            now = int(world.now() * 1000)
            made: dict[str, Any] = {}
            if subject is not None and (value := subject(ctx)) is not None:
                made["sub"] = text_of(value)
            if audience is not None and (value := audience(ctx)) is not None:
                names = split_list(value)
                made["aud"] = names if len(names) > 1 else text_of(value if not names else names[0])
            if issuer is not None and (value := issuer(ctx)) is not None:
                made["iss"] = text_of(value)
            if expires is not None and (value := expires(ctx)) is not None:
                made["exp"] = (now + value) // 1000
            if not_before is not None and (value := not_before(ctx)) is not None:
                kind, moment = value
                made["nbf"] = (now + moment if kind == "after" else moment) // 1000
            made["iat"] = now // 1000
            if random_id:
                made["jti"] = world.uuid()
            elif token_id is not None and (value := token_id(ctx)) is not None:
                made["jti"] = text_of(value)
            if collect is not None:
                made.update(collect(ctx))
            return made

        return claims

    def _sealer(self, site: Site) -> Seal:
        from apiproxy_policies.security.jose.crypto import encrypt, signer  # lazy: loads cryptography

        if self.algorithm is not None:
            sign = signer(self.algorithm)

            def signed(header: dict[str, Any], claims: dict[str, Any], key: Key) -> str:
                data = f"{encode(_json(header))}.{encode(_json(claims))}"
                return f"{data}.{encode(sign(data.encode('ascii'), key))}"

            return signed
        password, world = self.password_key, site.world

        def encrypted(header: dict[str, Any], claims: dict[str, Any], key: Key) -> str:
            if password is not None:
                header["p2s"] = encode(world.random_bytes(password.salt_length))
                header["p2c"] = password.iterations
            return encrypt(header, _json(claims), key)

        return encrypted


def _json(value: dict[str, Any]) -> bytes:
    try:
        return write_json(value).encode()
    except ValueError:
        # a variable with half a surrogate pair, which UTF-8 cannot write
        raise Refused("GenerationFailed") from None
