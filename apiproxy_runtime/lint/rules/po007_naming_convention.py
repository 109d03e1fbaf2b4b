from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, Option, PolicyFile, Rule

#: What teams call policies, by root element: words that a hyphen or a dot follows, or with `=` whole names.
_NAMES = {
    "AccessControl": "accesscontrol ac accessc",
    "AccessEntity": "accessentity ae accesse",
    "AssertCondition": "assertcondition ac assert",
    "AssignMessage": "assign build am assignmessage set response send add",
    "BasicAuthentication": "encode decode basicauth ba auth",
    "CORS": "cors =cors",
    "ConcurrentRateLimit": "ccr",
    "ConnectorCallout": "cc connect connector connectorcallout =connectorcallout",
    "DataCapture": "datacapture dc =datacapture =dc",
    "DecodeJWS": "decodejws jws =decodejws",
    "DecodeJWT": "decodejwt jwt =decodejwt",
    "DeleteOAuthV1Info": "oauthv1 oauth",
    "DeleteOAuthV2Info": "oauthv2 oauth",
    "ExternalCallout": "externalcallout ec extc external =externalcallout",
    "ExtractVariables": "extractvariables extract ev vars",
    "FlowCallout": "flowcallout flow fc",
    "GenerateJWS": "generatejws jws gjws =generatejws",
    "GenerateJWT": "generatejwt jwt gjwt =generatejwt",
    "GenerateSAMLAssertion": "generatesaml saml sa",
    "GetOAuthV1Info": "oauth oauthv1 getoauth getoa",
    "GetOAuthV2Info": "oauth oauthv2 oauthv2info oauthinfo oai accesstoken",
    "GraphQL": "graphql gq gql =graphql",
    "HMAC": "hmac =hmac",
    "HTTPModifier": "httpmodifier httpm mod =http",
    "IntegrationCallout": "integrationcallout int integration ic callout =integrationcallout",
    "InvalidateCache": "invalidatecache invalidate ic cache",
    "JSONThreatProtection": "jsonthreat threat jtp jsontp tp",
    "JSONToXML": "jsontoxml j2x jtox =jsontoxml",
    "JavaCallout": "javacallout java javac =javacallout =java",
    "Javascript": "jsc js javascript",
    "KeyValueMapOperations": "keyvaluemapoperations kv kvm kvmops",
    "LLMTokenQuota": "llmq ltq llmtokenquota llmquota quota =llm",
    "Ldap": "ldap",
    "LookupCache": "lookup lu lucache cache lc",
    "MessageLogging": "messagelogging logging ml",
    "MessageValidation": "messagevalidation mv messval",
    "MonetizationLimitsCheck": "monetizationlimitscheck monetizationcheck mcheck mc =monetizationlimitscheck",
    "OASValidation": "oas oasvalidation =oas",
    "OAuthV1": "oauthv1 oauth oa accesstoken verify",
    "OAuthV2": "oauthv2 oauth oa accesstoken verify",
    "ParseDialogflowRequest": "parsedialogflowrequest dialogflow pdfr =parsedialogflowrequest",
    "PopulateCache": "populate pop populatecache pc cache",
    "PromptTokenLimit": "ptl prompttokenlimit promptlimit =prompt",
    "PublishMessage": "publishmessage pm publish =publishmessage",
    "Quota": "quota q =q =quota",
    "RaiseFault": "raisefault rf raise fault",
    "ReadPropertySet": "readpropertyset rps read prop propset =propertyset",
    "RegularExpressionProtection": "regex regextp re tp",
    "ResetQuota": "resetquota rq =resetquota",
    "ResponseCache": "responsecache rc cache =responsecache",
    "RevokeOAuthV2": "oauthv2 oauthrevoke oar accesstoken",
    "SanitizeModelResponse": "sanitizemodelresponse sanitize smr =sanitizemodelresponse",
    "SanitizeUserPrompt": "sanitizeuserprompt sanitize sup =sanitizeuserprompt",
    "Script": "script scr",
    "SemanticCacheLookup": "semanticcachelookup semantic cache scl =semanticcachelookup",
    "SemanticCachePopulate": "semanticcachepopulate semantic cache scp =semanticcachepopulate",
    "ServiceCallout": "callout sc",
    "SetDialogflowResponse": "setdialogflowresponse dialogflow sdfr =setdialogflowresponse",
    "SetIntegrationRequest": "setintegrationrequest integration sir =setintegrationrequest",
    "SetOAuthV2Info": "oauthv2 oauthv2info oauthinfo oai accesstoken",
    "SpikeArrest": "spikearrest spike sa =spikearrest",
    "StatisticsCollector": "stats statcoll",
    "TraceCapture": "tracecapture tc =tracecapture =tc",
    "ValidateSAMLAssertion": "validatesaml saml sa",
    "VerifyAPIKey": "verifyapikey apikey va verify =verifyapikey",
    "VerifyIAM": "verifyiam iam viam =verifyiam",
    "VerifyJWS": "verifyjws jws vjws =verifyjws",
    "VerifyJWT": "verifyjwt jwt vjwt =verifyjwt",
    "XMLThreatProtection": "xmltp xtp tp =xmltp",
    "XMLToJSON": "xmltojson x2j xtoj =xmltojson",
    "XSL": "xsl =xsl",
}
_SEPARATORS = ("-", ".")


class NamingConvention(Rule):
    """A policy's name should begin with what tells its type, so that a flow can be read without opening its policies.

    Case does not matter; a hyphen or a dot follows the word.
    """

    id = "PO007"
    name = "Naming convention"
    bad = '<AssignMessage name="Headers">'
    good = '<AssignMessage name="AM-Headers">'

    prefixes = Option(
        dict[str, str](), "words by root element, separated by blanks; they replace the usual ones"
    )

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        words = self.prefixes.get(policy.element, _NAMES.get(policy.element, "")).split()
        name = policy.name.lower()
        if words and not any(_fits(name, word.lower()) for word in words):
            usual = [f"{word}-" for word in words if not word.startswith("=")]
            what = (
                f"the name {policy.name!r} does not tell that it is" if name else "nothing tells that it is"
            )
            message = f"{what} {_article(policy.element)} {policy.element}"
            yield Match(policy.node, message, f"Begin it with {' or '.join(usual)}.")


def _fits(name: str, word: str) -> bool:
    return (
        name == word[1:]
        if word.startswith("=")
        else name.startswith(tuple(word + end for end in _SEPARATORS))
    )


def _article(word: str) -> str:
    return "an" if word[0] in "AEIOU" else "a"
