"""X036: whether the proxy counts as Standard or as Extensible."""

from collections.abc import Iterator

from apiproxy_runtime.kong.convert.registry import canonical
from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject

#: Those that the overview page names as extensible: scripts, callouts, caches, quotas, AI policies.
_EXTENSIBLE = frozenset(
    (
        *(
            "Javascript",
            "Script",
            "JavaCallout",
            "XSL",
            "ServiceCallout",
            "ExternalCallout",
            "IntegrationCallout",
        ),
        *("ResponseCache", "PopulateCache", "LookupCache", "InvalidateCache", "Quota", "ResetQuota"),
        *("SemanticCacheLookup", "SemanticCachePopulate", "LLMTokenQuota", "PromptTokenLimit"),
        *("SanitizeUserPrompt", "SanitizeModelResponse", "MessageLogging", "FlowCallout", "PublishMessage"),
    )
)


def _find(subject: Subject) -> Iterator[Hit]:
    if subject.bundle.kind != "apiproxy":
        return
    found = sorted({canonical(policy.element) for policy in subject.policies()} & _EXTENSIBLE)
    if found:
        yield Hit(subject.bundle.manifest, f"probably an Extensible proxy: {', '.join(found)}")
    else:
        yield Hit(
            subject.bundle.manifest, "probably a Standard proxy: nothing that is known to be extensible"
        )


CHECK = Check(
    "X036",
    "information",
    "Standard or Extensible",
    "Extensible proxies need intermediate or comprehensive environments, and are priced otherwise",
    "Check the class in the console, and the environment's type.",
    _find,
    "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/reference-overview-policy",
)
