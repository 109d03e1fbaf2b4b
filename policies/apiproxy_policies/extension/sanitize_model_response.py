"""SanitizeModelResponse: a language model's answer is checked before the client sees it."""

from __future__ import annotations

from typing import Any

from apiproxy_policies.extension.sanitize_user_prompt import (
    MODEL_ARMOR_FAULTS,
    ModelArmorElement,
    SanitizeUserPrompt,
    judging,
)
from apiproxy_policies.model_armor import ModelArmor
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    PAYLOAD,
    Fault,
    Policy,
    Render,
    Site,
    StepFunction,
    child,
    fault_table,
    nested,
)

DEFAULT_RESPONSE = "{jsonPath('$.candidates[-1].content.parts',response.content,true)}"


class SanitizeModelResponse(Policy):
    """Check a language model's answer with Model Armor. A match is a fault; with continueOnError the variables tell.

    Streamed answers are checked for each event in an EventFlow. Locally a stand-in judges, whose verdicts the
    environment's standins.json configures; with `--connect-to modelarmor.LOCATION.rep.googleapis.com=URL` that server
    judges, through Model Armor's REST API.
    """

    tag = "SanitizeModelResponse"
    family = "extension"
    prefix = "SanitizeModelResponse"
    profiles = ("apigeex",)
    docs = (
        "https://cloud.google.com/apigee/docs/api-platform/reference/policies/sanitize-model-response-policy"
    )
    faults = fault_table(
        "steps.sanitize.model.response",
        ("FilterMatched", 400, "Model armor template filter matched."),
        ("FailedToExtractUserPrompt", 400, "Failed to extract the user prompt"),
        ("FailedToExtractLLMResponse", 400, "Failed to extract the answer of the model"),
        ("SanitizationResponseParsingFailed", 500, "The answer of Model Armor cannot be read"),
        ("InternalError", 500, "Internal error"),
        *MODEL_ARMOR_FAULTS,
    )
    variables = {
        name.replace("SanitizeUserPrompt", "SanitizeModelResponse"): meaning
        for name, meaning in SanitizeUserPrompt.variables.items()
    }
    example = """
<SanitizeModelResponse name="SMR-Check">
  <ModelArmor><TemplateName>projects/p/locations/us-central1/templates/strict</TemplateName></ModelArmor>
  <LLMResponseSource>{response.content}</LLMResponseSource>
</SanitizeModelResponse>"""

    armor: ModelArmorElement | None = nested("ModelArmor", ModelArmorElement, required=True)
    response: str = child("LLMResponseSource", PAYLOAD, default=DEFAULT_RESPONSE, doc="the answer; template")
    prompt: str | None = child("UserPromptSource", PAYLOAD, doc="the prompt it answers; template")
    function_call: str | None = child(
        "FunctionCallSource", PAYLOAD, doc="a function the model wants called; template"
    )
    ignore_unresolved: bool = child("IgnoreUnresolvedVariables", BOOLEAN, default=False)

    def compile(self, site: Site) -> StepFunction:
        armor = ModelArmor(site, self.node)
        template = self._render(
            site, self.armor.template if self.armor else "", "ModelArmorTemplateNameExtractionFailed"
        )
        texts = [self._render(site, self.response, "FailedToExtractLLMResponse")]
        for source, fault in (
            (self.prompt, "FailedToExtractUserPrompt"),
            (self.function_call, "FailedToExtractLLMResponse"),
        ):
            if source:
                texts.append(self._render(site, source, fault))
        has_prompt = bool(self.prompt)

        def question(found: list[str]) -> dict[str, Any]:
            answer = [found[0], *found[2 if has_prompt else 1 :]]
            asked: dict[str, Any] = {"modelResponseData": {"text": "\n".join(answer)}}
            return {**asked, "userPrompt": found[1]} if has_prompt else asked

        return judging(self, site, armor, template, texts, "sanitizeModelResponse", question)

    def _render(self, site: Site, source: str, fault: str) -> Render:
        def unresolved(name: str) -> Fault:
            return self.fault(fault)

        return site.template(
            source.strip(), self.node, ignore_unresolved=self.ignore_unresolved, unresolved=unresolved
        )
