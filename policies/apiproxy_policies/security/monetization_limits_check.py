"""MonetizationLimitsCheck: whether a developer may still use a monetized product."""

from __future__ import annotations

from collections.abc import Callable

from apiproxy_policies.edits import Editing
from apiproxy_policies.mediation.raise_fault import FaultResponse
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Consumer,
    Fault,
    FaultKind,
    Message,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    child,
    default_error,
    nested,
    text_of,
)

_NO_SUBSCRIPTION = "mint.service.subscription_not_found_for_developer"
_NO_BALANCE = "mint.service.developer_usage_exceeds_balance"
_NO_WALLET = "mint.service.wallet_not_found_for_developer"
_INACTIVE = "mint.service.wallet_blocked_due_to_inactivity"
_OK = "limits_status_ok"


class MonetizationLimitsCheck(Policy):
    """Check, after the key or token was verified, that the developer may use the monetized product.

    There is no billing here, so attributes of the test data stand for it. A product is monetized when its attribute
    `mint.monetized` is true; then the developer needs the product in `mint.subscriptions` (names, comma separated).
    A prepaid developer (`MINT_BILLING_TYPE` PREPAID) needs a `mint.balance` above zero, in `mint.currency`;
    `mint.wallet` blocked stands for a wallet that was not used for long. Without all that nothing is blocked.
    Without FaultResponse the policy only sets variables.
    """

    tag = "MonetizationLimitsCheck"
    family = "security"
    prefix = "mint.limitscheck"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/monetization-limits-check-policy"
    faults = {
        code.rpartition(".")[2]: FaultKind(code, 403, code, cause)
        for code, cause in (
            (_NO_SUBSCRIPTION, "no active subscription to the product"),
            (_NO_BALANCE, "the prepaid balance is used up"),
            (_NO_WALLET, "the prepaid developer has no wallet"),
            (_INACTIVE, "the wallet was not used for long"),
        )
    }
    variables = {
        "mint.limitscheck.is_request_blocked": "whether the call is to be refused",
        "mint.limitscheck.is_subscription_found": "whether there is an active subscription",
        "mint.limitscheck.status_message": "why, or limits_status_ok",
        "mint.limitscheck.purchased_product_name": "the product",
        "mint.limitscheck.prepaid_developer_balance": "balance of a prepaid developer",
        "mint.limitscheck.prepaid_developer_currency": "its currency",
        "mint.subscription_start_time_ms": "start of the subscription",
        "mint.subscription_end_time_ms": "end of the subscription",
        "mint.mintng_is_apiproduct_monetized": "whether the product is monetized",
        "mint.limitscheck.isRequestBlocked": "as on Edge; also isDeveloperSuspended and status.message",
    }
    example = """
<MonetizationLimitsCheck name="ML-Check">
  <IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>
  <FaultResponse>
    <Set>
      <Payload contentType="application/json">{"error":"{mint.limitscheck.status_message}"}</Payload>
      <StatusCode>403</StatusCode>
    </Set>
  </FaultResponse>
</MonetizationLimitsCheck>"""

    ignore_unresolved: bool = child(
        "IgnoreUnresolvedVariables",
        BOOLEAN,
        default=True,
        doc="false: an unresolved variable is a fault of its own",
    )
    response: FaultResponse | None = nested(
        "FaultResponse", FaultResponse, doc="what a blocked client gets; without it nobody is blocked"
    )

    def failed_variables(self) -> tuple[str, ...]:
        return ()

    def compile(self, site: Site) -> StepFunction:
        client_id, product = site.getter("client_id"), site.getter("apiproduct.name")
        services = site.services
        refuse = self._compile_fault(site)

        def check(ctx: MessageContext) -> None:
            consumer = services.catalog.consumers.get(text_of(client_id(ctx)))
            status = self._set_variables(ctx, consumer, text_of(product(ctx)))
            if status != _OK and refuse is not None:
                raise refuse(ctx, status)

        return check

    def _set_variables(self, ctx: MessageContext, consumer: Consumer | None, product: str) -> str:
        found = consumer.catalog.products.get(product) if consumer is not None else None
        monetized = found is not None and found.attributes.get("mint.monetized", "").lower() == "true"
        attributes = consumer.developer.attributes if consumer is not None else {}
        subscribed = product in [
            name.strip() for name in attributes.get("mint.subscriptions", "").split(",") if name.strip()
        ]
        status = _status(attributes, subscribed) if monetized else _OK
        blocked = status != _OK
        values: dict[str, object] = {
            "mint.mintng_is_apiproduct_monetized": monetized,
            "mint.limitscheck.is_request_blocked": blocked,
            "mint.limitscheck.is_subscription_found": monetized and subscribed,
            "mint.limitscheck.status_message": status,
            "mint.limitscheck.isRequestBlocked": blocked,
            "mint.limitscheck.isDeveloperSuspended": status == _INACTIVE,
            "mint.limitscheck.status.message": status,
        }
        if monetized and subscribed:
            values["mint.limitscheck.purchased_product_name"] = product
            values["mint.subscription_start_time_ms"] = attributes.get("mint.subscription_start_time_ms", "0")
            values["mint.subscription_end_time_ms"] = attributes.get("mint.subscription_end_time_ms", "-1")
        if monetized and _prepaid(attributes):
            values["mint.limitscheck.prepaid_developer_balance"] = attributes.get("mint.balance")
            values["mint.limitscheck.prepaid_developer_currency"] = attributes.get("mint.currency", "USD")
        ctx.variables.update(values)
        return status

    def _compile_fault(self, site: Site) -> Callable[[MessageContext, str], Fault] | None:
        if self.response is None:
            return None
        editing = Editing(site, self, self.ignore_unresolved)
        edits = tuple(edit for operation in self.response.operations for edit in operation.compile(editing))

        def refuse(ctx: MessageContext, status: str) -> Fault:
            fault = self.fault(status.rpartition(".")[2])
            message = Message.response(fault.status)
            for edit in edits:
                edit(ctx, message)
            fault.status = message.status
            if not message.body:
                message.body = default_error(fault, ctx.request).body
                message.headers.set("Content-Type", "application/json")
            fault.message = message
            return fault

        return refuse


def _prepaid(attributes: dict[str, str]) -> bool:
    return attributes.get("MINT_BILLING_TYPE", "").upper() == "PREPAID"


def _status(attributes: dict[str, str], subscribed: bool) -> str:
    if not subscribed:
        return _NO_SUBSCRIPTION
    if attributes.get("mint.wallet", "").lower() == "blocked":
        return _INACTIVE
    if not _prepaid(attributes):
        return _OK
    try:
        balance = float(attributes["mint.balance"])
    except (KeyError, ValueError):
        return _NO_WALLET
    return _OK if balance > 0 else _NO_BALANCE
