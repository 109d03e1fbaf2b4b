"""VerifyJWT: lets a call pass when its JSON Web Token is genuine, timely and says what it should."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from apiproxy_policies.security.generate_jwt import Algorithms
from apiproxy_policies.security.jose.algorithms import ALGORITHMS, KEY_ENCRYPTION, Signing
from apiproxy_policies.security.jose.claims import (
    AdditionalClaims,
    AdditionalHeaders,
    check_claim_names,
    check_header_names,
    check_values,
    collector,
)
from apiproxy_policies.security.jose.compact import Token, decode, read_payload, read_token
from apiproxy_policies.security.jose.critical import compile_critical
from apiproxy_policies.security.jose.keys import (
    DirectKey,
    PasswordKey,
    PrivateKey,
    PublicKey,
    SecretKey,
    check_choice,
    key_finder,
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
from apiproxy_policies.security.jose.refused import INVALID, Refused
from apiproxy_policies.security.jose.settings import PERIOD, resolver, split_list
from apiproxy_policies.security.jose.source import check_source, compile_source
from apiproxy_policies.security.jose.times import MaxLifespan, compile_times
from apiproxy_policies.security.jose.variables import (
    CLAIM_VARIABLES,
    HEADER_VARIABLES,
    claim_variables,
    header_variables,
)
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Fault,
    MessageContext,
    Setting,
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

#: The payload's bytes, once signature or encryption are found to be right.
Open = Callable[[Token, "Key"], bytes]
#: Raises Refused when the claims are not as they should be.
Check = Callable[[MessageContext, Mapping[str, Any]], None]


CLAIM_FAULTS = Setting(
    "jwt.claim-faults",
    one_of("specific", "InvalidClaim"),
    "specific",
    "the fault of a wrong subject, issuer or audience: `specific` for one of its own each (`JwtSubjectMismatch` and so "
    "on), `InvalidClaim` for that one, as older releases raise",
)


class VerifyJWT(TokenPolicy):
    """Verify a signed or encrypted JWT, its times and its claims, and show what is in it.

    The variables are set before anything is verified, so fault rules can read them; believe them only where `valid` is
    true. A nested token (an encrypted one whose payload is a signed one, header `cty` JWT) is decrypted, and what was
    inside stands in `jwt.{policy}.payload` for a second VerifyJWT.

    Where the reference is silent: TimeAllowance also holds for an `iat` in the future, which is TokenNotYetValid; a
    Subject, Issuer, Audience or Id whose variable is not set while IgnoreUnresolvedVariables is true matches no token;
    MaxLifespan refuses a token without `exp` or beginning (`nbf`, else `iat`) by InvalidClaim. A wrong audience,
    issuer or subject has its own fault, as in the error reference; the setting `jwt.claim-faults` with the value
    `InvalidClaim` gives all of them the name that older systems answered. Keys of a JWKS by address are kept 5 minutes.
    """

    tag = "VerifyJWT"
    prefix = "jwt"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/verify-jwt-policy"
    faults = JWT_FAULTS
    deploy_errors = JWT_DEPLOY_ERRORS
    settings = (CLAIM_FAULTS,)
    variables = {
        **{
            f"jwt.{{policy}}.{name}": meaning
            for name, meaning in (HEADER_VARIABLES | CLAIM_VARIABLES).items()
        },
        "jwt.{policy}.payload": "the signed token inside a nested one",
        "jwt.{policy}.valid": "whether the token passed",
        "jwt.{policy}.error": "what went wrong, when it did",
        "jwt.{policy}.failed": "whether the policy failed; JWT.failed too",
    }
    example = """
<VerifyJWT name="JWT-Check">
  <Algorithm>RS256,RS384</Algorithm>
  <PublicKey><JWKS uri="https://login.example/keys"/></PublicKey>
  <Issuer>urn://login.example</Issuer>
  <Audience>orders</Audience>
  <TimeAllowance>30s</TimeAllowance>
</VerifyJWT>"""
    ignored = (*TokenPolicy.ignored, "CustomClaims", "ClaimsVariable")

    type: str | None = child(
        "Type", one_of("Signed", "Encrypted"), doc="Signed or Encrypted; the algorithm elements say so too"
    )
    algorithm: tuple[Signing, ...] = child(
        "Algorithm",
        ALGORITHMS,
        default=(),
        error="InvalidValueForElement",
        message="{policy}: {value} is no value for <Algorithm>",
        doc="one algorithm, or several of one family with commas",
    )
    algorithms: Algorithms | None = nested("Algorithms", Algorithms, doc="of an encrypted token")
    source: str | None = child("Source", doc="variable with the token; the bearer token by default")
    secret_key: SecretKey | None = nested("SecretKey", SecretKey)
    private_key: PrivateKey | None = nested("PrivateKey", PrivateKey)
    public_key: PublicKey | None = nested("PublicKey", PublicKey)
    password_key: PasswordKey | None = nested("PasswordKey", PasswordKey)
    direct_key: DirectKey | None = nested("DirectKey", DirectKey)
    subject: Value[str] | None = child("Subject", ref=True, doc="what `sub` must be")
    issuer: Value[str] | None = child("Issuer", ref=True, doc="what `iss` must be")
    audience: Value[str] | None = child(
        "Audience", ref=True, doc="one of these, with commas, must be in `aud`"
    )
    id: Value[str] | None = child("Id", ref=True, doc="what `jti` must be; empty: anything")
    additional_claims: AdditionalClaims | None = nested("AdditionalClaims", AdditionalClaims)
    additional_headers: AdditionalHeaders | None = nested("AdditionalHeaders", AdditionalHeaders)
    known_headers: Value[str] | None = child(
        "KnownHeaders", ref=True, doc="comma list of headers `crit` may name"
    )
    ignore_critical: bool = child("IgnoreCriticalHeaders", BOOLEAN, default=False)
    time_allowance: Value[int] | None = child(
        "TimeAllowance",
        PERIOD,
        ref=True,
        error="InvalidTimeFormat",
        message="{policy}: {value} is no time for <TimeAllowance>",
        doc="how far clocks may differ",
    )
    max_lifespan: MaxLifespan | None = nested("MaxLifespan", MaxLifespan)
    ignore_issued_at: bool = child(
        "IgnoreIssuedAt", BOOLEAN, default=False, doc="true: `iat` may be in the future"
    )
    lenient: bool = child("IgnoreUnresolvedVariables", BOOLEAN, default=False)

    def fault(self, name: str, /, **values: object) -> Fault:
        fault = super().fault(name, **values)
        fault.variables[f"jwt.{self.name}.valid"] = False
        return fault

    def check(self, site: Site) -> None:
        check_claim_names(self.additional_claims, site)
        check_header_names(self.additional_headers, site)
        check_source(self.node, self.source, site)
        if len({algorithm.family for algorithm in self.algorithm}) > 1:
            names = ", ".join(algorithm.name for algorithm in self.algorithm)
            site.error(
                self.place("Algorithm"),
                "InvalidFamiliesForAlgorithm",
                "Name algorithms of one family, as RS256,RS384.",
                value=names,
            )
        elif self.algorithm and self.algorithms is not None:
            site.warning(
                self.node,
                "InvalidConfiguration",
                "both <Algorithm> and <Algorithms> are there: every call will fail",
                "Keep <Algorithm> for signed tokens or <Algorithms> for encrypted ones.",
            )
        elif needed := self._needed():
            check_choice(
                needed,
                keys_of(self),
                self._algorithm_name(),
                site,
                "InvalidConfigurationForActionAndAlgorithm",
            )
        elif self.algorithms is None and site.findings.ok:
            report_missing(site, self, "Algorithms" if self.type == "Encrypted" else "Algorithm")

    def _needed(self) -> str:
        """Name of the key element that the algorithm takes; empty when the algorithm is unknown."""
        if self.algorithm:
            return "SecretKey" if self.algorithm[0].family == "HS" else "PublicKey"
        if self.algorithms is not None and self.algorithms.key is not None:
            kind = KEY_ENCRYPTION[self.algorithms.key]
            return "PrivateKey" if kind in ("RSA", "EC") else kind
        return ""

    def _algorithm_name(self) -> str:
        if self.algorithm:
            return self.algorithm[0].name
        return (self.algorithms.key if self.algorithms is not None else None) or ""

    def compile(self, site: Site) -> StepFunction:
        if self.algorithm and self.algorithms is not None:
            return self._always_invalid()
        read = compile_source(self.source, site)
        key_type = self.algorithm[0].key_type if self.algorithm else ""
        element = required_choice(keys_of(self)[self._needed()])
        find = key_finder(element, site, lenient=self.lenient, key_type=key_type, use="sig")
        known = resolver(self.known_headers, site, lenient=self.lenient)
        check_critical = compile_critical(known, ignore=self.ignore_critical)
        encrypted = not self.algorithm
        open_token = self._decrypter() if encrypted else self._verifier()
        judge_algorithm = self._algorithm_judge()
        check_claims = self._claims_check(site)
        expected_headers = collector(self.additional_headers, site, lenient=self.lenient)
        prefix, world = f"jwt.{self.name}.", site.world

        def finish(ctx: MessageContext, token: Token, claims: dict[str, Any], key: Key) -> None:
            data = open_token(token, key)
            if encrypted:
                if _nested(token, data):
                    ctx.variables[f"{prefix}payload"] = data.decode("ascii")
                else:
                    claims, payload = read_payload(data)
                    ctx.variables.update(claim_variables(prefix, claims, payload, world.now()))
            check_claims(ctx, claims)
            if expected_headers is not None:
                check_values(expected_headers(ctx), token.header)
            ctx.variables[f"{prefix}valid"] = True

        def verify_jwt(ctx: MessageContext) -> Awaitable[Any] | None:
            token = read_token(read(ctx))
            ctx.variables.update(header_variables(prefix, token.header, token.header_text))
            claims: dict[str, Any] = {}
            if not token.encrypted:
                claims, payload = read_payload(_decoded(token.segments[1]))
                ctx.variables.update(claim_variables(prefix, claims, payload, world.now()))
            judge_algorithm(token)
            check_critical(ctx, token.header)
            return awaitable(then(find(ctx, token.header), lambda key: finish(ctx, token, claims, key)))

        return self.step(verify_jwt)

    def _always_invalid(self) -> StepFunction:
        def invalid(ctx: MessageContext) -> None:
            raise self.fault("InvalidConfiguration")

        return invalid

    def _algorithm_judge(self) -> Callable[[Token], None]:
        """Raises Refused: NoAlgorithmFoundInHeader, AlgorithmMismatch, AlgorithmInTokenNotPresentInConfiguration."""
        allowed = {algorithm.name for algorithm in self.algorithm}
        key = content = None
        if self.algorithms is not None:
            key, content = self.algorithms.key, self.algorithms.content
            allowed = {key or ""}
        refusal = "AlgorithmMismatch" if len(allowed) == 1 else "AlgorithmInTokenNotPresentInConfiguration"

        def judge(token: Token) -> None:
            algorithm = token.header.get("alg")
            if not algorithm or not isinstance(algorithm, str):
                raise Refused("NoAlgorithmFoundInHeader")
            if algorithm not in allowed or token.encrypted is not (key is not None):
                raise Refused(refusal, algorithm=algorithm)
            if content is not None and token.header.get("enc") != content:
                raise Refused(refusal, algorithm=token.header.get("enc"))

        return judge

    def _verifier(self) -> Open:
        from apiproxy_policies.security.jose.crypto import verifier  # lazy: loads cryptography

        verifiers = {algorithm.name: verifier(algorithm) for algorithm in self.algorithm}

        def verify(token: Token, key: Key) -> bytes:
            header, payload, signature = token.segments
            data = f"{header}.{payload}".encode("ascii")
            if not verifiers[token.header["alg"]](data, _decoded(signature), key):
                raise Refused(INVALID)
            return b""

        return verify

    def _decrypter(self) -> Open:
        from apiproxy_policies.security.jose.crypto import decrypt  # lazy: loads cryptography

        return lambda token, key: decrypt(token.text, token.header, key)

    def _claims_check(self, site: Site) -> Check:
        lenient = self.lenient
        older = site.setting(CLAIM_FAULTS) == "InvalidClaim"
        named: list[tuple[str, str, Callable[[MessageContext], Any]]] = []
        for claim, value, refusal in (
            ("sub", self.subject, "JwtSubjectMismatch"),
            ("iss", self.issuer, "JwtIssuerMismatch"),
            (
                "jti",
                self.id if self.id is not None and (self.id.ref or self.id.text) else None,
                "InvalidClaim",
            ),
        ):
            resolve = resolver(value, site, lenient=lenient)
            if resolve is not None:
                named.append((claim, "InvalidClaim" if older else refusal, resolve))
        audience = resolver(self.audience, site, lenient=lenient)
        wrong_audience = "InvalidClaim" if older else "JwtAudienceMismatch"
        expected = collector(self.additional_claims, site, lenient=lenient)
        check_times = compile_times(
            self.time_allowance,
            self.max_lifespan,
            site,
            ignore_issued_at=self.ignore_issued_at,
            lenient=lenient,
        )

        def check(ctx: MessageContext, claims: Mapping[str, Any]) -> None:
            check_times(ctx, claims)
            for claim, refusal, resolve in named:
                value = resolve(ctx)
                if value is None or claims.get(claim) != text_of(value):
                    raise Refused(refusal, claim=claim)
            if audience is not None:
                found = claims.get("aud")
                actual = found if isinstance(found, list) else [found]
                value = audience(ctx)
                if value is None or not any(name in actual for name in split_list(value)):
                    raise Refused(wrong_audience, claim="aud")
            if expected is not None:
                check_values(expected(ctx), claims)

        return check


def _decoded(segment: str) -> bytes:
    try:
        return decode(segment)
    except ValueError:
        raise Refused("FailedToDecode") from None


def _nested(token: Token, data: bytes) -> bool:
    return str(token.header.get("cty", "")).upper() == "JWT" and data.isascii()
