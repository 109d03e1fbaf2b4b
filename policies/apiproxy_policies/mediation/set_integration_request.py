"""SetIntegrationRequest: makes the request object for an Application Integration."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from apiproxy_runtime.policy.api import (
    REQUEST_VARIABLE,
    VARIABLE,
    Element,
    Kind,
    Message,
    MessageContext,
    Node,
    Policy,
    Render,
    Site,
    StepFunction,
    Value,
    attribute,
    child,
    fault_table,
    many,
    nested,
    one_of,
    sequence,
    text,
    text_of,
)

Make = Callable[[MessageContext], Any]
#: The value of a parameter and what is found wrong with it
_SCALARS = ("integer", "string", "boolean", "double")


def _int(value: str) -> int:
    number = int(value, 10)
    if not -(2**63) <= number < 2**63:
        raise ValueError(value)
    return number


def _boolean(value: str) -> bool:
    return {"true": True, "false": False}[value.lower()]


def _json_text(value: str) -> str:
    json.loads(value)
    return value


#: by type: how a text becomes a value, and the members that hold it and a list of it. The REST API's 64-bit integers
#: are texts in JSON, and a JSON parameter is a text too.
_TYPES: dict[str, tuple[Callable[[str], Any], str, str, str]] = {
    "string": (str, "stringValue", "stringArray", "stringValues"),
    "integer": (lambda value: str(_int(value.strip())), "intValue", "intArray", "intValues"),
    "double": (lambda value: float(value), "doubleValue", "doubleArray", "doubleValues"),
    "boolean": (lambda value: _boolean(value.strip()), "booleanValue", "booleanArray", "booleanValues"),
    "json": (_json_text, "jsonValue", "jsonArray", "jsonValues"),
}


def _type(*names: str) -> Kind:
    return one_of(*names, ignore_case=True)


class Item(Element):
    """An item of an array."""

    value: Value[str] = text(ref=True)


class Parameter(Element):
    """One value; `ref` counts first, the text where that is not set."""

    tag = "Parameter"
    name: str = attribute("name", required=True, default="")
    type: str = attribute("type", _type(*_SCALARS, "json"), default="string", doc="of the value")
    value: Value[str] = text(ref=True)


class ParameterArray(Element):
    """A list of values, or with `ref` the list in a variable."""

    tag = "ParameterArray"
    name: str = attribute("name", required=True, default="")
    type: str = attribute("type", _type(*_SCALARS), default="string", doc="of the items")
    ref: str | None = attribute("ref", default=None, doc="variable that holds a list, or a JSON array")
    items: tuple[Item, ...] = many("Value", Item)


class Parameters(Element):
    substitution: str | None = attribute(
        "substitutionVariableChar", default=None, doc="stands before and behind variables in the values"
    )
    items: tuple[Parameter | ParameterArray, ...] = sequence(Parameter, ParameterArray)


class SetIntegrationRequest(Policy):
    """Build the request object for an Application Integration call.

    IntegrationCallout sends it, or the IntegrationEndpoint that a RouteRule names. The object is a message: its content
    is the JSON of the REST API's methods `execute` and `schedule`, with triggerId and inputParameters. Without ProjectId
    the project is the organization's name. The faults have names of this runtime's own: the reference page lists none.
    """

    tag = "SetIntegrationRequest"
    family = "mediation"
    prefix = "setintegrationrequest"
    profiles = ("apigeex",)
    docs = (
        "https://cloud.google.com/apigee/docs/api-platform/reference/policies/set-integration-request-policy"
    )
    faults = fault_table(
        "steps.setintegrationrequest",
        (
            "UnresolvedVariable",
            500,
            "SetIntegrationRequest[{policy}]: unable to resolve variable {variable}",
            "a reference is not set and there is no text beside it",
        ),
        (
            "InvalidParameterValue",
            500,
            "SetIntegrationRequest[{policy}]: the value of parameter {name} is not of type {type}",
        ),
    )
    variables = {
        "integration.project.id": "project of the integration",
        "integration.name": "name of the integration",
        "integration.region": "region of the integration",
        "integration.api.trigger": "id of the trigger",
        "integration.request": "the request object, unless <Request> names another variable",
    }
    example = """
<SetIntegrationRequest name="SIR-Order">
  <ProjectId>my-project</ProjectId>
  <IntegrationName>process-order</IntegrationName>
  <IntegrationRegion>europe-west1</IntegrationRegion>
  <ApiTrigger>api_trigger/process-order_API_1</ApiTrigger>
  <Parameters substitutionVariableChar="$">
    <Parameter name="id" type="integer" ref="order.id"/>
    <Parameter name="order" type="json">{"customer": "$order.customer$"}</Parameter>
    <ParameterArray name="tags" type="string"><Value>web</Value><Value ref="order.tag"/></ParameterArray>
  </Parameters>
</SetIntegrationRequest>"""

    project: Value[str] | None = child("ProjectId", ref=True, doc="the organization by default")
    integration: Value[str] | None = child("IntegrationName", ref=True, required=True)
    region: Value[str] | None = child("IntegrationRegion", ref=True, required=True)
    trigger: Value[str] | None = child("ApiTrigger", ref=True, required=True, doc="`api_trigger/NAME`")
    schedule_time: Value[str] | None = child(
        "ScheduleTime", ref=True, template=True, doc="RFC 3339 time of an asynchronous run"
    )
    parameters: Parameters | None = nested("Parameters", Parameters)
    request: str | None = child(
        "Request", VARIABLE, doc=f"variable for the request object, `{REQUEST_VARIABLE}` by default"
    )

    def compile(self, site: Site) -> StepFunction:
        project = _text(self, self.project, site) if self.project is not None else None
        name, region, trigger = (
            _text(self, each, site) for each in (self.integration, self.region, self.trigger)
        )
        schedule_time = _text(self, self.schedule_time, site) if self.schedule_time is not None else None
        make_parameters = self._parameters(site)
        put = site.setter((self.request or "").strip() or REQUEST_VARIABLE)
        note = [
            site.setter(f"integration.{part}") for part in ("project.id", "name", "region", "api.trigger")
        ]

        def set_integration_request(ctx: MessageContext) -> None:
            values = (
                project(ctx) if project is not None else ctx.deployment.organization,
                name(ctx),
                region(ctx),
                trigger(ctx),
            )
            for write, value in zip(note, values, strict=True):
                write(ctx, value)
            content: dict[str, Any] = {
                "triggerId": values[3],
                "inputParameters": {key: make(ctx) for key, make in make_parameters},
            }
            if schedule_time is not None:
                content["scheduleTime"] = schedule_time(ctx)
            place = [quote(value, safe="") for value in values[:3]]
            message = Message.request(
                "POST", f"/v1/projects/{place[0]}/locations/{place[2]}/integrations/{place[1]}"
            )
            message.headers.set("Content-Type", "application/json")
            message.body = json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
            put(ctx, message)

        return set_integration_request

    # ---- parameters

    def _parameters(self, site: Site) -> list[tuple[str, Make]]:
        if self.parameters is None:
            return []
        mark = self.parameters.substitution
        return [
            (
                item.name,
                self._array(item, mark, site)
                if isinstance(item, ParameterArray)
                else self._scalar(item, mark, site),
            )
            for item in self.parameters.items
        ]

    def _scalar(self, item: Parameter, mark: str | None, site: Site) -> Make:
        get = _text(self, item.value, site, mark)
        convert, member, _, _ = _TYPES[item.type]

        def make(ctx: MessageContext) -> dict[str, Any]:
            return {member: self._converted(convert, get(ctx), item.name, item.type)}

        return make

    def _array(self, item: ParameterArray, mark: str | None, site: Site) -> Make:
        convert, _, member, inner = _TYPES[item.type]
        texts = [_text(self, each.value, site, mark) for each in item.items]
        get = site.getter(item.ref) if item.ref else None

        def make(ctx: MessageContext) -> dict[str, Any]:
            found = get(ctx) if get is not None else None
            if found is not None:
                values = [text_of(each) for each in self._listed(found, item)]
            elif get is not None and not texts:
                raise self.fault("UnresolvedVariable", variable=item.ref)
            else:
                values = [text(ctx) for text in texts]
            return {
                member: {inner: [self._converted(convert, each, item.name, item.type) for each in values]}
            }

        return make

    def _listed(self, found: object, item: ParameterArray) -> list[object]:
        if isinstance(found, str):
            try:
                found = json.loads(found)
            except (ValueError, RecursionError):
                found = None
        if not isinstance(found, list | tuple):
            raise self.fault("InvalidParameterValue", name=item.name, type=f"array of {item.type}")
        return list(found)

    def _converted(self, convert: Callable[[str], Any], value: str, name: str, type: str) -> Any:
        try:
            return convert(value)
        except (ValueError, KeyError, RecursionError):
            raise self.fault("InvalidParameterValue", name=name, type=type) from None


def _text(policy: Policy, value: Value[str] | None, site: Site, mark: str | None = None) -> Render:
    """What resolves a setting: the variable of `ref` when it is set, else the text, else a fault."""
    if value is None:
        return lambda ctx: ""
    literal = _literal(value.text, value.node, site, mark, value.template)
    ref = value.ref
    if ref is None:
        return literal or (lambda ctx: "")
    get = site.getter(ref)

    def resolve(ctx: MessageContext) -> str:
        found = get(ctx)
        if found is not None:
            return (
                text_of(found)
                if not isinstance(found, dict | list)
                else json.dumps(found, ensure_ascii=False)
            )
        if literal is None:
            raise policy.fault("UnresolvedVariable", variable=ref)
        return literal(ctx)

    return resolve


def _literal(source: str | None, node: Node, site: Site, mark: str | None, template: bool) -> Render | None:
    if source is None:
        return None
    if mark:
        return site.template(source, node, prefix=mark, suffix=mark)
    return site.template(source, node) if template else lambda ctx: source
