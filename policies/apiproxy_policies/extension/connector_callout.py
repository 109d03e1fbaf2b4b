"""ConnectorCallout: Edge's extensions."""

from __future__ import annotations

import json
from typing import Any

from apiproxy_runtime.policy.api import (
    BOOLEAN,
    PAYLOAD,
    Element,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    attribute,
    child,
    fault_table,
    nested,
    text,
)


class Output(Element):
    parsed: bool = attribute("parsed", BOOLEAN, default=True, doc="false: the result is kept as JSON text")
    name: str = text(default="", doc="variable for the result")


class ConnectorCallout(Policy):
    """Call an extension (Google, AWS, Salesforce …) of Edge's public cloud.

    Extensions are gone from the platform; a local stand-in answers. Each call is kept in this runtime's `connectors`
    records, and the answer comes from the environment's standins.json:
    `{"connectors": {"NAME": {"ACTION": {"status": 200, "output": {…}}}}}`. An extension or action that is not listed
    answers 404, except `log`, which answers with nothing.
    """

    tag = "ConnectorCallout"
    family = "extension"
    prefix = "connectorcallout"
    profiles = ("apigee",)
    aliases = ("ExtensionCallout",)
    docs = "https://docs.apigee.com/api-platform/reference/policies/extension-callout-policy"
    faults = fault_table(
        "steps.connectorcallout",
        (
            "ExecutionFailed",
            500,
            "Execution of ConnectorCallout {policy} failed. Reason: Connector returned error statuscode={code}",
        ),
    )
    deploy_errors = {
        "InvalidConnectorInstance": "Connector must not be empty.",
        "InvalidAction": "Action must not be empty.",
    }
    example = """
<ConnectorCallout name="CC-Log">
  <Connector>cloud-logging</Connector>
  <Action>log</Action>
  <Input>{"logName":"orders","message":"{escapeJSON(order.id)}"}</Input>
</ConnectorCallout>"""

    connector: str = child("Connector", default="", doc="name of the extension")
    action: str = child("Action", default="", doc="action of the extension")
    input: str = child("Input", PAYLOAD, default="", doc="JSON; template")
    output: Output | None = nested("Output", Output)

    def check(self, site: Site) -> None:
        if not (self.connector or "").strip():
            site.error(self.node, "InvalidConnectorInstance", "Name the extension in <Connector>.")
        if not (self.action or "").strip():
            site.error(self.node, "InvalidAction", "Name the action in <Action>.")

    def compile(self, site: Site) -> StepFunction:
        connector, action = self.connector.strip(), self.action.strip()
        render = site.template((self.input or "").strip(), self.node)
        configured = site.environment.stand_ins.get("connectors", {})
        listed: Any = configured.get(connector, {}).get(action) if isinstance(configured, dict) else None
        answer = listed if isinstance(listed, dict) else {"status": 200 if action == "log" else 404}
        status, output = int(answer.get("status", 200)), answer.get("output")
        name = self.output.name.strip() if self.output is not None else ""
        parsed = self.output is None or self.output.parsed
        records = site.services.records

        def callout(ctx: MessageContext) -> None:
            records.add(
                "connectors",
                {"connector": connector, "action": action, "input": render(ctx), "status": status},
            )
            if status >= 400:
                fault = self.fault("ExecutionFailed", code=status)
                fault.status = status
                raise fault
            if not name:
                return
            if not parsed:
                ctx.variables[name] = json.dumps(output, separators=(",", ":"), ensure_ascii=False)
                return
            ctx.variables[name] = (
                output if isinstance(output, str) else json.dumps(output, separators=(",", ":"))
            )
            for path, value in flattened(name, output):
                ctx.variables[path] = value

        return callout


def flattened(prefix: str, value: Any) -> list[tuple[str, Any]]:
    """The members of an object under dotted names, so that `{result.field}` reads them."""
    if not isinstance(value, dict):
        return []
    found: list[tuple[str, Any]] = []
    for key, member in value.items():
        path = f"{prefix}.{key}"
        if isinstance(member, dict):
            found += flattened(path, member)
        else:
            found.append((path, json.dumps(member) if isinstance(member, list) else member))
    return found
