"""DecodeJWT: shows what is in a token without verifying it."""

from __future__ import annotations

from apiproxy_policies.security.jose.compact import decode, read_payload, read_token
from apiproxy_policies.security.jose.policy import JWT_FAULTS, TokenPolicy
from apiproxy_policies.security.jose.refused import Refused
from apiproxy_policies.security.jose.source import check_source, compile_source
from apiproxy_policies.security.jose.variables import (
    CLAIM_VARIABLES,
    HEADER_VARIABLES,
    claim_variables,
    header_variables,
)
from apiproxy_runtime.policy.api import MessageContext, Site, StepFunction, child


class DecodeJWT(TokenPolicy):
    """Decode a JWT without verifying it.

    Signature and times are not looked at, so believe nothing that is read. Of an encrypted token only the header is
    shown. `Bearer ` is cut off from the Authorization header, and required there; other variables must hold the bare
    token (seen in live answers).
    """

    tag = "DecodeJWT"
    prefix = "jwt"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/decode-jwt-policy"
    faults = {
        name: JWT_FAULTS[name] for name in ("FailedToDecode", "FailedToResolveVariable", "InvalidToken")
    } | {"UnknownException": JWT_FAULTS["UnknownException"]}
    deploy_errors = {"InvalidEmptyElement": "{policy}: <{element}> is empty"}
    variables = {
        **{
            f"jwt.{{policy}}.{name}": meaning
            for name, meaning in (HEADER_VARIABLES | CLAIM_VARIABLES).items()
        },
        "jwt.{policy}.error": "what went wrong, when it did",
        "jwt.{policy}.failed": "whether the policy failed; JWT.failed too",
    }
    example = """
<DecodeJWT name="JWT-Look">
  <Source>request.formparam.token</Source>
</DecodeJWT>"""

    source: str | None = child("Source", doc="variable with the token; the bearer token by default")

    def check(self, site: Site) -> None:
        check_source(self.node, self.source, site)

    def compile(self, site: Site) -> StepFunction:
        read = compile_source(self.source, site)
        prefix, world = f"jwt.{self.name}.", site.world

        def decode_jwt(ctx: MessageContext) -> None:
            text = read(ctx)
            try:
                token = read_token(text)
                found = header_variables(prefix, token.header, token.header_text)
                if not token.encrypted:
                    claims, payload = read_payload(decode(token.segments[1]))
                    found.update(claim_variables(prefix, claims, payload, world.now()))
            except (Refused, ValueError):
                raise Refused("FailedToDecode") from None
            ctx.variables.update(found)

        return self.step(decode_jwt)
