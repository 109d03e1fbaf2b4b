"""VerifyAPIKey: lets a call pass when its key belongs to an app with a product for it."""

from __future__ import annotations

from typing import Any

from apiproxy_policies.security.consumer_variables import general, identity
from apiproxy_runtime.policy.api import (
    Consumer,
    Element,
    Fault,
    Grant,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    Value,
    at_least,
    child,
    fault_table,
    nested,
    text,
    text_of,
)


class APIKey(Element):
    """The variable that holds the key, or the key itself."""

    value: Value[str] = text(ref=True)


class VerifyAPIKey(Policy):
    """Verify an API key and load the data of its app, developer and API product.

    The key must be known, approved and not expired, its app approved, its developer active; then one of the
    products that are approved for it must cover environment, proxy, path and verb of the call. Products are tried in
    the key's order. A key that awaits approval is `ApiKeyNotApproved`, a revoked one is `InvalidApiKey` as recorded
    from live systems. `CacheExpiryInSeconds` has no effect: keys are in memory, and a change counts at once.
    """

    tag = "VerifyAPIKey"
    family = "security"
    prefix = "verifyapikey"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/verify-api-key-policy"
    faults = {
        **fault_table(
            "steps.oauth.v2",
            (
                "FailedToResolveAPIKey",
                401,
                "Failed to resolve API Key variable {variable}",
                "the variable is not set",
            ),
        ),
        **fault_table(
            "oauth.v2",
            ("InvalidApiKey", 401, "Invalid ApiKey", "the key is unknown, revoked or expired"),
            (
                "InvalidApiKeyForGivenResource",
                401,
                "Invalid ApiKey for given resource",
                "no approved product of the key covers environment, proxy, path and verb",
            ),
            ("ApiKeyNotApproved", 401, "ApiKey is not approved", "the key awaits approval"),
        ),
        **fault_table(
            "keymanagement.service",
            (
                "invalid_client-app_not_approved",
                401,
                "invalid client app - not approved",
                "the app is not approved",
            ),
            ("DeveloperStatusNotActive", 401, "Developer Status is not Active", "the developer is inactive"),
            (
                "consumer_key_missing_api_product_association",
                400,
                "Consumer key is not associated with any API product",
                "the key has no product at all",
            ),
        ),
    }
    deploy_errors = {
        "SpecifyValueOrRefApiKey": "VerifyAPIKey {policy}: either a value or a reference must be given for APIKey",
    }
    variables = {
        "verifyapikey.{policy}.client_id": "the key; without prefix too",
        "verifyapikey.{policy}.client_secret": "its secret",
        "verifyapikey.{policy}.redirection_uris": "callback URL of the app",
        "verifyapikey.{policy}.developer.app.id": "id of the app; `app.id` too",
        "verifyapikey.{policy}.developer.app.name": "name of the app; `app.name` too",
        "verifyapikey.{policy}.DisplayName": "display name of the app",
        "verifyapikey.{policy}.{attribute}": "custom attribute of the app; `app.{attribute}` too",
        "verifyapikey.{policy}.app.{property}": "accessType, callbackUrl, DisplayName, status, apiproducts, appFamily, "
        "appParentStatus, appType, appParentId, created_at, created_by, last_modified_at, last_modified_by",
        "verifyapikey.{policy}.developer.{property}": "id, userName, firstName, lastName, email, status, apps, "
        "created_at, created_by, last_modified_at, last_modified_by, custom attributes",
        "verifyapikey.{policy}.apiproduct.name": "the product that covers the call",
        "verifyapikey.{policy}.apiproduct.{attribute}": "its custom attributes",
        "verifyapikey.{policy}.apiproduct.developer.quota.limit": "its quota, or the operation's own; also interval, "
        "timeunit, and llmQuota in place of quota for tokens",
        "verifyapikey.{policy}.apiproduct.operation.resource": "the operation that covers the call; also methods, "
        "attributes.{name}",
        "apigee.client_id": "the key; also developer.id, developer.email, developer.app.name, apiproduct.name",
        "verifyapikey.{policy}.failed": "true when the policy failed; oauthV2.{policy}.failed too",
    }
    example = """
<VerifyAPIKey name="VAK-Key">
  <APIKey ref="request.queryparam.apikey"/>
</VerifyAPIKey>"""

    api_key: APIKey | None = nested("APIKey", APIKey, doc="where the key is")
    cache_expiry: Value[int] | None = child(
        "CacheExpiryInSeconds",
        at_least(1, "a number of seconds from 1 to 180"),
        ref=True,
        doc="for how long Apigee keeps what it knows of a key (1 to 180); no effect here",
    )

    def failed_variables(self) -> tuple[str, ...]:
        return (f"verifyapikey.{self.name}.failed", f"oauthV2.{self.name}.failed")

    def check(self, site: Site) -> None:
        if self.api_key is None or not (self.api_key.value.ref or self.api_key.value.text):
            site.error(
                self.api_key.node if self.api_key is not None else self.node,
                "SpecifyValueOrRefApiKey",
                'Write <APIKey ref="request.queryparam.apikey"/>.',
            )

    def compile(self, site: Site) -> StepFunction:
        assert self.api_key is not None
        value = self.api_key.value
        literal = value.text
        variable = value.ref or ""
        get = site.getter(variable) if variable else lambda ctx: literal
        services, world = site.services, site.world
        prefix = f"verifyapikey.{self.name}."

        def verify_api_key(ctx: MessageContext) -> None:
            key = get(ctx)
            if key.__class__ is not str:
                key = text_of(key)
            key = key or literal
            if not key:
                raise self.fault("FailedToResolveAPIKey", variable=variable)
            consumer = services.catalog.consumers.get(key)
            if consumer is None:
                raise self.fault("InvalidApiKey")
            if consumer.problem or (consumer.expires and consumer.expires <= world.now()):
                raise self._refusal(consumer)
            grant = consumer.grant(ctx)
            if grant is None:
                raise self._no_product(consumer)
            prepared = consumer.prepared.get((prefix, grant))
            if prepared is None:
                prepared = consumer.prepared[prefix, grant] = _variables(prefix, consumer, grant)
            ctx.variables.update(prepared)

        return verify_api_key

    def _refusal(self, consumer: Consumer) -> Fault:
        if consumer.problem == "app":
            return self.fault("invalid_client-app_not_approved")
        if consumer.problem == "developer":
            return self.fault("DeveloperStatusNotActive")
        if consumer.problem == "key" and consumer.credential.status == "pending":
            return self.fault("ApiKeyNotApproved")
        return self.fault("InvalidApiKey")

    def _no_product(self, consumer: Consumer) -> Fault:
        if not consumer.credential.api_products:
            return self.fault("consumer_key_missing_api_product_association")
        return self.fault("InvalidApiKeyForGivenResource")


def _variables(prefix: str, consumer: Consumer, grant: Grant) -> dict[str, Any]:
    app, credential = consumer.app, consumer.credential
    shared = general(consumer, grant)
    return {
        **shared,
        **identity(consumer, grant),
        **{f"{prefix}{name}": value for name, value in credential.attributes.items()},
        **{f"{prefix}{name}": value for name, value in app.attributes.items()},
        **{f"{prefix}{name}": value for name, value in shared.items()},
        f"{prefix}client_secret": credential.consumer_secret,
        f"{prefix}redirection_uris": app.callback_url,
        f"{prefix}DisplayName": app.attributes.get("DisplayName") or app.display_name,
        f"{prefix}status": credential.status,
    }
