"""Every check: a bundle in which it finds something at the place where it stands, and one in which it does not."""

import io
import json
import zipfile

import pytest

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings, Place
from apiproxy_runtime.bundle.flowhook import FlowHook
from apiproxy_runtime.bundle.targetserver import TargetServer
from apiproxy_runtime.bundle.testdata import read_test_data
from apiproxy_runtime.rehearsal.readiness.registry import all_checks
from tests.house import proxy, write_bundle
from tests.rehearsal.readiness.looked_at import TARGET, files, found, look

POLICY = "apiproxy/policies/P.xml"
CACHE = '<{0} name="P"><CacheKey><KeyFragment>a</KeyFragment></CacheKey>{1}</{0}>'
EXPIRY = "<ExpirySettings><TimeoutInSeconds>{}</TimeoutInSeconds></ExpirySettings>"
KEYS = """<VerifyJWT name="P"><Algorithm>RS256</Algorithm><PublicKey><Value>
-----BEGIN PUBLIC KEY-----
AAAA
{}-----END PUBLIC KEY-----
</Value></PublicKey></VerifyJWT>"""
EXTRACT = '<ExtractVariables name="P"><JSONPayload><Variable name="v"><JSONPath>{}</JSONPath></Variable></JSONPayload></ExtractVariables>'
OAS = '<OASValidation name="P"><OASResource>oas://a.yaml</OASResource></OASValidation>'
SHOW = '<AssignMessage name="P"><Set><Headers><Header name="X-A">{}</Header></Headers></Set></AssignMessage>'
CALL = '<ServiceCallout name="P">{}<HTTPTargetConnection>{}<URL>https://x.example.com</URL></HTTPTargetConnection></ServiceCallout>'


def one(xml):
    return files({"P": xml})


def extract(type_):
    return (
        f'<ExtractVariables name="P"><XMLPayload>\n<Variable name="v" type="{type_}"><XPath>/a</XPath></Variable>'
        "</XMLPayload></ExtractVariables>"
    )


def script(text, folder="jsc"):
    element = {"jsc": "Javascript", "py": "Script"}[folder]
    return {
        **one(f'<{element} name="P"><ResourceURL>{folder}://a.{folder}</ResourceURL></{element}>'),
        f"resources/{folder}/a.{folder}": text,
    }


def jar(**classes):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        for name, content in classes.items():
            made.writestr(name.replace("__", "/") + ".class", content)
    return {
        **one(
            '<JavaCallout name="P"><ClassName>a.B</ClassName><ResourceURL>java://a.jar</ResourceURL></JavaCallout>'
        ),
        "resources/java/a.jar": data.getvalue(),
    }


def specification(document):
    return {**one(OAS), "resources/oas/a.yaml": json.dumps({"openapi": "3.0.0", "paths": {}, **document})}


def target(inner="", url="https://api.example.com", **parts):
    return {**files(**parts), "targets/default.xml": TARGET.format(inner, url)}


def ssl(inner):
    return target(f"<SSLInfo>{inner}</SSLInfo>")


def kvm(attributes="", inner="", scope="environment"):
    return one(
        f'<KeyValueMapOperations name="P" {attributes}><Scope>{scope}</Scope>{inner}</KeyValueMapOperations>'
    )


GET = '<Get assignTo="{}"><Key><Parameter>k</Parameter></Key></Get>'
FLOWS = "".join(f'<Flow name="F{n}"><Condition>request.verb = "V{n}"</Condition></Flow>' for n in range(201))
EVENTS = (
    '<TargetEndpoint name="default"><EventFlow name="e" content-type="text/event-stream"><Response/></EventFlow>'
    "<HTTPTargetConnection><URL>https://a.example.com</URL></HTTPTargetConnection></TargetEndpoint>"
)
TWO = '<Flow name="A"><Condition>request.verb = "GET"</Condition></Flow><Flow name="B"><Condition>request.verb = "PUT"</Condition></Flow>'
BIG = "a=" + "x" * (111 * 1024)

#: (id, what has it, where, what has it not)
CASES = [
    ("X000", {**files(), "policies/P.xml": "<Broken"}, (POLICY, 1), files()),
    ("X001", one('<StatisticsCollector name="P"/>'), (POLICY, 1), one(SHOW.format("1"))),
    ("X001", one('<ConcurrentRatelimit name="P"/>'), (POLICY, 1), one('<DataCapture name="P"/>')),
    ("X001", one('<Ldap name="P"/>'), (POLICY, 1), files()),
    ("X001", one('<Unheard name="P"/>'), (POLICY, 1), files()),
    (
        "X003",
        {**files(), "targets/default.xml": '<TargetEndpoint name="default"><HostedTarget/></TargetEndpoint>'},
        ("apiproxy/targets/default.xml", 1),
        files(),
    ),
    ("X003", {**files(), "resources/node/a.js": "1"}, ("apiproxy/resources/node/a.js", 0), files()),
    (
        "X004",
        {**files(), **{f"proxies/p{n}.xml": proxy(f"/p{n}", name=f"p{n}") for n in range(10)}},
        ("apiproxy/p.xml", 1),
        files(),
    ),
    ("X005", one(extract("String")), (POLICY, 2), one(extract("string"))),
    (
        "X006",
        one('<AssignMessage name="P"><AssignTo transport="https">request</AssignTo></AssignMessage>'),
        (POLICY, 1),
        one('<AssignMessage name="P"><AssignTo transport="http">request</AssignTo></AssignMessage>'),
    ),
    ("X007", {**files(), "policies/Q.xml": SHOW.format("1")}, ("apiproxy/policies/Q.xml", 1), files()),
    ("X007", files(request="<Step><Name>Gone</Name></Step>"), ("apiproxy/proxies/default.xml", 2), files()),
    (
        "X008",
        {
            **files(),
            "proxies/default.xml": '<ProxyEndpoint name="default"><HTTPProxyConnection><BasePath>/t</BasePath>'
            "<VirtualHost>secure</VirtualHost></HTTPProxyConnection><RouteRule name='r'/></ProxyEndpoint>",
        },
        ("apiproxy/proxies/default.xml", 1),
        files(),
    ),
    ("X009", one(SHOW.format("{tls.client.s.dn}")), (POLICY, 1), one(SHOW.format("{request.verb}"))),
    ("X010", one(EXTRACT.format("$.a[(@.length-1)]")), (POLICY, 1), one(EXTRACT.format("$.a.b"))),
    (
        "X010",
        one(EXTRACT.format("$..b[?(@.n=='A')][0]")),
        (POLICY, 1),
        one(EXTRACT.format("$..b[?(@.n=='A')]")),
    ),
    ("X010", one(EXTRACT.format("$.")), (POLICY, 1), one(EXTRACT.format("$"))),
    ("X010", one(SHOW.format("{jsonPath('$.a[0]',request.content)}")), (POLICY, 1), one(SHOW.format("a[0]"))),
    (
        "X011",
        one(CACHE.format("ResponseCache", "")),
        (POLICY, 1),
        one(CACHE.format("ResponseCache", EXPIRY.format(9))),
    ),
    (
        "X011",
        one(CACHE.format("PopulateCache", "")),
        (POLICY, 1),
        one(CACHE.format("PopulateCache", EXPIRY.format(9))),
    ),
    (
        "X012",
        one('<Quota name="P">\n<Distributed>false</Distributed></Quota>'),
        (POLICY, 2),
        one('<Quota name="P"><Distributed>true</Distributed></Quota>'),
    ),
    (
        "X012",
        one(
            '<Quota name="P"><AsynchronousConfiguration>\n<SyncIntervalInSeconds>5</SyncIntervalInSeconds>'
            "</AsynchronousConfiguration></Quota>"
        ),
        (POLICY, 2),
        one(
            '<Quota name="P"><AsynchronousConfiguration><SyncIntervalInSeconds>10</SyncIntervalInSeconds>'
            "</AsynchronousConfiguration></Quota>"
        ),
    ),
    (
        "X013",
        kvm('mapIdentifier="m"', GET.format("a")),
        (POLICY, 1),
        kvm('mapIdentifier="m"', GET.format("private.a")),
    ),
    ("X014", kvm('mapIdentifier="m"', scope="organization"), (POLICY, 1), kvm('mapIdentifier="m"')),
    (
        "X015",
        ssl("<Enabled>true</Enabled>"),
        ("apiproxy/targets/default.xml", 1),
        ssl("<Enabled>true</Enabled><Enforce>true</Enforce>"),
    ),
    (
        "X015",
        ssl("<Enabled>true</Enabled><Enforce>true</Enforce><KeyStore>my_store</KeyStore>"),
        ("apiproxy/targets/default.xml", 1),
        ssl("<Enabled>true</Enabled><Enforce>true</Enforce><KeyStore>ref://my-store</KeyStore>"),
    ),
    (
        "X016",
        target(url="http://10.1.2.3/a"),
        ("apiproxy/targets/default.xml", 1),
        target(url="http://8.8.8.8/a"),
    ),
    (
        "X016",
        target(url="http://localhost:80/"),
        ("apiproxy/targets/default.xml", 1),
        target(url="https://{flow.h}/"),
    ),
    (
        "X017",
        {
            **files(),
            "targets/default.xml": '<TargetEndpoint name="default"><HTTPTargetConnection><LoadBalancer><Server '
            'name="s"/></LoadBalancer>\n<HealthMonitor><IsEnabled>true</IsEnabled><IntervalInSec>5</IntervalInSec>'
            "<TCPMonitor/></HealthMonitor></HTTPTargetConnection></TargetEndpoint>",
        },
        ("apiproxy/targets/default.xml", 2),
        files(),
    ),
    (
        "X018",
        script("var a = 1;\nvar b = context.proxyRequest.headers['Foo-Bar'];"),
        ("apiproxy/resources/jsc/a.jsc", 2),
        script(
            "context.proxyRequest.headers['Foo-Bar'] = 'x';\nvar c = context.proxyRequest.headers['foo'];"
        ),
    ),
    (
        "X019",
        jar(a__B=b"..org/apache/commons/lang/StringUtils.."),
        ("apiproxy/resources/java/a.jar", 0),
        jar(a__B=b"..org/apache/commons/lang/StringUtils..", org__apache__commons__lang__StringUtils=b""),
    ),
    (
        "X022",
        specification({"security": [{"key": []}]}),
        ("apiproxy/resources/oas/a.yaml", 0),
        specification({}),
    ),
    (
        "X022",
        specification(
            {"components": {"schemas": {"A": {"properties": {"a": {"$ref": "#/components/schemas/A"}}}}}}
        ),
        ("apiproxy/resources/oas/a.yaml", 0),
        specification(
            {"components": {"schemas": {"A": {"properties": {"a": {"$ref": "#/components/schemas/B"}}}}}}
        ),
    ),
    (
        "X022",
        specification(
            {"paths": {"/a": {"get": {"parameters": [{"in": "header", "schema": {"type": "array"}}]}}}}
        ),
        ("apiproxy/resources/oas/a.yaml", 0),
        specification(
            {"paths": {"/a": {"get": {"parameters": [{"in": "query", "schema": {"type": "array"}}]}}}}
        ),
    ),
    ("X023", one(KEYS.format("  ")), (POLICY, 1), one(KEYS.format(""))),
    (
        "X024",
        files({"P": CALL.format("", ""), "Q": SHOW.format("1").replace('"P"', '"Q"')}),
        (POLICY, 1),
        files({"P": CALL.format("<Response>r</Response>", ""), "Q": SHOW.format("1").replace('"P"', '"Q"')}),
    ),
    (
        "X025",
        one(
            '<AssignMessage name="P"><Add><Headers>\n<Header name="Authorization">x</Header></Headers></Add></AssignMessage>'
        ),
        (POLICY, 2),
        one(
            '<AssignMessage name="P"><Set><Headers><Header name="Authorization">x</Header></Headers></Set></AssignMessage>'
        ),
    ),
    (
        "X025",
        one(SHOW.format("{request.header.authorization.2}")),
        (POLICY, 1),
        one(SHOW.format("{request.header.authorization}")),
    ),
    (
        "X026",
        one(SHOW.format("{request.header.X-B3-TraceId}")),
        (POLICY, 1),
        one(SHOW.format("{request.header.traceparent}")),
    ),
    (
        "X027",
        one(SHOW.format("{response.header.Host}")),
        (POLICY, 1),
        one(SHOW.format("{request.header.Host}")),
    ),
    (
        "X028",
        {**files(flows=TWO), "targets/default.xml": EVENTS},
        ("apiproxy/targets/default.xml", 1),
        {**files(), "targets/default.xml": EVENTS},
    ),
    (
        "X029",
        one('<MessageLogging name="P"><Syslog><Message>a</Message></Syslog></MessageLogging>'),
        ("apiproxy/proxies/default.xml", 2),
        files(),
    ),
    (
        "X030",
        ssl("<Protocols><Protocol>TLSv1.1</Protocol></Protocols>"),
        ("apiproxy/targets/default.xml", 1),
        ssl("<Protocols><Protocol>TLSv1.2</Protocol></Protocols>"),
    ),
    (
        "X031",
        one(SHOW.format("{apigee.company.name}")),
        (POLICY, 1),
        one(SHOW.format("{apigee.developer.email}")),
    ),
    (
        "X035",
        one(
            '<MessageLogging name="P"><CloudLogging><LogName>a</LogName>\n<Message>{response.content}</Message></CloudLogging></MessageLogging>'
        ),
        (POLICY, 2),
        one(
            '<MessageLogging name="P"><CloudLogging><LogName>a</LogName><Message>{messageid}</Message></CloudLogging></MessageLogging>'
        ),
    ),
    ("X036", one('<Javascript name="P"><Source>1</Source></Javascript>'), ("apiproxy/p.xml", 1), None),
    ("V01", one(SHOW.format("{application.basepath}")), (POLICY, 1), one(SHOW.format("{apiproxy.basepath}"))),
    (
        "V01",
        script('\ncontext.getVariable("application.basepath");'),
        ("apiproxy/resources/jsc/a.jsc", 2),
        script(""),
    ),
    (
        "V02",
        one(
            '<AssignMessage name="P"><AssignVariable><Name>a</Name>\n<Ref>router.uuid</Ref></AssignVariable></AssignMessage>'
        ),
        (POLICY, 2),
        files(),
    ),
    (
        "V03",
        files(flows='<Flow name="F"><Condition>virtualhost.name = "a"</Condition></Flow>'),
        ("apiproxy/proxies/default.xml", 3),
        files(),
    ),
    (
        "V03",
        script("\nflow.getVariable('virtualhost.ssl.enabled')", "py"),
        ("apiproxy/resources/py/a.py", 2),
        script("", "py"),
    ),
    (
        "V04",
        one('<SpikeArrest name="P"><Identifier ref="client.ip"/><Rate>1ps</Rate></SpikeArrest>'),
        (POLICY, 1),
        files(),
    ),
    (
        "V04",
        one('<AccessControl name="P"/>'),
        (POLICY, 1),
        one('<AccessControl name="P"><ClientIPVariable>a.b</ClientIPVariable></AccessControl>'),
    ),
    ("V05", one(SHOW.format("{messageid}")), (POLICY, 1), one(SHOW.format("{messageids}"))),
    ("V06", one(SHOW.format("{apigee.company.id}")), (POLICY, 1), files()),
    ("V07", one(SHOW.format("{request.header.X-Apigee.Message-ID}")), (POLICY, 1), files()),
    ("V08", one(SHOW.format("{system.region.name}")), (POLICY, 1), files()),
    (
        "L01",
        {**files(), "resources/jsc/a.js": "x" * (15 * 1024 * 1024 + 1)},
        ("apiproxy/resources/jsc/a.js", 0),
        files(),
    ),
    ("L02", files(flows=FLOWS), ("apiproxy/p.xml", 1), files(flows=TWO)),
    (
        "L04",
        target('<Properties><Property name="io.timeout.millis">300001</Property></Properties>'),
        ("apiproxy/targets/default.xml", 1),
        target('<Properties><Property name="io.timeout.millis">300000</Property></Properties>'),
    ),
    (
        "L05",
        one(CACHE.format("ResponseCache", EXPIRY.format(31 * 86400))),
        (POLICY, 1),
        one(CACHE.format("ResponseCache", EXPIRY.format(30 * 86400))),
    ),
    (
        "L06",
        {**files(), "resources/properties/a.properties": BIG},
        ("apiproxy/resources/properties/a.properties", 0),
        files(),
    ),
    (
        "L07",
        one(
            '<OAuthV2 name="P"><Operation>GenerateAccessToken</Operation>\n<ExpiresIn>1000</ExpiresIn></OAuthV2>'
        ),
        (POLICY, 2),
        one('<OAuthV2 name="P"><ExpiresIn>180000</ExpiresIn></OAuthV2>'),
    ),
    (
        "L08",
        one('<SpikeArrest name="P">\n<Rate>4001ps</Rate></SpikeArrest>'),
        (POLICY, 2),
        one('<SpikeArrest name="P"><Rate>4000ps</Rate></SpikeArrest>'),
    ),
    (
        "L10",
        target(url="https://a.example.com/" + "x" * 10240),
        ("apiproxy/targets/default.xml", 1),
        target(),
    ),
]


@pytest.mark.parametrize(
    ("id_", "bad", "place", "good"), CASES, ids=[f"{case[0]}-{n}" for n, case in enumerate(CASES)]
)
def test_a_check_finds_what_it_is_for(tmp_path, id_, bad, place, good):
    assessment = look(tmp_path / "bad", bad)
    assert place in found(assessment, id_)
    for finding in assessment.findings:
        assert finding.message
        assert finding.why
        assert finding.fix
    if good is not None:
        assert found(look(tmp_path / "good", good), id_) == []


def test_shared_flows_are_looked_at_too(tmp_path):
    content = {
        "policies/P.xml": '<OAuthV1 name="P"/>',
        "sharedflows/default.xml": '<SharedFlow name="default"><Step><Name>P</Name></Step></SharedFlow>',
    }
    assessment = look(tmp_path, content, kind="sharedflowbundle")
    assert found(assessment, "X002") == [("sharedflowbundle/policies/P.xml", 1)]
    assert found(assessment, "X001") == []
    assert assessment.status == "blocked"


def test_a_map_that_a_shared_flow_writes_depends_on_who_calls(tmp_path):
    put = '<Put><Key><Parameter>k</Parameter></Key><Value ref="v.w"/></Put>'
    content = {
        "policies/P.xml": f'<KeyValueMapOperations name="P" mapIdentifier="m"><Scope>apiproxy</Scope>{put}'
        "</KeyValueMapOperations>",
        "sharedflows/default.xml": '<SharedFlow name="default"><Step><Name>P</Name></Step></SharedFlow>',
    }
    hooks = {"PreProxyFlowHook": FlowHook("p", True, Place("flowhooks.json"))}
    assessment = look(tmp_path, content, kind="sharedflowbundle", environment=Environment(flow_hooks=hooks))
    assert found(assessment, "X021") == [("sharedflowbundle/policies/P.xml", 1)]
    assert any("PreProxyFlowHook" in finding.message for finding in assessment.findings)


def test_a_wildcard_beside_an_explicit_base_path(tmp_path):
    other = write_bundle(tmp_path, "other", files(base_path="/a/b/c"))
    assert found(look(tmp_path, files(base_path="/a/*/c"), beside=[other]), "X020")
    assert not found(look(tmp_path, files(base_path="/a/*/d"), beside=[other], name="q"), "X020")


def test_two_revisions_with_other_base_paths(tmp_path):
    other = write_bundle(tmp_path / "old", "p", files(base_path="/v1"))
    assert found(look(tmp_path, files(base_path="/v2"), beside=[other]), "X033")
    assert not found(look(tmp_path, files(base_path="/v1"), beside=[other]), "X033")


def test_configuration_of_edge_beside_the_bundle(tmp_path):
    write_bundle(tmp_path, "p", files())
    (tmp_path / "p" / "edge.json").write_text("{}")
    (tmp_path / "p" / "virtualhosts").mkdir()
    (tmp_path / "p" / "virtualhosts" / "a.json").write_text('{"useBuiltInFreeTrialCert": true}')
    assessment = look(tmp_path, files())
    assert ("edge.json", 0) in found(assessment, "X032")
    assert found(assessment, "X009") == [("virtualhosts/a.json", 0)]


def test_products_developers_and_apps(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "products.json").write_text(
        json.dumps([{"name": "big", "proxies": ["p"], "apiResources": [f"/{n}" for n in range(26)]}])
    )
    (data / "developers.json").write_text(json.dumps([{"email": "Ada@example.com"}]))
    (data / "developerapps.json").write_text(
        json.dumps([{"name": "bare", "developerEmail": "Ada@example.com", "credentials": []}])
    )
    test_data = read_test_data(data, Findings())
    key = '<VerifyAPIKey name="P"><APIKey ref="request.queryparam.k"/></VerifyAPIKey>'
    assessment = look(tmp_path, one(key), test_data=test_data)
    messages = [finding.message for finding in assessment.findings if finding.id == "X034"]
    assert len(messages) == 3
    assert not found(look(tmp_path, one(key), name="q"), "X034")


def test_entries_of_maps_that_are_too_long(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "maps.json").write_text(json.dumps([{"name": "m", "entries": {"k": "x" * 10241}}]))
    assert found(look(tmp_path, kvm('mapIdentifier="m"'), test_data=read_test_data(data, Findings())), "L09")


def test_a_target_server_of_the_environment_may_be_private(tmp_path):
    servers = {"s": TargetServer("s", "192.168.0.1", 80, "HTTP", True, None, "", Place("servers.json", 3))}
    content = {
        **files(),
        "targets/default.xml": '<TargetEndpoint name="default"><HTTPTargetConnection><LoadBalancer><Server name="s"/>'
        "</LoadBalancer></HTTPTargetConnection></TargetEndpoint>",
    }
    assert found(look(tmp_path, content, environment=Environment(target_servers=servers)), "X016") == [
        ("servers.json", 3)
    ]


def test_all_thirty_six_checks_are_there():
    ids = {check.id for check in all_checks()}
    assert ids >= {f"X{number:03}" for number in range(1, 37)}
    assert len(ids) == len(all_checks())


def test_every_check_is_shown_here():
    apart = {"X002", "X020", "X021", "X032", "X033", "X034", "L09"}
    bounds = {"L03"}
    assert {check.id for check in all_checks()} == {case[0] for case in CASES} | apart | bounds


def test_more_targets_than_a_proxy_may_have(tmp_path):
    many = {
        f"targets/t{n}.xml": TARGET.format("", "https://a.example.com").replace("default", f"t{n}")
        for n in range(1000)
    }
    assert found(look(tmp_path, {**files(), **many}), "L03")
