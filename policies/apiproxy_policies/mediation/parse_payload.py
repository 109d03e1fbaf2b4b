"""ParsePayload: reads a JSON-RPC request of the Model Context Protocol into flow variables."""

from __future__ import annotations

import json
from typing import Any

from apiproxy_runtime.policy.api import (
    PAYLOAD_OPERATION,
    VARIABLE,
    Message,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    child,
    fault_table,
    one_of,
    text_of,
)


class ParsePayload(Policy):
    """Parse a JSON-RPC request, as MCP sends them, so that products and policies can use it.

    `operation` is the method, with the name of what is meant behind it where the parameters have one: the operations of
    API products are matched with it, so the policy runs before VerifyAPIKey or OAuthV2. A request without a body that
    is no POST (MCP opens and ends its streams so) has nothing to parse and passes. Names of faults that the reference page
    leaves open are this runtime's own.
    """

    tag = "ParsePayload"
    family = "mediation"
    prefix = "parsepayload"
    profiles = ("apigeex",)
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/parse-payload-policy"
    faults = fault_table(
        "steps.parsepayload",
        ("ParsingFailed", 400, "ParsePayload[{policy}]: the payload is no JSON-RPC 2.0 message: {reason}"),
        ("SourceMessageNotAvailable", 500, "{variable} message is not available for ParsePayload: {policy}"),
        ("NonMessageVariable", 500, "Variable {variable} does not resolve to a Message"),
    )
    deploy_errors = {
        "UnsupportedPayloadType": "ParsePayload[{policy}]: payload type {type} and protocol {protocol} are not supported",
    }
    variables = {
        "parsepayload.{policy}.operation": "`tools/list`, `tools/call/NAME`",
        PAYLOAD_OPERATION: "the same, of the ParsePayload that ran last: what API products are matched with",
        "parsepayload.{policy}.json-rpc.request.method": "the method",
        "parsepayload.{policy}.json-rpc.request.id": "the request's id; not set for a notification",
        "parsepayload.{policy}.json-rpc.request.params.name": "name of the tool, resource or prompt",
        "parsepayload.{policy}.json-rpc.request.params.arguments.{name}": "an argument; objects and lists as JSON",
    }
    example = """
<ParsePayload name="PP-MCP">
  <Source>request</Source>
  <PayloadType>JSON-RPC-2.0</PayloadType>
  <Protocol>MCP</Protocol>
</ParsePayload>"""

    source: str | None = child("Source", VARIABLE, doc="message to parse, `request` by default")
    payload_type: str = child(
        "PayloadType",
        one_of("JSON-RPC-2.0", ignore_case=True),
        default="JSON-RPC-2.0",
        error="UnsupportedPayloadType",
        message="ParsePayload[{policy}]: payload type {value} is not supported",
        cure="Write JSON-RPC-2.0.",
    )
    protocol: str = child(
        "Protocol",
        one_of("MCP", ignore_case=True),
        default="MCP",
        error="UnsupportedPayloadType",
        message="ParsePayload[{policy}]: protocol {value} is not supported",
        cure="Write MCP.",
    )

    def compile(self, site: Site) -> StepFunction:
        source = (self.source or "").strip() or "request"
        get = site.getter(source)
        start = f"parsepayload.{self.name}"
        rpc = f"{start}.json-rpc.request"

        def parse_payload(ctx: MessageContext) -> None:
            message = get(ctx)
            if message.__class__ is not Message:
                kind = "SourceMessageNotAvailable" if message is None else "NonMessageVariable"
                raise self.fault(kind, variable=source)
            if not message.body and message.is_request and message.verb != "POST":
                return
            content = self._content(message)
            method = content.get("method")
            if method is None:
                return
            params = content.get("params")
            named = params.get("name") if isinstance(params, dict) else None
            variables = ctx.variables
            operation = f"{method}/{named}" if isinstance(named, str) else method
            variables[f"{start}.operation"] = variables[PAYLOAD_OPERATION] = operation
            variables[f"{rpc}.method"] = method
            if content.get("id") is not None:
                variables[f"{rpc}.id"] = content["id"]
            for name, value in params.items() if isinstance(params, dict) else ():
                if name == "arguments" and isinstance(value, dict):
                    for key, each in value.items():
                        variables[f"{rpc}.params.arguments.{key}"] = _plain(each)
                else:
                    variables[f"{rpc}.params.{name}"] = _plain(value)

        return parse_payload

    def _content(self, message: Message) -> dict[str, Any]:
        """The JSON-RPC message: a request, a notification or (without a method) an answer."""
        try:
            content = message.json()
        except (ValueError, RecursionError) as error:
            raise self.fault("ParsingFailed", reason=error) from None
        if not isinstance(content, dict):
            raise self.fault("ParsingFailed", reason="it is not an object")
        method = content.get("method")
        if content.get("jsonrpc") != "2.0":
            reason = '"jsonrpc" is not "2.0"'
        elif method is None and not content.keys() & {"result", "error"}:
            reason = 'it has no "method"'
        elif method is not None and not isinstance(method, str):
            reason = '"method" is not a string'
        elif not isinstance(content.get("params", {}), dict | list):
            reason = '"params" is neither an object nor an array'
        elif isinstance(content.get("id"), dict | list | bool):
            reason = '"id" is neither a string nor a number'
        else:
            return content
        raise self.fault("ParsingFailed", reason=reason)


def _plain(value: Any) -> object:
    """Scalars as they are, objects and lists as compact JSON."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value if value is None or isinstance(value, str | bool | int | float) else text_of(value)
