"""Every error that a deployment of Apigee answers with: a bundle that has just this one, and the linter tells it.

The names are Apigee's, from the pages "Policy deployment errors" of its documentation and the tables of errors on the
pages of the policies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from apiproxy_runtime.bundle.discover import NoBundleFound
from apiproxy_runtime.lint.config import Config
from apiproxy_runtime.lint.gather import gather
from apiproxy_runtime.lint.linter import lint
from apiproxy_runtime.lint.registry import find_rules
from apiproxy_runtime.lint.result import ERROR, Problem
from tests.house import proxy, steps, target, write_bundle


@dataclass(frozen=True)
class Bad:
    """Files of a bundle with one mistake, and where it is to be told. What is not named is there and well.

    environment  files of the environment; None means that nothing is known of it
    twice        the path of a second bundle that is the same under another name
    """

    files: Mapping[str, str]
    line: int = 2
    file: str = "policies/P.xml"
    environment: Mapping[str, str] | None = None
    twice: bool = False


def p(
    tag: str,
    body: str,
    line: int = 2,
    *,
    attributes: str = "",
    files: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Bad:
    """A bundle whose request flow runs the policy P, of which this is the XML between its tags."""
    policy = f'<{tag} name="P"{attributes}>\n{body}\n</{tag}>'
    wanted = {"policies/P.xml": policy, "proxies/default.xml": proxy(request=steps("P")), **(files or {})}
    return Bad(wanted, line, environment=environment)


def whole(file: str, xml: str, line: int, **rest: bool) -> Bad:
    """A bundle with one bad file."""
    return Bad({file: xml}, line, file, **rest)


_HTTP = "<HTTPTargetConnection>\n<URL>{}</URL></HTTPTargetConnection>"
_SECRET = '<SecretKey><Value ref="private.key"/></SecretKey>'
_PUBLIC = '<PublicKey><Value ref="public.key"/></PublicKey>'
_PRIVATE = '<PrivateKey><Value ref="private.key"/></PrivateKey>'


def jwt(tag: str, body: str, line: int = 2, *, algorithm: str = "HS256", key: str = _SECRET) -> Bad:
    payload = "<Payload>x</Payload>" if tag == "GenerateJWS" else ""
    return p(tag, f"{body}\n<Algorithm>{algorithm}</Algorithm>{payload}{key}", line)


def quota(
    body: str = "", line: int = 2, *, attributes: str = "", interval: str = "1", unit: str = "minute"
) -> Bad:
    xml = f'<Interval>{interval}</Interval>\n<TimeUnit>{unit}</TimeUnit>\n<Allow count="5"/>\n{body}'
    return p("Quota", xml, line, attributes=attributes)


def token(operation: str, body: str, line: int = 3) -> Bad:
    return p("OAuthV2", f"<Operation>{operation}</Operation>\n{body}", line)


def extract(body: str, line: int = 2) -> Bad:
    return p("ExtractVariables", f"{body}\n<Source>request</Source>", line)


def protect(body: str, line: int = 2) -> Bad:
    return p("RegularExpressionProtection", f"{body}\n<Source>request</Source>", line)


def spaces(first: str, second: str, prefix: str = "b") -> str:
    """Namespaces on lines 1 to 3, of the prefixes a and b."""
    return (
        f'<Namespaces>\n<Namespace prefix="a">{first}</Namespace>\n'
        f'<Namespace prefix="{prefix}">{second}</Namespace></Namespaces>'
    )


def saml(tag: str, body: str, line: int = 1) -> Bad:
    return p(tag, body, line)


_GRANTS = "<SupportedGrantTypes><GrantType>client_credentials</GrantType></SupportedGrantTypes>"
_VARIABLE = '<Variable name="v" type="{}"><XPath>{}</XPath></Variable>'
_PATTERN = "<URIPath><Pattern>a</Pattern></URIPath>"
_CLAIM = '<AdditionalClaims>\n<Claim name="{}"{}>x</Claim></AdditionalClaims>'
_ROUTE = '<RouteRule name="r">{}</RouteRule>'
_TARGETS = "[]"
_FLOW = '<Flow name="f">\n<Condition>{}</Condition><Request/><Response/></Flow>'

#: Rules about style; the policies here are called P.
STYLE = ("PO007",)

TABLE: dict[str, Bad] = {
    # ---- bundle and endpoints
    "bundle: BadBundle, no ProxyEndpoint": Bad({"proxies/default.xml": ""}, 0, "proxies"),
    "bundle: name of the file": Bad(
        {
            "policies/P.xml": '<AssignMessage name="Q"/>',
            "proxies/default.xml": proxy(request=steps("Q")),
        },
        1,
    ),
    "bundle: transport": p(
        "AssignMessage", '<AssignTo transport="https" type="request"/><Set><Verb>GET</Verb></Set>'
    ),
    "bundle: type of a variable": extract(
        '<XMLPayload>\n<Variable name="v" type="String"><XPath>/a</XPath></Variable></XMLPayload>', 3
    ),
    "bundle: StatisticsCollector on X": p(
        "StatisticsCollector",
        '<Statistics><Statistic name="a" ref="b" type="string"/></Statistics>',
        1,
    ),
    "bundle: a target of Node.js": whole(
        "targets/default.xml",
        '<TargetEndpoint name="default"><PreFlow/>\n<ScriptTarget><ResourceURL>node://a.js</ResourceURL></ScriptTarget>'
        "</TargetEndpoint>",
        2,
    ),
    "bundle: step of a missing policy": whole(
        "proxies/default.xml", proxy(request="\n<Step><Name>Gone</Name></Step>"), 3
    ),
    "bundle: step of a missing policy in an EventFlow": whole(
        "targets/default.xml",
        target(extra="\n<EventFlow><Response>\n<Step><Name>Gone</Name></Step></Response></EventFlow>"),
        5,
    ),
    "bundle: route to a missing target": whole(
        "proxies/default.xml",
        proxy(routes="\n<RouteRule name='r'><TargetEndpoint>gone</TargetEndpoint></RouteRule>"),
        7,
    ),
    "bundle: condition": whole("proxies/default.xml", proxy(flows=_FLOW.format("a = = b")), 4),
    "bundle: condition with a list": whole(
        "proxies/default.xml", proxy(flows=_FLOW.format("a StartsWith 1 2")), 4
    ),
    "MessageLogging: no host": p("MessageLogging", "<Syslog>\n<Message>m</Message></Syslog>"),
    "KeyValueMapOperations: no name": p(
        "KeyValueMapOperations",
        '<Get assignTo="v"><Key><Parameter>k</Parameter></Key></Get>',
        1,
        attributes=' mapIdentifier=""',
    ),
    "bundle: BasePathConflict": whole(
        "proxies/second.xml", proxy(name="second", routes=_ROUTE.format("")), 1
    ),
    "bundle: InvalidBasePath, no slash": whole("proxies/default.xml", proxy("t"), 5),
    "bundle: InvalidBasePath, characters": whole("proxies/default.xml", proxy("/t?x"), 5),
    "environment: BasePathConflict": whole("proxies/default.xml", proxy(), 1, twice=True),
    "environment: TargetServerNotFound": Bad(
        {"targets/default.xml": target(connection='\n<LoadBalancer>\n<Server name="gone"/></LoadBalancer>')},
        6,
        "targets/default.xml",
        {"targetservers.json": "[]"},
    ),
    "environment: KeyStoreNotFound": Bad(
        {
            "targets/default.xml": target(
                connection="<URL>https://a.test</URL>\n<SSLInfo><Enabled>true</Enabled>\n"
                "<ClientAuthEnabled>true</ClientAuthEnabled><KeyStore>ref://gone</KeyStore>"
                "<KeyAlias>a</KeyAlias></SSLInfo>"
            )
        },
        5,
        "targets/default.xml",
        {"targetservers.json": "[]"},
    ),
    "bundle: InvalidName, too long": Bad(
        {
            f"policies/{'n' * 240}.xml": f'<AssignMessage name="{"n" * 256}"/>',
            "proxies/default.xml": proxy(request=steps("n" * 256)),
        },
        1,
        f"policies/{'n' * 240}.xml",
    ),
    # ---- AssignMessage
    "AssignMessage: InvalidIndex": p(
        "AssignMessage",
        '<Remove><QueryParams>\n<QueryParam name="q.0"/></QueryParams></Remove>',
        3,
    ),
    "AssignMessage: InvalidVariableName": p(
        "AssignMessage", "<AssignVariable>\n<Value>1</Value></AssignVariable>"
    ),
    "AssignMessage: InvalidPayload": p(
        "AssignMessage",
        '<Set>\n<Payload template="template://gone"/></Set>',
        3,
    ),
    # ---- BasicAuthentication
    "BasicAuthentication: UserNameRequired": p(
        "BasicAuthentication",
        '<Operation>Encode</Operation><Password ref="private.p"/><AssignTo>request.header.Authorization</AssignTo>',
        1,
    ),
    "BasicAuthentication: PasswordRequired": p(
        "BasicAuthentication",
        '<Operation>Encode</Operation><User ref="u"/><AssignTo>request.header.Authorization</AssignTo>',
        1,
    ),
    "BasicAuthentication: AssignToRequired": p(
        "BasicAuthentication",
        '<Operation>Encode</Operation><User ref="u"/><Password ref="private.p"/>',
        1,
    ),
    "BasicAuthentication: SourceRequired": p(
        "BasicAuthentication",
        '<Operation>Decode</Operation><User ref="u"/><Password ref="private.p"/>',
        1,
    ),
    # ---- ExtractVariables
    "ExtractVariables: NothingToExtract": p("ExtractVariables", "<Source>request</Source>", 1),
    "ExtractVariables: NONEmptyPrefixMappedToEmptyURI": extract(
        f"<XMLPayload>{spaces('urn:a', '')}{_VARIABLE.format('string', '/a:x')}</XMLPayload>", 4
    ),
    "ExtractVariables: DuplicatePrefix": extract(
        f"<XMLPayload>{spaces('urn:a', 'urn:b', 'a')}{_VARIABLE.format('string', '/a:x')}</XMLPayload>", 4
    ),
    "ExtractVariables: NoXPathsToEvaluate": extract('<XMLPayload>\n<Variable name="v"/></XMLPayload>', 3),
    "ExtractVariables: EmptyXPathExpression": extract(
        f"<XMLPayload>\n{_VARIABLE.format('string', '')}</XMLPayload>", 3
    ),
    "ExtractVariables: NoJSONPathsToEvaluate": extract(
        '<JSONPayload>\n<Variable name="v"/></JSONPayload>', 3
    ),
    "ExtractVariables: EmptyJSONPathExpression": extract(
        '<JSONPayload>\n<Variable name="v"><JSONPath/></Variable></JSONPayload>', 3
    ),
    "ExtractVariables: MissingName": extract("<QueryParam><Pattern>{v}</Pattern></QueryParam>"),
    "ExtractVariables: PatternWithoutVariable": extract(
        '<QueryParam name="q">\n<Pattern>plain</Pattern></QueryParam>', 3
    ),
    "ExtractVariables: InvalidPattern": extract(
        '<QueryParam name="q">\n<Pattern>{a</Pattern></QueryParam>', 3
    ),
    "ExtractVariables: CannotBeConvertedToNodeset": extract(
        f"<XMLPayload>\n{_VARIABLE.format('nodeset', 'count(/a)')}</XMLPayload>", 3
    ),
    "ExtractVariables: XPathCompilationFailed": extract(
        f"<XMLPayload>\n{_VARIABLE.format('string', '/a[')}</XMLPayload>", 3
    ),
    "ExtractVariables: JSONPathCompilationFailed": extract(
        '<JSONPayload>\n<Variable name="v"><JSONPath>$.a[</JSONPath></Variable></JSONPayload>', 3
    ),
    "ExtractVariables: InstantiationFailed": extract(
        f"<XMLPayload>\n{_VARIABLE.format('text', '/a')}</XMLPayload>", 3
    ),
    "ExtractVariables: XPathCompilationFailed, prefix": extract(
        f"<XMLPayload>\n{_VARIABLE.format('string', '/z:a')}</XMLPayload>", 3
    ),
    # ---- Quota, ResetQuota, SpikeArrest
    "Quota: InvalidQuotaInterval": quota(interval="0.1"),
    "Quota: InvalidQuotaTimeUnit": quota(unit="fortnight", line=3),
    "Quota: InvalidQuotaType": quota(attributes=' type="sometimes"', line=1),
    "Quota: InvalidStartTime": quota(
        "<StartTime>7-16-2017 12:00:00</StartTime>", 5, attributes=' type="calendar"'
    ),
    "Quota: StartTimeNotSupported": quota(
        "<StartTime>2017-07-16 12:00:00</StartTime>", 5, attributes=' type="rollingwindow"'
    ),
    "Quota: InvalidTimeUnitForDistributedQuota": quota("<Distributed>true</Distributed>", 3, unit="second"),
    "Quota: InvalidSynchronizeIntervalForAsyncConfiguration": quota(
        "<Distributed>true</Distributed><AsynchronousConfiguration>"
        "<SyncIntervalInSeconds>-5</SyncIntervalInSeconds></AsynchronousConfiguration>",
        5,
    ),
    "Quota: InvalidAsynchronizeConfigurationForSynchronousQuota": quota(
        "<Distributed>true</Distributed><Synchronous>true</Synchronous>\n<AsynchronousConfiguration>"
        "<SyncIntervalInSeconds>20</SyncIntervalInSeconds></AsynchronousConfiguration>",
        6,
    ),
    "ResetQuota: InvalidCount": p(
        "ResetQuota",
        '<Quota name="Q">\n<Identifier name="_default"><Allow>10.0</Allow></Identifier></Quota>',
        3,
    ),
    "SpikeArrest: InvalidAllowedRate": p("SpikeArrest", "<Rate>10ph</Rate>"),
    # ---- AssertCondition, DecodeJWT, DecodeJWS, HMAC
    "AssertCondition: InvalidCondition": p("AssertCondition", "<Condition>a = = b</Condition>"),
    "DecodeJWT: InvalidEmptyElement": p("DecodeJWT", "<Source/>"),
    "DecodeJWS: InvalidEmptyElement": p("DecodeJWS", "<Source/>"),
    "HMAC: MissingConfigurationElement": p(
        "HMAC", '<SecretKey ref="private.key"/><Message>m</Message><Output>o</Output>', 1
    ),
    "HMAC: InvalidValueForElement": p(
        "HMAC",
        '<Algorithm>SHA-3</Algorithm><SecretKey ref="private.key"/><Message>m</Message><Output>o</Output>',
    ),
    "HMAC: InvalidSecretInConfig": p(
        "HMAC",
        "<Algorithm>SHA-256</Algorithm>\n<SecretKey>abc</SecretKey><Message>m</Message><Output>o</Output>",
        3,
    ),
    "HMAC: InvalidVariableName": p(
        "HMAC",
        '<Algorithm>SHA-256</Algorithm>\n<SecretKey ref="key"/><Message>m</Message><Output>o</Output>',
        3,
    ),
    # ---- key value maps and caches
    "KeyValueMapOperations: InvalidIndex": p(
        "KeyValueMapOperations",
        '<Get assignTo="v" index="0">\n<Key><Parameter>k</Parameter></Key></Get>',
        attributes=' mapIdentifier="m"',
    ),
    "KeyValueMapOperations: KeyIsMissing": p(
        "KeyValueMapOperations",
        "<InitialEntries>\n<Entry><Value>v</Value></Entry></InitialEntries>",
        3,
        attributes=' mapIdentifier="m"',
    ),
    "KeyValueMapOperations: ValueIsMissing": p(
        "KeyValueMapOperations",
        "<InitialEntries>\n<Entry><Key><Parameter>k</Parameter></Key></Entry></InitialEntries>",
        3,
        attributes=' mapIdentifier="m"',
    ),
    "LookupCache: InvalidTimeout": p(
        "LookupCache",
        "<CacheLookupTimeoutInSeconds>-1</CacheLookupTimeoutInSeconds>"
        "<CacheKey><KeyFragment>k</KeyFragment></CacheKey><AssignTo>v</AssignTo>",
    ),
    "ResponseCache: InvalidTimeout": p(
        "ResponseCache",
        "<CacheLookupTimeoutInSeconds>-1</CacheLookupTimeoutInSeconds>"
        "<CacheKey><KeyFragment>k</KeyFragment></CacheKey>"
        "<ExpirySettings><TimeoutInSec>9</TimeoutInSec></ExpirySettings>",
    ),
    "ResponseCache: ResponseCacheStepAttachmentNotAllowedReq": Bad(
        {
            "policies/P.xml": '<ResponseCache name="P">\n<CacheKey><KeyFragment>k</KeyFragment></CacheKey></ResponseCache>',
            "proxies/default.xml": proxy(request=steps("P") + "\n" + steps("P"), response=steps("P")),
        },
        1,
    ),
    "ResponseCache: ResponseCacheStepAttachmentNotAllowedResp": Bad(
        {
            "policies/P.xml": '<ResponseCache name="P">\n<CacheKey><KeyFragment>k</KeyFragment></CacheKey></ResponseCache>',
            "proxies/default.xml": proxy(response=steps("P") + "\n" + steps("P"), request=steps("P")),
        },
        1,
    ),
    "ResponseCache: InvalidMessagePatternForErrorCode": p(
        "ResponseCache",
        "<CacheKey><KeyFragment>k</KeyFragment></CacheKey>\n<SkipCacheLookup>a = = b</SkipCacheLookup>",
        3,
    ),
    # ---- scripts
    "Javascript: InvalidResourceUrlFormat": p("Javascript", "<ResourceURL>main.js</ResourceURL>"),
    "Javascript: WrongResourceType": p("Javascript", "<ResourceURL>py://main.js</ResourceURL>"),
    "Javascript: InvalidResourceUrlReference": p("Javascript", "<ResourceURL>jsc://gone.js</ResourceURL>"),
    "Javascript: InvalidResourceUrlReference of an IncludeURL": p(
        "Javascript",
        "<IncludeURL>jsc://gone.js</IncludeURL>\n<ResourceURL>jsc://a.js</ResourceURL>",
        files={"resources/jsc/a.js": "var a = 1;"},
    ),
    "Javascript: ScriptCompilationFailed": Bad(
        p(
            "Javascript",
            "<ResourceURL>jsc://a.js</ResourceURL>",
            files={"resources/jsc/a.js": "var a = 1;\nvar b = ;"},
        ).files,
        2,
        "resources/jsc/a.js",
    ),
    "Javascript: ScriptCompilationFailed in Source": p("Javascript", "<Source>var b = ;</Source>"),
    "Script: InvalidResourceUrlFormat": p("Script", "<ResourceURL>main.py</ResourceURL>"),
    "Script: InvalidResourceUrlReference": p("Script", "<ResourceURL>py://gone.py</ResourceURL>"),
    "Script: WrongResourceType": p("Script", "<ResourceURL>jsc://main.js</ResourceURL>"),
    "Script: NoResourceForURL": p("Script", "<ResourceURL/>"),
    "Script: ScriptCompilationFailed": Bad(
        p(
            "Script",
            "<ResourceURL>py://a.py</ResourceURL>",
            files={"resources/py/a.py": "a = 1\nb = = 2\n"},
        ).files,
        2,
        "resources/py/a.py",
    ),
    "JavaCallout: NoResourceForURL": p(
        "JavaCallout", "<ClassName>a.B</ClassName>\n<ResourceURL>a.jar</ResourceURL>", 3
    ),
    "JavaCallout: ResourceDoesNotExist": p(
        "JavaCallout", "<ClassName>a.B</ClassName>\n<ResourceURL>java://gone.jar</ResourceURL>", 3
    ),
    "JavaCallout: ClassNameMissing": p("JavaCallout", "<ResourceURL>java://a.jar</ResourceURL>", 1),
    # ---- XSL, MessageValidation, OASValidation
    "XSL: XSLEmptyResourceUrl": p("XSL", "<ResourceURL/>"),
    "XSL: XSLInvalidResourceType": p("XSL", "<ResourceURL>jsc://a.xsl</ResourceURL>"),
    "XSL: ResourceDoesNotExist": p("XSL", "<ResourceURL>xsl://gone.xsl</ResourceURL>"),
    "XSL: XSLCompilationFailed": Bad(
        p(
            "XSL",
            "<ResourceURL>xsl://a.xsl</ResourceURL>",
            files={
                "resources/xsl/a.xsl": '<xsl:stylesheet version="1.0"'
                ' xmlns:xsl="http://www.w3.org/1999/XSL/Transform">\n<xsl:template match="/">\n'
                '<xsl:value-of select="/a["/></xsl:template></xsl:stylesheet>'
            },
        ).files,
    ),
    "MessageValidation: InvalidResourceType": p(
        "MessageValidation", "<Source>request</Source><ResourceURL>xsl://a.xsl</ResourceURL>"
    ),
    "MessageValidation: ResourceCompileFailed": p(
        "MessageValidation",
        "<Source>request</Source><ResourceURL>xsd://a.xsd</ResourceURL>",
        files={"resources/xsd/a.xsd": "<nothing/>"},
    ),
    "MessageValidation: RootElementNameUnspecified": p(
        "MessageValidation", '<Source>request</Source>\n<Element namespace="urn:a"/>', 3
    ),
    "MessageValidation: InvalidRootElementName": p(
        "MessageValidation", '<Source>request</Source>\n<Element namespace="urn:a">a b</Element>', 3
    ),
    "OASValidation: ResourceDoesNotExist": p(
        "OASValidation", "<Source>request</Source><OASResource>oas://gone.yaml</OASResource>"
    ),
    "OASValidation: ResourceCompileFailed": p(
        "OASValidation",
        "<Source>request</Source><OASResource>oas://a.yaml</OASResource>",
        files={"resources/oas/a.yaml": "title: none\n"},
    ),
    "OASValidation: BadResourceURL": p(
        "OASValidation", "<Source>request</Source><OASResource>oas://a.txt</OASResource>"
    ),
    # ---- RegularExpressionProtection
    "RegularExpressionProtection: InvalidRegularExpression": protect(
        "<URIPath>\n<Pattern>foo){2}</Pattern></URIPath>", 3
    ),
    "RegularExpressionProtection: NothingToEnforce": p(
        "RegularExpressionProtection", "<Source>request</Source>", 1
    ),
    "RegularExpressionProtection: NoPatternsToEnforce": protect("<URIPath/>"),
    "RegularExpressionProtection: EmptyXPathExpression": protect(
        "<XMLPayload>\n<XPath><Expression/><Type>string</Type><Pattern>a</Pattern></XPath></XMLPayload>", 3
    ),
    "RegularExpressionProtection: XPathCompilationFailed": protect(
        "<XMLPayload>\n<XPath><Expression>/a[</Expression><Type>string</Type><Pattern>a</Pattern></XPath>"
        "</XMLPayload>",
        3,
    ),
    "RegularExpressionProtection: EmptyJSONPathExpression": protect(
        "<JSONPayload>\n<JSONPath><Expression/><Pattern>a</Pattern></JSONPath></JSONPayload>", 3
    ),
    "RegularExpressionProtection: JSONPathCompilationFailed": protect(
        "<JSONPayload>\n<JSONPath><Expression>$.a[</Expression><Pattern>a</Pattern></JSONPath></JSONPayload>",
        3,
    ),
    "RegularExpressionProtection: CannotBeConvertedToNodeset": protect(
        "<XMLPayload>\n<XPath><Expression>count(/a)</Expression><Type>nodeset</Type><Pattern>a</Pattern>"
        "</XPath></XMLPayload>",
        3,
    ),
    "RegularExpressionProtection: DuplicatePrefix": protect(
        f"<XMLPayload>{spaces('urn:a', 'urn:b', 'a')}<XPath><Expression>/a:x</Expression>"
        "<Type>string</Type><Pattern>a</Pattern></XPath></XMLPayload>",
        4,
    ),
    "RegularExpressionProtection: NONEmptyPrefixMappedToEmptyURI": protect(
        f"<XMLPayload>{spaces('urn:a', '')}<XPath><Expression>/a:x</Expression>"
        "<Type>string</Type><Pattern>a</Pattern></XPath></XMLPayload>",
        4,
    ),
    # ---- ServiceCallout, FlowCallout
    "ServiceCallout: URLMissing": p("ServiceCallout", _HTTP.format("")),
    "ServiceCallout: ConnectionInfoMissing": p("ServiceCallout", "<Response>r</Response>", 1),
    "ServiceCallout: InvalidTimeoutValue": p(
        "ServiceCallout", f"<Timeout>-1</Timeout>{_HTTP.format('https://a.test')}"
    ),
    "FlowCallout: no SharedFlowBundle": p("FlowCallout", "<Parameters/>", 1),
    # ---- JWT and JWS
    "GenerateJWT: InvalidNameForAdditionalClaim": jwt("GenerateJWT", _CLAIM.format("sub", ""), 3),
    "VerifyJWT: InvalidNameForAdditionalClaim": jwt("VerifyJWT", _CLAIM.format("iss", ""), 3),
    "GenerateJWT: InvalidNameForAdditionalHeader": jwt(
        "GenerateJWT", '<AdditionalHeaders>\n<Claim name="alg">x</Claim></AdditionalHeaders>', 3
    ),
    "GenerateJWT: InvalidTypeForAdditionalClaim": jwt("GenerateJWT", _CLAIM.format("c", ' type="text"'), 3),
    "GenerateJWT: InvalidTypeForAdditionalHeader": jwt(
        "GenerateJWT", '<AdditionalHeaders>\n<Claim name="h" type="text">x</Claim></AdditionalHeaders>', 3
    ),
    "GenerateJWT: MissingNameForAdditionalClaim": jwt(
        "GenerateJWT", "<AdditionalClaims>\n<Claim>x</Claim></AdditionalClaims>", 3
    ),
    "GenerateJWT: MissingNameForAdditionalHeader": jwt(
        "GenerateJWT", "<AdditionalHeaders>\n<Claim>x</Claim></AdditionalHeaders>", 3
    ),
    "GenerateJWT: InvalidValueOfArrayAttribute": jwt("GenerateJWT", _CLAIM.format("c", ' array="yes"'), 3),
    "GenerateJWT: MissingConfigurationElement": jwt("GenerateJWT", "", 1, key=""),
    "GenerateJWT: InvalidConfigurationForActionAndAlgorithm": jwt(
        "GenerateJWT", "", 3, key=_PRIVATE + _SECRET
    ),
    "GenerateJWT: InvalidKeyConfiguration": jwt("GenerateJWT", "", 3, key="<SecretKey/>"),
    "GenerateJWT: EmptyElementForKeyConfiguration": jwt(
        "GenerateJWT", "", 3, key="<SecretKey><Value/></SecretKey>"
    ),
    "GenerateJWT: InvalidVariableNameForSecret": jwt(
        "GenerateJWT", "", 3, key='<SecretKey><Value ref="key"/></SecretKey>'
    ),
    "GenerateJWT: InvalidSecretInConfig": jwt(
        "GenerateJWT", "", 3, key="<SecretKey><Value>abc</Value></SecretKey>"
    ),
    "GenerateJWT: InvalidTimeFormat": jwt("GenerateJWT", "<NotBefore>yesterday</NotBefore>"),
    "GenerateJWT: InvalidValueForElement": jwt("GenerateJWT", "", 3, algorithm="HS1"),
    "GenerateJWT: InvalidTimeFormat of ExpiresIn": jwt("GenerateJWT", "<ExpiresIn>1x</ExpiresIn>"),
    "GenerateJWS: InvalidAlgorithm": jwt("GenerateJWS", "", 3, algorithm="HS1"),
    "GenerateJWS: InvalidConfigurationForActionAndAlgorithmFamily": jwt(
        "GenerateJWS", "", 3, key=_PRIVATE + _SECRET
    ),
    "VerifyJWS: InvalidFamiliesForAlgorithm": jwt("VerifyJWS", "", 3, algorithm="HS256,RS256"),
    "VerifyJWS: InvalidConfigurationForVerify": jwt(
        "VerifyJWS", "", 3, algorithm="RS256", key=_PUBLIC + _PRIVATE
    ),
    "VerifyJWT: InvalidPublicKeyId": jwt(
        "VerifyJWT",
        "",
        3,
        algorithm="RS256",
        key='<PublicKey><Id/><Value ref="public.key"/></PublicKey>',
    ),
    "VerifyJWT: InvalidPublicKeyValue": jwt(
        "VerifyJWT", "", 3, algorithm="RS256", key="<PublicKey><Value>no PEM</Value></PublicKey>"
    ),
    "VerifyJWT: InvalidKeyConfiguration": jwt("VerifyJWT", "", 3, algorithm="RS256", key="<PublicKey/>"),
    # ---- OAuth, API keys, access
    "OAuthV2: OperationRequired": p("OAuthV2", "<ExternalAuthorization>false</ExternalAuthorization>", 1),
    "OAuthV2: InvalidOperation": p("OAuthV2", "<Operation>Guess</Operation>"),
    "OAuthV2: InvalidGrantType": token(
        "GenerateAccessToken",
        "<SupportedGrantTypes>\n<GrantType>trust_me</GrantType></SupportedGrantTypes>",
        4,
    ),
    "OAuthV2: TokenValueRequired": token("ValidateToken", "<Tokens>\n<Token/></Tokens>", 4),
    "OAuthV2: InvalidValueForExpiresIn": token(
        "GenerateAccessToken", f"{_GRANTS}\n<ExpiresIn>soon</ExpiresIn>", 4
    ),
    "OAuthV2: InvalidValueForRefreshTokenExpiresIn": token(
        "GenerateAccessToken", f"{_GRANTS}\n<RefreshTokenExpiresIn>0</RefreshTokenExpiresIn>", 4
    ),
    "OAuthV2: ExpiresInNotApplicableForOperation": token("VerifyAccessToken", "<ExpiresIn>1000</ExpiresIn>"),
    "OAuthV2: RefreshTokenExpiresInNotApplicableForOperation": token(
        "VerifyAccessToken", "<RefreshTokenExpiresIn>1000</RefreshTokenExpiresIn>"
    ),
    "OAuthV2: GrantTypesNotApplicableForOperation": token("VerifyAccessToken", _GRANTS),
    "DeleteOAuthV2Info: InvalidParameter": p("DeleteOAuthV2Info", "", 1),
    "VerifyAPIKey: SpecifyValueOrRefApiKey": p("VerifyAPIKey", "<APIKey/>"),
    "AccessControl: InvalidIPAddress": p(
        "AccessControl",
        '<IPRules noRuleMatchAction="DENY"><MatchRule action="ALLOW">\n'
        '<SourceAddress mask="32">somewhere</SourceAddress></MatchRule></IPRules>',
        3,
    ),
    "AccessControl: InvalidIPv4Address": p(
        "AccessControl",
        '<IPRules noRuleMatchAction="DENY"><MatchRule action="ALLOW">\n'
        '<SourceAddress mask="32">1.2.3.400</SourceAddress></MatchRule></IPRules>',
        3,
    ),
    "AccessControl: InvalidIPv6Address": p(
        "AccessControl",
        '<IPRules noRuleMatchAction="DENY"><MatchRule action="ALLOW">\n'
        '<SourceAddress mask="64">2001:db8::12345</SourceAddress></MatchRule></IPRules>',
        3,
    ),
    "AccessControl: InvalidRulePattern": p(
        "AccessControl",
        '<IPRules noRuleMatchAction="DENY"><MatchRule action="ALLOW">\n'
        '<SourceAddress mask="64">1.2.3.4</SourceAddress></MatchRule></IPRules>',
        3,
    ),
    # ---- the rest
    "StatisticsCollector: UnsupportedDatatype": p(
        "StatisticsCollector", '<Statistics>\n<Statistic name="a" ref="b" type="text"/></Statistics>', 3
    ),
    "StatisticsCollector: InvalidName": p(
        "StatisticsCollector",
        '<Statistics>\n<Statistic name="organization" ref="b" type="string"/></Statistics>',
        3,
    ),
    "StatisticsCollector: DatatypeMissing": p(
        "StatisticsCollector", '<Statistics>\n<Statistic name="a" ref="b"/></Statistics>', 3
    ),
    "MessageLogging: InvalidProtocol": p(
        "MessageLogging",
        "<Syslog><Message>m</Message><Host>h.test</Host><Port>514</Port>\n<Protocol>SCTP</Protocol></Syslog>",
        3,
    ),
    "MessageLogging: InvalidPort": p(
        "MessageLogging", "<Syslog><Message>m</Message><Host>h.test</Host>\n<Port>many</Port></Syslog>", 3
    ),
    "XMLToJSON: EitherOptionOrFormat": p("XMLToJSON", "<Source>request</Source>", 1),
    "XMLToJSON: UnknownFormat": p("XMLToJSON", "<Source>request</Source>\n<Format>toml</Format>", 3),
    "GenerateSAMLAssertion: NullKeyStore": p(
        "GenerateSAMLAssertion",
        "<Issuer>i</Issuer><KeyStore><Alias>a</Alias></KeyStore>"
        "<OutputVariable><Message>request</Message></OutputVariable><Subject>s</Subject>",
        1,
    ),
    "GenerateSAMLAssertion: NullKeyStoreAlias": p(
        "GenerateSAMLAssertion",
        "<Issuer>i</Issuer><KeyStore><Name>k</Name></KeyStore>"
        "<OutputVariable><Message>request</Message></OutputVariable><Subject>s</Subject>",
        1,
    ),
    "GenerateSAMLAssertion: NullIssuer": p(
        "GenerateSAMLAssertion",
        "<KeyStore><Name>k</Name><Alias>a</Alias></KeyStore>"
        "<OutputVariable><Message>request</Message></OutputVariable><Subject>s</Subject>",
        1,
    ),
    "ValidateSAMLAssertion: SourceNotConfigured": p("ValidateSAMLAssertion", "<TrustStore>t</TrustStore>", 1),
    "ValidateSAMLAssertion: TrustStoreNotConfigured": p(
        "ValidateSAMLAssertion",
        '<Source name="request"><Namespaces><Namespace prefix="s">urn:s</Namespace></Namespaces>'
        "<XPath>/s:a</XPath></Source>",
        1,
    ),
    "DataCapture: no DataCollector": p(
        "DataCapture", '<Capture>\n<Collect ref="a" default="b"/></Capture>', 2
    ),
}


def problems(bad: Bad, folder: Path) -> list[Problem]:
    """The problems of the file that has the mistake; those of other files would be other mistakes."""
    files = {"targets/default.xml": target(), "proxies/default.xml": proxy(), **bad.files}
    kept = {path: text for path, text in files.items() if text}
    write_bundle(folder / "api", "api", kept)
    if bad.twice:
        write_bundle(folder / "another", "another", kept)
    workspace = None
    if bad.environment is not None or bad.twice:
        workspace = folder / "workspace"
        place = workspace / "src/main/apigee/environments/test"
        place.mkdir(parents=True)
        for name, text in (bad.environment or {"targetservers.json": "[]"}).items():
            (place / name).write_text(text)
    paths = [folder / "api", folder / "another"] if bad.twice else [folder / "api"]
    run = gather(paths, env_dir=workspace)
    report = lint(run.bundles, find_rules(), Config())
    assert not report.broken
    return [
        problem
        for file in report.files
        if file.path.endswith(f"/apiproxy/{bad.file}")
        for problem in file.problems
    ]


@pytest.mark.parametrize("case", TABLE)
def test_a_deploy_error_is_told_where_it_is(case: str, tmp_path: Path) -> None:
    bad = TABLE[case]
    found = [problem for problem in problems(bad, tmp_path) if problem.rule not in STYLE]
    name = re.match(r"[A-Z]\w+$", case.partition(": ")[2].partition(",")[0])
    told = [problem for problem in found if name is None or f"{name[0]}: " in problem.message]
    assert bad.line in [problem.line for problem in told]
    others = [p.text for p in found if p.rule.startswith("deploy/") and p.severity == ERROR and p not in told]
    assert not others, "a second mistake"


#: What no file tells, and why.
UNSEEN = {
    "InvalidCacheResourceReference, CacheNotFound": "caches of Edge; elsewhere a cache comes into being when it is used",
    "a Google token without service account": "the account is named by the deployment, not by a file",
    "MissingElementForKeyConfiguration": "the same mistakes are InvalidKeyConfiguration and MissingConfigurationElement",
    "MissingParameter (OAuthV2)": "no page tells which; a token without variable is TokenValueRequired",
    "size of a bundle": "the limit is the subscription's",
}


def test_nearly_every_deploy_error_is_told() -> None:
    assert len(UNSEEN) < 0.05 * (len(TABLE) + len(UNSEEN))


@pytest.mark.parametrize("files", [[], ["readme.txt"], ["proxies/default.xml"]])
def test_a_folder_without_contents_holds_no_bundle(files: list[str], tmp_path: Path) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    with pytest.raises(NoBundleFound, match="no bundle"):
        gather([tmp_path])
