"""ParseDialogflowRequest: reads a Dialogflow webhook request into flow variables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from apiproxy_runtime.policy.api import (
    MessageContext,
    Policy,
    Site,
    StepFunction,
    child,
    fault_table,
    one_of,
)

#: Members that a WebhookRequest of Dialogflow CX has at least one of (Dialogflow CX reference, WebhookRequest).
_MEMBERS = frozenset(
    (
        *(
            "detectIntentResponseId",
            "languageCode",
            "fulfillmentInfo",
            "intentInfo",
            "pageInfo",
            "sessionInfo",
        ),
        *("messages", "payload", "sentimentAnalysisResult", "languageInfo"),
        *("text", "triggerIntent", "transcript", "triggerEvent", "dtmfDigits"),
    )
)


class ParseDialogflowRequest(Policy):
    """Read a Dialogflow CX WebhookRequest from the request's body into flow variables.

    Every member becomes a variable under `google.dialogflow.`, or `google.dialogflow.PREFIX.`: objects are followed
    (`sessionInfo.session`, `fulfillmentInfo.tag`, `intentInfo.displayName`), lists are JSON. Session parameters have their
    bare names as well. The reference page names the variables' beginning only; the request is not changed.
    """

    tag = "ParseDialogflowRequest"
    family = "mediation"
    prefix = "parsedialogflowrequest"
    profiles = ("apigeex",)
    docs = (
        "https://cloud.google.com/apigee/docs/api-platform/reference/policies/parse-dialogflow-request-policy"
    )
    faults = fault_table(
        "steps.parsedialogflowrequest",
        ("ParseFailed", 500, "ParseDialogflowRequest[{policy}]: the request is no WebhookRequest: {reason}"),
    )
    variables = {
        "google.dialogflow.{VariablePrefix}.{parameter}": "a session parameter",
        "google.dialogflow.{VariablePrefix}.sessionInfo.session": "id of the session",
        "google.dialogflow.{VariablePrefix}.fulfillmentInfo.tag": "tag of the fulfillment",
        "google.dialogflow.{VariablePrefix}.intentInfo.displayName": "name of the intent",
    }
    example = """
<ParseDialogflowRequest name="PDR-Booking">
  <DialogflowVersion>CX</DialogflowVersion>
  <VariablePrefix>booking</VariablePrefix>
</ParseDialogflowRequest>"""

    variable_prefix: str = child("VariablePrefix", default="", doc="stands behind `google.dialogflow`")
    version: str = child("DialogflowVersion", one_of("CX", ignore_case=True), default="CX")

    def compile(self, site: Site) -> StepFunction:
        start = f"google.dialogflow.{self.variable_prefix}." if self.variable_prefix else "google.dialogflow."

        def parse_dialogflow_request(ctx: MessageContext) -> None:
            try:
                content = ctx.request.json()
            except (ValueError, RecursionError) as error:
                raise self.fault("ParseFailed", reason=error) from None
            if not isinstance(content, dict) or not content.keys() & _MEMBERS:
                raise self.fault("ParseFailed", reason="it has none of a WebhookRequest's members")
            session = content.get("sessionInfo")
            parameters = session.get("parameters") if isinstance(session, dict) else None
            for name, value in (*_flat(content), *_top(parameters)):
                ctx.variables[start + name] = value

        return parse_dialogflow_request


def _flat(value: dict[str, Any], path: str = "") -> Iterator[tuple[str, object]]:
    """(name, value) of every member, objects followed."""
    pending: list[tuple[str, Any]] = [(path + key, each) for key, each in value.items()]
    while pending:
        name, each = pending.pop()
        if isinstance(each, dict):
            pending += [(f"{name}.{key}", inner) for key, inner in each.items()]
        else:
            yield name, _plain(each)


def _top(parameters: object) -> Iterator[tuple[str, object]]:
    if isinstance(parameters, dict):
        for name, value in parameters.items():
            yield name, _plain(value)


def _plain(value: object) -> object:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value
