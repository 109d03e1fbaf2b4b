"""A local stand-in for Model Armor, which judges prompts and answers of language models.

The verdicts are configured in the environment's standins.json:

    {"modelArmor": {"templates": {"projects/p/locations/l/templates/t": {
        "promptInjection": ["(?i)ignore (all )?previous"], "rai": ["(?i)bomb"], "maliciousUris": ["evil\\\\.example"],
        "csam": [], "confidence": "HIGH", "error": ""}}}}

Each list holds regular expressions; a text that matches one is a match of that filter. The template `*` serves names
that are not listed. `error` makes every call fail: `AuthenticationFailure`, `ServiceUnavailable` or
`ModelArmorAPIFailed`. Without configuration nothing matches. `--connect-to modelarmor.REGION.rep.googleapis.com=URL`
is not needed: the stand-in never calls out.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from apiproxy_runtime.policy.api import (
    BoundedRegex,
    JavaRegexError,
    Node,
    RegexTimeout,
    Site,
    compile_bounded,
)

FILTERS = ("promptInjection", "rai", "maliciousUris", "csam")
ERRORS = {"AuthenticationFailure": 500, "ServiceUnavailable": 503, "ModelArmorAPIFailed": 500}


class Verdict(Struct, frozen=True):
    """What the filters said of a text."""

    matched: frozenset[str]
    confidence: str

    def variables(self, prefix: str) -> dict[str, object]:
        """The flow variables of the policy pages."""
        injection = "promptInjection" in self.matched
        return {
            f"{prefix}.filterMatchState": "MATCH_FOUND" if self.matched else "NO_MATCH_FOUND",
            f"{prefix}.invocationResult": "SUCCESS",
            f"{prefix}.promptInjectionDetected": injection,
            f"{prefix}.promptInjectionConfidence": self.confidence if injection else "",
            f"{prefix}.raiMatchesFound": "rai" in self.matched,
            f"{prefix}.maliciousURIsDetected": "maliciousUris" in self.matched,
            f"{prefix}.csamFilterMatched": "csam" in self.matched,
        }


class ModelArmor:
    """The templates of one environment, compiled."""

    def __init__(self, site: Site, node: Node) -> None:
        settings = site.environment.stand_ins.get("modelArmor", {})
        templates = settings.get("templates", {}) if isinstance(settings, dict) else {}
        self.templates: dict[str, dict[str, list[BoundedRegex]]] = {}
        self.settings: dict[str, dict[str, Any]] = {}
        for name, template in templates.items() if isinstance(templates, dict) else ():
            self.settings[name] = template
            self.templates[name] = {kind: _compiled(site, node, template.get(kind, [])) for kind in FILTERS}

    def error(self, template: str) -> str:
        """The name of the error that the configuration asks for, or empty."""
        return str(self._settings(template).get("error", ""))

    def judge(self, template: str, content: str) -> Verdict:
        """The verdict on a text."""
        filters = self.templates.get(template) or self.templates.get("*") or {}
        matched = {
            kind
            for kind, patterns in filters.items()
            if any(_matches(pattern, content) for pattern in patterns)
        }
        return Verdict(frozenset(matched), str(self._settings(template).get("confidence", "HIGH")))

    def _settings(self, template: str) -> dict[str, Any]:
        return self.settings.get(template) or self.settings.get("*") or {}


def _matches(pattern: BoundedRegex, content: str) -> bool:
    try:
        return pattern.search(content) is not None
    except RegexTimeout:
        return True


def _compiled(site: Site, node: Node, sources: object) -> list[BoundedRegex]:
    compiled = []
    for source in sources if isinstance(sources, list) else ():
        try:
            compiled.append(compile_bounded(str(source)))
        except JavaRegexError as error:
            site.warning(
                node,
                "InvalidStandIn",
                f"modelArmor in standins.json holds the pattern {source!r}: {error}",
                "",
            )
    return compiled
