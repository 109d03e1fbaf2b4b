from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, Option, PolicyFile, Rule

#: What teams call policies, by root element: each prefix is followed by a hyphen or a dot.
_PREFIXES = {
    "AccessControl": "AC accesscontrol",
    "AccessEntity": "AE accessentity",
    "AssertCondition": "AC assert condition",
    "AssignMessage": "AM assign build copy create set remove",
    "BasicAuthentication": "BA basicauth basic",
    "CORS": "CORS",
    "ConcurrentRateLimit": "CRL concurrent",
    "DataCapture": "DC datacapture capture",
    "DecodeJWS": "DJWS JWS decodejws decode",
    "DecodeJWT": "DJWT JWT decodejwt decode",
    "DeleteOAuthV2Info": "DO OA deleteoauth delete",
    "ExternalCallout": "EC ExtC externalcallout external",
    "ExtractVariables": "EV extract vars getdata",
    "FlowCallout": "FC flow flowcallout",
    "GenerateJWS": "GJWS JWS generatejws generate",
    "GenerateJWT": "GJWT JWT generatejwt generate",
    "GenerateSAMLAssertion": "GS SAML saml",
    "GetOAuthV2Info": "GO OA getoauth get",
    "GraphQL": "GQL graphql",
    "HMAC": "HMAC",
    "HTTPModifier": "HM httpmodifier",
    "IntegrationCallout": "IC integration",
    "InvalidateCache": "IC invalidate cache",
    "JSONThreatProtection": "JTP TP jsonthreat threat",
    "JSONToXML": "J2X JX jsontoxml",
    "JavaCallout": "JC JAVA java callout javacallout",
    "Javascript": "JS javascript",
    "KeyValueMapOperations": "KVM KV keyvaluemap",
    "LDAP": "LDAP",
    "LookupCache": "LC LUC lookup cache",
    "MessageLogging": "ML logging log",
    "MessageValidation": "MV SV validate messagevalidation soap",
    "OASValidation": "OAS OV",
    "OAuthV2": "OA OAUTH OAuthV2 AccessToken VerifyAccessToken GenerateAccessToken",
    "PopulateCache": "PC populate cache",
    "PublishMessage": "PM publish",
    "Quota": "Q QU quota impose",
    "RaiseFault": "RF fault raise",
    "ReadPropertySet": "RPS PS readpropertyset",
    "RegularExpressionProtection": "RE REP TP regex regularexpression",
    "ResetQuota": "RQ resetquota reset quota",
    "ResponseCache": "RC cache responsecache",
    "RevokeOAuthV2": "RO OA revoke",
    "Script": "PY script python",
    "ServiceCallout": "SC callout servicecallout",
    "SetIntegrationRequest": "SIR setintegrationrequest",
    "SetOAuthV2Info": "SO OA setoauth set",
    "SpikeArrest": "SA spike spikearrest",
    "StatisticsCollector": "STATS SC stats statistics",
    "TraceCapture": "TC tracecapture",
    "ValidateSAMLAssertion": "VS SAML saml",
    "VerifyAPIKey": "VA VAK VK verify apikey verifyapikey",
    "VerifyJWS": "VJWS JWS verifyjws verify",
    "VerifyJWT": "VJWT JWT verifyjwt verify",
    "XMLThreatProtection": "XTP TP xmlthreat threat",
    "XMLToJSON": "X2J XJ xmltojson",
    "XSL": "XSL XSLT transform",
}
_SEPARATORS = ("-", ".")


class NamingConvention(Rule):
    """A policy's name should begin with what tells its type, so that a flow can be read without opening its policies.

    Case does not matter; a hyphen or a dot follows the prefix.
    """

    id = "PO007"
    name = "Naming convention"
    bad = '<AssignMessage name="Headers">'
    good = '<AssignMessage name="AM-Headers">'

    prefixes = Option(
        dict[str, str](), "prefixes by root element, separated by blanks; they replace the usual ones"
    )

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        prefixes = self.prefixes.get(policy.element, _PREFIXES.get(policy.element, "")).split()
        name = policy.name.lower()
        if not prefixes or not name:
            return
        if not any(name.startswith(prefix.lower() + end) for prefix in prefixes for end in _SEPARATORS):
            message = f"the name {policy.name!r} does not tell that it is {_article(policy.element)} {policy.element}"
            yield Match(policy.node, message, f"Begin it with {' or '.join(f'{p}-' for p in prefixes)}.")


def _article(word: str) -> str:
    return "an" if word[0] in "AEIOU" else "a"
