"""Policies that no plugin of Kong replaces: the verdict, the reason, and what to do."""

from __future__ import annotations

from apiproxy_runtime.kong.convert.outcome import Attachment, Converter, Outcome, Verdict

_ROWS: tuple[tuple[str, Verdict, str, str], ...] = (
    (
        "AccessEntity",
        "manual",
        "Kong has no entities of Apigee",
        "read X-Consumer-* headers where they were used",
    ),
    (
        "AssertCondition",
        "manual",
        "Kong sets no variable from a condition",
        "ask the condition where it is used",
    ),
    ("ConcurrentRatelimit", "manual", "Kong does not count calls in flight", "limit connections before Kong"),
    (
        "ConnectorCallout",
        "manual",
        "extensions are Apigee Edge's own",
        "call the service behind it over HTTP",
    ),
    ("DataCapture", "manual", "Kong captures no data for analytics", "log custom fields, or use prometheus"),
    ("DecodeJWS", "manual", "Kong decodes no JWS", "decode it in a plugin of your own"),
    (
        "DecodeJWT",
        "manual",
        "the open-source Kong decodes no JWT without verifying it",
        "use datakit (Enterprise)",
    ),
    ("DeleteOAuthV1Info", "drop", "Kong has no OAuth 1.0a tokens", ""),
    ("DeleteOAuthV2Info", "manual", "tokens are not in Kong", "revoke them where they are issued"),
    ("GenerateJWS", "manual", "Kong signs nothing", "sign in a plugin or a service of your own"),
    (
        "GenerateJWT",
        "manual",
        "the open-source Kong signs nothing",
        "use datakit jwt_sign (Enterprise), or a service",
    ),
    ("GenerateSAMLAssertion", "manual", "Kong makes no assertions", "make it in a service of your own"),
    ("GetOAuthV1Info", "drop", "Kong has no OAuth 1.0a tokens", ""),
    ("GetOAuthV2Info", "manual", "attributes of tokens are not in Kong", "put them into the token's claims"),
    ("GraphQL", "manual", "the open-source Kong reads no GraphQL", "use graphql plugins of Kong Enterprise"),
    ("IntegrationCallout", "manual", "integrations are Google's", "call the integration over HTTP"),
    ("InvalidateCache", "manual", "Kong's cache is purged through its Admin API", "purge it from outside"),
    (
        "JSONToXML",
        "manual",
        "the open-source Kong converts no bodies",
        "use datakit json_to_xml (Enterprise)",
    ),
    ("JavaCallout", "manual", "Kong runs no Java", "port it to Lua or Go, or make it a service"),
    ("Javascript", "manual", "Kong runs Lua", "port it to a plugin, or make it a service"),
    (
        "KeyValueMapOperations",
        "manual",
        "Kong has no store that requests write",
        "use vault references or a service",
    ),
    ("LLMTokenQuota", "manual", "needs ai-rate-limiting-advanced (Enterprise)", "configure it by provider"),
    ("LDAP", "manual", "ldap-auth asks for another header and another schema", "configure ldap-auth by hand"),
    (
        "LookupCache",
        "manual",
        "the open-source Kong caches whole responses only",
        "use datakit cache (Enterprise)",
    ),
    (
        "MessageValidation",
        "manual",
        "Kong validates neither XSD nor WSDL",
        "validate in a service of your own",
    ),
    ("MonetizationLimitsCheck", "manual", "Kong has no monetization", "meter calls elsewhere"),
    ("OASValidation", "manual", "needs oas-validation (Enterprise)", "give that plugin the specification"),
    ("ParsePayload", "manual", "Kong parses no such payload", "parse it in a plugin"),
    ("ParseDialogflowRequest", "manual", "Kong knows no Dialogflow", "parse it in the service"),
    (
        "PopulateCache",
        "manual",
        "the open-source Kong caches whole responses only",
        "use datakit cache (Enterprise)",
    ),
    (
        "PromptTokenLimit",
        "manual",
        "needs ai-rate-limiting-advanced (Enterprise)",
        "configure it by provider",
    ),
    ("PublishMessage", "manual", "Kong publishes no message to Pub/Sub", "use kafka-log or a plugin"),
    ("ReadPropertySet", "partial", "properties are written in where they are used", ""),
    (
        "RegularExpressionProtection",
        "manual",
        "needs injection-protection (Enterprise), whose patterns are its own",
        "check the patterns in a plugin; until then NOTHING is checked",
    ),
    ("ResetQuota", "drop", "Kong's counters cannot be reset", ""),
    ("RevokeOAuthV2", "manual", "tokens are not in Kong", "revoke them where they are issued"),
    ("SanitizeModelResponse", "manual", "needs ai-gcp-model-armor (Enterprise)", "configure it by provider"),
    ("SanitizeUserPrompt", "manual", "needs ai-gcp-model-armor (Enterprise)", "configure it by provider"),
    ("Script", "manual", "Kong runs Lua", "port it to a plugin, or make it a service"),
    ("SemanticCacheLookup", "manual", "needs ai-semantic-cache (Enterprise)", "configure it by provider"),
    ("SemanticCachePopulate", "manual", "needs ai-semantic-cache (Enterprise)", "configure it by provider"),
    ("SetDialogflowResponse", "manual", "Kong knows no Dialogflow", "write it in the service"),
    ("SetIntegrationRequest", "manual", "integrations are Google's", "call the integration over HTTP"),
    ("SetOAuthV2Info", "manual", "attributes of tokens are not in Kong", "put them into the token's claims"),
    (
        "StatisticsCollector",
        "manual",
        "Kong collects no such statistics",
        "log custom fields, or use prometheus",
    ),
    (
        "TraceCapture",
        "manual",
        "opentelemetry traces by itself, without these variables",
        "configure opentelemetry",
    ),
    (
        "XMLToJSON",
        "manual",
        "the open-source Kong converts no bodies",
        "use datakit xml_to_json (Enterprise)",
    ),
    ("XSL", "manual", "Kong transforms no XML", "transform it in a service of your own"),
)


def _row(element: str, verdict: Verdict, reason: str, advice: str) -> Converter:
    outcome = Outcome(verdict, reason, lost=(f"{advice} ({reason})",) if advice else ())

    def convert(site: Attachment) -> Outcome:
        return outcome

    return convert


CONVERTERS: dict[str, Converter] = {row[0]: _row(*row) for row in _ROWS}
