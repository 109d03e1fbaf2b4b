"""What the six token policies have in common: their faults, and the variables that tell of a failure."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from types import CoroutineType
from typing import Any, ClassVar

from apiproxy_policies.security.jose.refused import INVALID, Refused
from apiproxy_runtime.policy.api import (
    Answer,
    Fault,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    fault_table,
)

logger = logging.getLogger("apiproxy")

_AT = "policy({policy})"

#: Texts recorded from live systems: FailedToDecode, FailedToResolveVariable, AlgorithmMismatch, InvalidClaim,
#: InvalidToken, TokenExpired, TokenNotYetValid. The error reference gives names and causes only; the other texts
#: are made after the same pattern.
_SHARED = (
    (
        "AlgorithmInTokenNotPresentInConfiguration",
        401,
        f"Algorithm in token is not present in configuration: {_AT} algorithm({{algorithm}})",
        "the policy names several algorithms and the token's is not among them",
    ),
    (
        "AlgorithmMismatch",
        401,
        "Algorithm in header did not match any algorithm specified in Configuration: "
        f"{_AT} algorithm({{algorithm}})",
        "the token's algorithm is not the one the policy names",
    ),
    ("FailedToDecode", 401, f"Failed to Decode Token: {_AT}", "the token has not the form of one"),
    (
        "FailedToResolveVariable",
        401,
        f"Failed to Resolve Variable : {_AT} variable({{variable}})",
        "a variable is not set and IgnoreUnresolvedVariables is false",
    ),
    ("GenerationFailed", 401, f"Generation failed: {_AT}", "the token cannot be made"),
    (
        "InsufficientKeyLength",
        401,
        f"Insufficient key length: {_AT}",
        "a secret has fewer bytes than the algorithm's hash (32, 48 or 64), or an RSA key fewer than 2048 bits",
    ),
    (
        "InvalidClaim",
        401,
        f"Invalid Claim: {_AT} claim({{claim}})",
        "a claim or header is missing, or is not what it should be",
    ),
    ("InvalidCurve", 401, f"Invalid curve: {_AT}", "the key's curve is not the algorithm's"),
    ("InvalidJsonFormat", 401, f"Invalid JSON format: {_AT}", "header or payload are no JSON object"),
    ("InvalidPrivateKey", 401, f"Invalid private key: {_AT}", "the private key, or its password, is unusable"),
    ("InvalidSecretKey", 401, f"Invalid secret key: {_AT}", "the secret is empty, not of its encoding, or of a wrong length"),
    ("KeyIdMissing", 401, f"Key ID missing in the header: {_AT}", "the keys are a JWKS and the token names none"),
    ("KeyParsingFailed", 401, f"Key parsing failed: {_AT}", "the public key, certificate or JWKS cannot be read or fetched"),
    ("NoAlgorithmFoundInHeader", 401, f"No algorithm found in header: {_AT}", "the token has no `alg`"),
    ("NoMatchingPublicKey", 401, f"No matching public key: {_AT}", "the JWKS has no key of the token's id"),
    (
        "SigningFailed",
        401,
        f"Signing failed: {_AT}",
        "a secret is too short for HS384 or HS512, or the key cannot sign",
    ),
    (
        "UnhandledCriticalHeader",
        401,
        f"Unhandled critical header: {_AT} header({{header}})",
        "`crit` names a header that is not among KnownHeaders",
    ),
    ("UnknownException", 401, f"Unknown exception: {_AT}", "something else went wrong; the log says what"),
    ("WrongKeyType", 401, f"Wrong key type: {_AT}", "an RSA key for an EC algorithm, or the like"),
)  # fmt: skip

JWT_FAULTS = fault_table(
    "steps.jwt",
    *_SHARED,
    ("EncryptionFailed", 401, f"Encryption failed: {_AT}", "the token cannot be encrypted"),
    (
        "InvalidConfiguration",
        401,
        f"Invalid configuration: {_AT}",
        "both <Algorithm> and <Algorithms> are there",
    ),
    ("InvalidPasswordKey", 401, f"Invalid password key: {_AT}", "the password is empty"),
    ("InvalidPublicKey", 401, f"Invalid public key: {_AT}", "the public key is too short to encrypt"),
    (
        "InvalidToken",
        401,
        f"Invalid token: {_AT}",
        "the signature is not the key's, the token cannot be decrypted, or there is no bearer token",
    ),
    ("JwtAudienceMismatch", 401, f"Audience mismatch in the token: {_AT}", "`aud` holds none of the audiences"),
    ("JwtIssuerMismatch", 401, f"Issuer mismatch in the token: {_AT}", "`iss` is not the issuer"),
    ("JwtSubjectMismatch", 401, f"Subject mismatch in the token: {_AT}", "`sub` is not the subject"),
    ("TokenExpired", 401, f"The Token has expired: {_AT}", "`exp` is past"),
    ("TokenNotYetValid", 401, f"The Token is not yet valid: {_AT}", "`nbf` or `iat` is in the future"),
)  # fmt: skip

JWS_FAULTS = fault_table(
    "steps.jws",
    *_SHARED,
    (
        "ContentIsNotDetached",
        401,
        f"Content is not detached: {_AT}",
        "<DetachedContent> is there and the token carries its payload",
    ),
    ("InvalidJws", 401, f"Invalid JWS: {_AT}", "the signature is not the key's, or there is no bearer token"),
    ("InvalidPayload", 401, f"Invalid payload: {_AT}", "the payload cannot stand in a token"),
    (
        "InvalidSignature",
        401,
        f"Invalid signature: {_AT}",
        "the token has no payload and <DetachedContent> is missing",
    ),
    ("MissingPayload", 401, f"Missing payload: {_AT}", "there is nothing to sign, or nothing to verify"),
)

_KEY_ERRORS = {
    "EmptyElementForKeyConfiguration": "{policy}: <{element}> is empty",
    "InvalidKeyConfiguration": "{policy}: <{element}> has no <Value>",
    "InvalidPublicKeyValue": "{policy}: <Value> of <PublicKey> is no PEM",
    "InvalidPublicKeyId": "{policy}: <Id> of <PublicKey> is empty",
    "InvalidSecretInConfig": "{policy}: <{element}> holds a secret as text",
    "InvalidVariableNameForSecret": "{policy}: <{element}> takes its secret from {variable}, which does not begin with private.",
    "InvalidValueForElement": "{policy}: {value} is no value for <{element}>",
    "MissingConfigurationElement": "{policy}: <{element}> is missing",
    "InvalidFamiliesForAlgorithm": "{policy}: {value} are algorithms of several families",
    "InvalidEmptyElement": "{policy}: <{element}> is empty",
    "InvalidNameForAdditionalHeader": "{policy}: {name} cannot stand in AdditionalHeaders",
}
JWT_DEPLOY_ERRORS = {
    **_KEY_ERRORS,
    "InvalidNameForAdditionalClaim": "{policy}: {name} cannot stand in AdditionalClaims",
    "InvalidConfigurationForActionAndAlgorithm": "{policy}: <{element}> holds no key for {algorithm}",
    "InvalidTimeFormat": "{policy}: {value} is no time for <{element}>",
}
JWS_DEPLOY_ERRORS = {
    **_KEY_ERRORS,
    "InvalidAlgorithm": "{policy}: {value} is not among the signature algorithms",
    "InvalidConfigurationForActionAndAlgorithmFamily": "{policy}: <{element}> holds no key for {algorithm}",
    "InvalidConfigurationForVerify": "{policy}: <{element}> is no key to verify with",
}


class TokenPolicy(Policy):
    """Base of the policies for JWT and JWS.

    marker   JWT or JWS, as in the variable `JWT.failed`
    invalid  name of the fault for a token that is not genuine
    """

    family = "security"
    marker: ClassVar[str] = "JWT"
    invalid: ClassVar[str] = "InvalidToken"

    def failed_variables(self) -> tuple[str, ...]:
        return (f"{self.prefix}.{self.name}.failed", f"{self.marker}.failed")

    def fault(self, name: str, /, **values: object) -> Fault:
        """A fault that also sets `<prefix>.<policy>.error`, which fault rules of public bundles ask for."""
        fault = super().fault(name, **values)
        fault.variables[f"{self.prefix}.{self.name}.error"] = fault.text
        return fault

    def step(self, work: StepFunction) -> StepFunction:
        """Work whose refusals are faults of this policy; what nobody foresaw is UnknownException."""

        def run(ctx: MessageContext) -> Awaitable[Any] | None:
            try:
                answer = work(ctx)
            except Fault:
                raise
            except Exception as error:
                raise self._fault_of(error) from error
            return None if answer is None else self._waiting(answer)

        return run

    async def _waiting(self, answer: Awaitable[Any]) -> None:
        try:
            await answer
        except Fault:
            raise
        except Exception as error:
            raise self._fault_of(error) from error

    def _fault_of(self, error: Exception) -> Fault:
        if isinstance(error, Refused):
            return self.fault(self.invalid if error.name == INVALID else error.name, **error.values)
        logger.error("Step %s (%s) failed unexpectedly", self.name, self.tag, exc_info=error)
        return self.fault("UnknownException")


def awaitable(answer: Answer[None]) -> Awaitable[Any] | None:
    """An answer as a step returns it."""
    return answer if isinstance(answer, CoroutineType) else None


def report_missing(site: Site, policy: Policy, element: str) -> None:
    site.error(policy.node, "MissingConfigurationElement", f"Add <{element}>.", element=element)
