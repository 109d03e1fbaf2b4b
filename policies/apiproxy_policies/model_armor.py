"""Model Armor, which judges prompts and answers of language models: its API, or a local stand-in.

`--connect-to modelarmor.LOCATION.rep.googleapis.com=URL` has that server judge, through Model Armor's REST API.
Otherwise nothing is called. The verdicts of the stand-in are configured in the environment's standins.json:

    {"modelArmor": {"templates": {"projects/p/locations/l/templates/t": {
        "promptInjection": ["(?i)ignore (all )?previous"], "rai": ["(?i)bomb"], "maliciousUris": ["evil\\\\.example"],
        "csam": [], "confidence": "HIGH", "error": ""}}}}

Each list holds regular expressions; a text that matches one is a match of that filter. The template `*` serves names
that are not listed. `error` makes every call fail: `AuthenticationFailure`, `ServiceUnavailable` or
`ModelArmorAPIFailed`. Without configuration nothing matches.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from apiproxy_runtime.policy.api import (
    BoundedRegex,
    CallFailed,
    GoogleApi,
    JavaRegexError,
    MessageContext,
    Node,
    RegexTimeout,
    Site,
    compile_bounded,
)

FILTERS = ("promptInjection", "rai", "maliciousUris", "csam")
_LOCATION = re.compile(r"projects/[^/]+/locations/([\w-]+)/templates/[^/]+$")
_INJECTION = "pi_and_jailbreak"
#: Model Armor's names of the filters.
_FILTERS = {_INJECTION: "promptInjection", "malicious_uris": "maliciousUris"}
_FAILURES = {401: "AuthenticationFailure", 403: "AuthenticationFailure", 503: "ServiceUnavailable"}
ERRORS = {"AuthenticationFailure": 500, "ServiceUnavailable": 503, "ModelArmorAPIFailed": 500}


class Verdict(Struct, frozen=True):
    """What the filters said of a text."""

    matched: frozenset[str]
    confidence: str
    found: bool
    invocation: str = "SUCCESS"

    def variables(self, prefix: str) -> dict[str, object]:
        """The flow variables of the policy pages."""
        injection = "promptInjection" in self.matched
        return {
            f"{prefix}.filterMatchState": "MATCH_FOUND" if self.found else "NO_MATCH_FOUND",
            f"{prefix}.invocationResult": self.invocation,
            f"{prefix}.promptInjectionDetected": injection,
            f"{prefix}.promptInjectionConfidence": self.confidence if injection else "",
            f"{prefix}.raiMatchesFound": "rai" in self.matched,
            f"{prefix}.maliciousURIsDetected": "maliciousUris" in self.matched,
            f"{prefix}.csamFilterMatched": "csam" in self.matched,
        }


class ModelArmorFailed(Exception):
    """There is no verdict; the message is the name of the policy's fault."""


class RemoteModelArmor:
    """Model Armor's REST API, at the addresses that --connect-to names."""

    def __init__(self, site: Site) -> None:
        self._api = GoogleApi(site)

    def judges(self, template: str) -> bool:
        """Whether the calls for a template lead to a server."""
        return self._api.answers(_address(template))

    async def judge(
        self, ctx: MessageContext, template: str, method: str, question: dict[str, Any]
    ) -> Verdict:
        """The verdict on a text. Raises ModelArmorFailed."""
        url = f"{_address(template)}/v1/{template}:{method}"
        try:
            response = await self._api.post(ctx, url, question)
        except CallFailed as error:
            raise ModelArmorFailed("ServiceUnavailable") from error
        if response.status >= 400:
            raise ModelArmorFailed(_FAILURES.get(response.status, "ModelArmorAPIFailed"))
        try:
            return _verdict(response.json()["sanitizationResult"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelArmorFailed("SanitizationResponseParsingFailed") from error


def _address(template: str) -> str:
    location = _LOCATION.match(template)
    return f"https://modelarmor.{location[1]}.rep.googleapis.com" if location is not None else ""


def _verdict(result: dict[str, Any]) -> Verdict:
    """What a SanitizationResult says."""
    matched, confidence = set(), ""
    for name, filters in result.get("filterResults", {}).items():
        for outcome in filters.values():
            if outcome.get("matchState") == "MATCH_FOUND":
                matched.add(_FILTERS.get(name, name))
                confidence = outcome.get("confidenceLevel", confidence) if name == _INJECTION else confidence
    found = result["filterMatchState"] == "MATCH_FOUND"
    return Verdict(frozenset(matched), confidence, found, result.get("invocationResult", "SUCCESS"))


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
        confidence = str(self._settings(template).get("confidence", "HIGH"))
        return Verdict(frozenset(matched), confidence, bool(matched))

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
