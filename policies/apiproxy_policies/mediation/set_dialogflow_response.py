"""SetDialogflowResponse: makes a Dialogflow webhook response from what a backend has answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from apiproxy_runtime.policy.api import (
    BOOLEAN,
    MISSING,
    VARIABLE,
    Element,
    JsonPathSyntaxError,
    Message,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    attribute,
    child,
    compile_jsonpath,
    fault_table,
    many,
    nested,
    one_of,
    text_of,
)

#: Finds a value in the source; MISSING when it is not there.
Find = Callable[[MessageContext, Any], Any]


class Header(Element):
    """A header of the source message."""

    name: str = attribute("name", required=True, default="")


class _Origin(Element):
    """Where a text or value comes from: exactly one of the four."""

    header: Header | None = nested("Header", Header, doc="a header of the source")
    json_path: str | None = child("JSONPath", doc="a part of the source's JSON")
    ref: str | None = child("Ref", VARIABLE, doc="a flow variable")
    value: str | None = child("Value", doc="the value itself")


class Phrase(_Origin):
    """A text that the agent says."""


class Phrases(Element):
    items: tuple[Phrase, ...] = many("Phrase", Phrase)


class NaturalLanguageResponse(Element):
    merge_behavior: str = child(
        "MergeBehavior",
        one_of("APPEND", "REPLACE", ignore_case=True),
        default="APPEND",
        doc="whether the phrases come behind those of the agent, or in their place",
    )
    phrases: Phrases | None = nested("Phrases", Phrases)


class Parameter(_Origin):
    """A session parameter; what a JSONPath finds keeps its JSON type."""

    name: str = attribute("name", required=True, default="")


class Parameters(Element):
    items: tuple[Parameter, ...] = many("Parameter", Parameter)


class SetDialogflowResponse(Policy):
    """Build a Dialogflow CX WebhookResponse from backend data; it becomes the content of the message of the moment."""

    tag = "SetDialogflowResponse"
    family = "mediation"
    prefix = "setdialogflowresponse"
    profiles = ("apigeex",)
    docs = (
        "https://cloud.google.com/apigee/docs/api-platform/reference/policies/set-dialogflow-response-policy"
    )
    faults = fault_table(
        "steps.setdialogflowresponse",
        (
            "UnresolvedVariable",
            500,
            "SetDialogflowResponse[{policy}]: unable to resolve {variable}",
            "a header, path or variable is not there and IgnoreUnresolvedVariables is false",
        ),
    )
    deploy_errors = {
        "EitherOrigin": "SetDialogflowResponse[{policy}]: exactly one of Header, JSONPath, Ref and Value must be declared",
        "JSONPathCompilationFailed": "SetDialogflowResponse[{policy}]: Failed to compile jsonpath {jsonpath}",
    }
    example = """
<SetDialogflowResponse name="SDR-Price">
  <Source>response</Source>
  <NaturalLanguageResponse>
    <MergeBehavior>REPLACE</MergeBehavior>
    <Phrases><Phrase><JSONPath>$.message</JSONPath></Phrase></Phrases>
  </NaturalLanguageResponse>
  <Parameters><Parameter name="price"><JSONPath>$.price</JSONPath></Parameter></Parameters>
</SetDialogflowResponse>"""

    source: str | None = child("Source", VARIABLE, doc="what is read, `message` by default")
    version: str = child("DialogflowVersion", one_of("CX", ignore_case=True), default="CX")
    natural: NaturalLanguageResponse | None = nested("NaturalLanguageResponse", NaturalLanguageResponse)
    parameters: Parameters | None = nested("Parameters", Parameters)
    ignore_unresolved: bool = child(
        "IgnoreUnresolvedVariables", BOOLEAN, default=False, doc="true: what is not there is left out"
    )

    def _phrases(self) -> tuple[Phrase, ...]:
        natural = self.natural
        return natural.phrases.items if natural is not None and natural.phrases is not None else ()

    def _parameters(self) -> tuple[Parameter, ...]:
        return self.parameters.items if self.parameters is not None else ()

    def check(self, site: Site) -> None:
        for origin in (*self._phrases(), *self._parameters()):
            given = [each for each in (origin.header, origin.json_path, origin.ref) if each]
            if len(given) + (origin.value is not None) != 1:
                site.error(origin.node, "EitherOrigin", "Keep one of them.")

    def compile(self, site: Site) -> StepFunction:
        get = site.getter((self.source or "").strip() or "message")
        phrases = [self._find(each, site) for each in self._phrases()]
        parameters = [(each.name, self._find(each, site)) for each in self._parameters()]
        merge = self.natural.merge_behavior if self.natural is not None else None

        def set_dialogflow_response(ctx: MessageContext) -> None:
            source = get(ctx)
            content: dict[str, Any] = {}
            if merge is not None:
                texts = [text for find in phrases for text in _texts(find(ctx, source))]
                content["fulfillmentResponse"] = {
                    "messages": [{"text": {"text": texts}}] if texts else [],
                    "mergeBehavior": merge,
                }
            if parameters:
                found = {name: find(ctx, source) for name, find in parameters}
                kept = {name: value for name, value in found.items() if value is not MISSING}
                content["sessionInfo"] = {"parameters": kept}
            message = ctx.message
            message.headers.set("Content-Type", "application/json")
            message.body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(
                "utf-8", "replace"
            )

        return set_dialogflow_response

    def _find(self, origin: _Origin, site: Site) -> Find:
        if origin.header is not None:
            name = origin.header.name
            return self._strict(f"header {name}", lambda ctx, source: _header(source, name))
        if origin.json_path:
            return self._json_path(origin.json_path, origin, site)
        if origin.ref:
            get = site.getter(origin.ref)
            return self._strict(f"variable {origin.ref}", lambda ctx, source: _known(get(ctx)))
        value = origin.value or ""
        return lambda ctx, source: value

    def _json_path(self, source_text: str, origin: _Origin, site: Site) -> Find:
        try:
            path = compile_jsonpath(source_text)
        except JsonPathSyntaxError as error:
            site.error(
                origin.node, "JSONPathCompilationFailed", f"Correct the path: {error}.", jsonpath=source_text
            )
            return lambda ctx, source: MISSING
        return self._strict(f"path {source_text}", lambda ctx, source: path.find(_json(source)))

    def _strict(self, described: str, find: Find) -> Find:
        """The same, with a fault for what is not there unless that is ignored."""
        if self.ignore_unresolved:
            return find

        def strict(ctx: MessageContext, source: Any) -> Any:
            found = find(ctx, source)
            if found is MISSING:
                raise self.fault("UnresolvedVariable", variable=described)
            return found

        return strict


def _known(value: Any) -> Any:
    return (
        MISSING
        if value is None
        else value
        if isinstance(value, bool | int | float | dict | list)
        else text_of(value)
    )


def _header(source: Any, name: str) -> Any:
    found = source.headers.get(name) if isinstance(source, Message) else None
    return MISSING if found is None else found


def _json(source: Any) -> Any:
    try:
        return source.json() if isinstance(source, Message) else json.loads(text_of(source))
    except (ValueError, RecursionError):
        return None


def _texts(value: Any) -> list[str]:
    """The phrases that a value makes: a list makes several."""
    if value is MISSING or value is None:
        return []
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else text_of(value)]
