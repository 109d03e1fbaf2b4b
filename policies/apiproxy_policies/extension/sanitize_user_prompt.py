"""SanitizeUserPrompt: a prompt is checked before a language model sees it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from apiproxy_policies.model_armor import ERRORS, ModelArmor, ModelArmorFailed, RemoteModelArmor, Verdict
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    PAYLOAD,
    Element,
    Fault,
    MessageContext,
    Policy,
    Render,
    Site,
    StepFunction,
    child,
    fault_table,
    nested,
)

DEFAULT_PROMPT = "{jsonPath('$.contents[-1].parts[-1].text',request.content,true)}"
MODEL_ARMOR_FAULTS = (
    ("steps.sanitize.modelarmor.AuthenticationFailure", 500, "Model Armor refused the service account"),
    ("steps.sanitize.modelarmor.ModelArmorAPIFailed", 500, "Model Armor failed"),
    ("steps.sanitize.modelarmor.ServiceUnavailable", 503, "Model Armor is not available"),
    (
        "steps.sanitize.modelarmor.ModelArmorTemplateNameExtractionFailed",
        400,
        "The name of the template cannot be resolved",
    ),
)


class ModelArmorElement(Element):
    template: str = child(
        "TemplateName", required=True, default="", doc="projects/P/locations/L/templates/T; template"
    )


class SanitizeUserPrompt(Policy):
    """Check a prompt with Model Armor. A match is a fault; with continueOnError the variables tell the outcome.

    Locally a stand-in judges, whose verdicts the environment's standins.json configures; with
    `--connect-to modelarmor.LOCATION.rep.googleapis.com=URL` that server judges, through Model Armor's REST API.
    """

    tag = "SanitizeUserPrompt"
    family = "extension"
    prefix = "SanitizeUserPrompt"
    profiles = ("apigeex",)
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/sanitize-user-prompt-policy"
    faults = fault_table(
        "steps.sanitize.user.prompt",
        ("FilterMatched", 400, "Model armor template filter matched."),
        ("FailedToExtractUserPrompt", 400, "Failed to extract the user prompt"),
        ("SanitizationResponseParsingFailed", 500, "The answer of Model Armor cannot be read"),
        ("InternalError", 500, "Internal error"),
        *MODEL_ARMOR_FAULTS,
    )
    variables = {
        f"SanitizeUserPrompt.{{policy}}.{name}": meaning
        for name, meaning in (
            ("filterMatchState", "MATCH_FOUND or NO_MATCH_FOUND"),
            ("invocationResult", "SUCCESS"),
            ("promptInjectionDetected", "whether the prompt tries to take over"),
            ("promptInjectionConfidence", "how sure that is"),
            ("raiMatchesFound", "whether responsible-AI filters matched"),
            ("maliciousURIsDetected", "whether it names malicious addresses"),
            ("csamFilterMatched", "whether the CSAM filter matched"),
        )
    }
    example = """
<SanitizeUserPrompt name="SUP-Check">
  <ModelArmor><TemplateName>projects/p/locations/us-central1/templates/strict</TemplateName></ModelArmor>
  <UserPromptSource>{jsonPath('$.prompt',request.content)}</UserPromptSource>
</SanitizeUserPrompt>"""

    armor: ModelArmorElement | None = nested("ModelArmor", ModelArmorElement, required=True)
    prompt: str = child("UserPromptSource", PAYLOAD, default=DEFAULT_PROMPT, doc="the prompt; template")
    function_response: str | None = child(
        "FunctionResponseSource", PAYLOAD, doc="answer of a function call; template"
    )
    ignore_unresolved: bool = child("IgnoreUnresolvedVariables", BOOLEAN, default=False)

    def compile(self, site: Site) -> StepFunction:
        armor = ModelArmor(site, self.node)
        template = self._render(
            site, self.armor.template if self.armor else "", "ModelArmorTemplateNameExtractionFailed"
        )
        texts = [self._render(site, self.prompt, "FailedToExtractUserPrompt")]
        if self.function_response:
            texts.append(self._render(site, self.function_response, "FailedToExtractUserPrompt"))
        return judging(self, site, armor, template, texts, "sanitizeUserPrompt", _question)

    def _render(self, site: Site, source: str, fault: str) -> Render:
        def unresolved(name: str) -> Fault:
            return self.fault(fault)

        return site.template(
            source.strip(), self.node, ignore_unresolved=self.ignore_unresolved, unresolved=unresolved
        )


def _question(texts: list[str]) -> dict[str, Any]:
    return {"userPromptData": {"text": "\n".join(texts)}}


def judging(
    policy: Policy,
    site: Site,
    armor: ModelArmor,
    template: Render,
    texts: list[Render],
    method: str,
    question: Callable[[list[str]], dict[str, Any]],
) -> StepFunction:
    """The step that both sanitizing policies are.

    method, question  how Model Armor is asked about the texts, where its API is to judge
    """
    prefix = f"{policy.prefix}.{policy.name}"

    remote = RemoteModelArmor(site)

    def sanitize(ctx: MessageContext) -> Coroutine[Any, Any, None] | None:
        name = template(ctx)
        if remote.judges(name):
            return ask(ctx, name)
        error = armor.error(name)
        if error:
            raise policy.fault(error if error in ERRORS else "InternalError")
        settle(ctx, armor.judge(name, "\n".join(text(ctx) for text in texts)))
        return None

    def settle(ctx: MessageContext, verdict: Verdict) -> None:
        ctx.variables.update(verdict.variables(prefix))
        if verdict.found:
            raise policy.fault("FilterMatched")

    async def ask(ctx: MessageContext, name: str) -> None:
        try:
            verdict = await remote.judge(ctx, name, method, question([text(ctx) for text in texts]))
        except ModelArmorFailed as failure:
            raise policy.fault(str(failure)) from failure
        settle(ctx, verdict)

    return sanitize
