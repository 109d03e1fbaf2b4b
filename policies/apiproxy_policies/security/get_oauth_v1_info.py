"""GetOAuthV1Info: loads what is known of an OAuth 1.0a token or key into variables (Apigee Edge)."""

from __future__ import annotations

from typing import Any

from apiproxy_policies.security.oauth.info import Given, given
from apiproxy_runtime.policy.api import (
    Answer,
    Consumer,
    MessageContext,
    Policy,
    RequestToken,
    Site,
    StepFunction,
    Tokens,
    fault_table,
    nested,
    then,
)


class GetOAuthV1Info(Policy):
    """Load the profile of an OAuth 1.0a access token, request token, verifier or consumer key. Apigee Edge only.

    One of the four is looked up. The reference lists no faults; a value that is not known is one here, as with
    GetOAuthV2Info.
    """

    tag = "GetOAuthV1Info"
    family = "security"
    prefix = "oauthV1"
    profiles = ("apigee",)
    docs = "https://docs.apigee.com/api-platform/reference/policies/get-oauth-v1-info-policy"
    faults = fault_table(
        "oauth.v1",
        ("token_rejected", 401, "Invalid token", "the token or verifier is unknown"),
        ("consumer_key_unknown", 401, "Invalid Consumer Key", "the key is unknown"),
    )
    deploy_errors = {
        "InvalidParameter": "GetOAuthV1Info {policy}: give one of AccessToken, RequestToken, ConsumerKey, Verifier",
    }
    variables = {
        "oauthv1accesstoken.{policy}.access_token": "also client_id, app_enduser, status, issued_at, developer.*",
        "oauthv1requesttoken.{policy}.request_token": "also client_id, callback, verifier, status, issued_at",
        "oauthv1verifier.{policy}.verifier": "also request_token, client_id",
        "oauthv1client.{policy}.client_id": "also client_secret, redirection_uris, developer.*",
        "oauthV1.{policy}.failed": "true when the policy failed",
    }
    example = """
<GetOAuthV1Info name="G1-Key">
  <ConsumerKey ref="request.queryparam.key"/>
</GetOAuthV1Info>"""

    access_token: Given | None = nested("AccessToken", Given, doc="access token to look up")
    request_token: Given | None = nested("RequestToken", Given, doc="request token to look up")
    consumer_key: Given | None = nested("ConsumerKey", Given, doc="consumer key to look up")
    verifier: Given | None = nested("Verifier", Given, aliases=("VerifierCode",), doc="verifier to look up")

    def check(self, site: Site) -> None:
        given_ones = (self.access_token, self.request_token, self.consumer_key, self.verifier)
        if sum(element is not None for element in given_ones) != 1:
            site.error(self.node, "InvalidParameter", "Keep exactly one of them.")

    def compile(self, site: Site) -> StepFunction:
        services = site.services
        if self.consumer_key is not None:
            key, prefix = given(site, self.consumer_key), f"oauthv1client.{self.name}."

            def client(ctx: MessageContext) -> None:
                consumer = services.catalog.consumers.get(key(ctx))
                if consumer is None:
                    raise self.fault("consumer_key_unknown")
                found = {
                    **consumer.app.attributes,
                    "client_id": consumer.key,
                    "client_secret": consumer.credential.consumer_secret,
                    "redirection_uris": consumer.app.callback_url,
                    **_owner(consumer),
                }
                ctx.variables.update({f"{prefix}{name}": value for name, value in found.items()})

            return client
        tokens = Tokens(site.store, site.environment.organization)
        if self.verifier is not None:
            kind, element, records = "verifier", self.verifier, tokens.verifiers
        elif self.request_token is not None:
            kind, element, records = "requesttoken", self.request_token, tokens.version_one
        else:
            kind, element, records = "accesstoken", self.access_token or Given(), tokens.version_one
        value, prefix = given(site, element), f"oauthv1{kind}.{self.name}."

        def step(ctx: MessageContext) -> Answer[None]:
            def tell(token: RequestToken | None) -> None:
                if token is None or token.access != (kind == "accesstoken"):
                    raise self.fault("token_rejected")
                found = _profile(kind, token)
                consumer = services.catalog.consumers.get(token.client_id)
                if consumer is not None:
                    found |= _owner(consumer)
                ctx.variables.update({f"{prefix}{name}": text for name, text in found.items()})

            return then(records.get(value(ctx)), tell)

        return step


def _owner(consumer: Consumer) -> dict[str, str]:
    return {
        "developer.id": f"{consumer.catalog.organization}@@@{consumer.developer_id}",
        "developer.email": consumer.developer.email,
        "developer.app.name": consumer.app.name,
        "developer.app.id": consumer.app_id,
    }


def _profile(kind: str, token: RequestToken) -> dict[str, Any]:
    shared = {"client_id": token.client_id, "status": token.status, "issued_at": str(token.issued_at)}
    if kind == "accesstoken":
        return {
            **token.attributes,
            **shared,
            "access_token": token.value,
            "oauth_token_secret": token.secret,
            "app_enduser": token.end_user,
        }
    if kind == "requesttoken":
        return {
            **shared,
            "request_token": token.value,
            "callback": token.callback,
            "verifier": token.verifier,
            "app_enduser": token.end_user,
        }
    return {**shared, **token.attributes, "verifier": token.value}
