"""DecodeJWS: shows what is in a JWS without verifying it."""

from __future__ import annotations

from apiproxy_policies.security.jose.compact import Token, decode, read_token
from apiproxy_policies.security.jose.policy import JWS_FAULTS, TokenPolicy
from apiproxy_policies.security.jose.refused import Refused
from apiproxy_policies.security.jose.source import check_source, compile_source
from apiproxy_policies.security.jose.variables import HEADER_VARIABLES, header_variables
from apiproxy_runtime.policy.api import MessageContext, Site, StepFunction, child


class DecodeJWS(TokenPolicy):
    """Decode a JWS without verifying it.

    The payload of a detached JWS is not there, which is no error. `Bearer ` is cut off from the Authorization header,
    and required there. The reference names no faults; they are those of VerifyJWS that can arise.
    """

    tag = "DecodeJWS"
    prefix = "jws"
    marker = "JWS"
    invalid = "InvalidJws"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/decode-jws-policy"
    faults = {
        name: JWS_FAULTS[name]
        for name in ("FailedToDecode", "FailedToResolveVariable", "InvalidJws", "UnknownException")
    }
    deploy_errors = {"InvalidEmptyElement": "{policy}: <{element}> is empty"}
    variables = {
        **{f"jws.{{policy}}.{name}": meaning for name, meaning in HEADER_VARIABLES.items()},
        "jws.{policy}.payload": "the payload, unless it is detached",
        "jws.{policy}.error": "what went wrong, when it did",
        "jws.{policy}.failed": "whether the policy failed; JWS.failed too",
    }
    example = """
<DecodeJWS name="JWS-Look">
  <Source>request.header.x-jws-signature</Source>
</DecodeJWS>"""

    source: str | None = child("Source", doc="variable with the token; the bearer token by default")

    def check(self, site: Site) -> None:
        check_source(self.node, self.source, site)

    def compile(self, site: Site) -> StepFunction:
        read, prefix = compile_source(self.source, site), f"jws.{self.name}."

        def decode_jws(ctx: MessageContext) -> None:
            text = read(ctx)
            try:
                token = read_token(text)
                if token.encrypted:
                    raise Refused("FailedToDecode")
                found = header_variables(prefix, token.header, token.header_text)
                if token.segments[1]:
                    found[f"{prefix}payload"] = payload_of(token).decode("utf-8", "replace")
            except (Refused, ValueError):
                raise Refused("FailedToDecode") from None
            ctx.variables.update(found)

        return self.step(decode_jws)


def payload_of(token: Token) -> bytes:
    """The payload that a token carries. Raises ValueError."""
    if token.header.get("b64") is False:
        return token.segments[1].encode()
    return decode(token.segments[1])
