"""What is said of a bundle as a whole: status, verdicts, effort, dependencies, questions."""

import pytest

from apiproxy_runtime.rehearsal.readiness.effort import Driver, Effort
from tests.house import proxy
from tests.rehearsal.readiness.looked_at import TARGET, files, look

SPIKE = '<SpikeArrest name="P"><Rate>5ps</Rate></SpikeArrest>'
GONE = '<StatisticsCollector name="P"/>'
SCRIPT = '<Javascript name="P"><ResourceURL>jsc://a.js</ResourceURL></Javascript>'
SET = '<AssignMessage name="P"><Set><Headers><Header name="X-A">1</Header></Headers></Set></AssignMessage>'
EVERYTHING = {
    "A": '<FlowCallout name="A"><SharedFlowBundle>common</SharedFlowBundle></FlowCallout>',
    "B": '<KeyValueMapOperations name="B" mapIdentifier="settings"><Get assignTo="private.x"><Key><Parameter>k'
    "</Parameter></Key></Get></KeyValueMapOperations>",
    "C": '<ResponseCache name="C"><CacheResource>pages</CacheResource><CacheKey/><ExpirySettings>'
    "<TimeoutInSeconds>9</TimeoutInSeconds></ExpirySettings></ResponseCache>",
    "D": '<ServiceCallout name="D"><Response>r</Response><HTTPTargetConnection><LoadBalancer><Server name="stock"/>'
    "</LoadBalancer><SSLInfo><Enabled>true</Enabled><Enforce>true</Enforce><TrustStore>ref://trust</TrustStore>"
    "</SSLInfo></HTTPTargetConnection></ServiceCallout>",
    "E": '<VerifyAPIKey name="E"><APIKey ref="request.queryparam.k"/></VerifyAPIKey>',
}


@pytest.mark.parametrize(
    ("policies", "to", "status"),
    [
        ({"P": SPIKE}, "apigeex", "ready"),
        ({"P": SCRIPT.replace("jsc://a.js", "")}, "apigeex", "ready"),
        ({"P": SET.replace(">1<", ">{application.basepath}<")}, "apigeex", "review"),
        ({"P": GONE}, "apigeex", "blocked"),
        ({"P": SPIKE}, "kong", "review"),
        ({"P": SCRIPT}, "kong", "review"),
    ],
)
def test_the_status_is_that_of_the_worst_finding(tmp_path, policies, to, status):
    content = files(policies)
    if "Javascript" in content.get("policies/P.xml", ""):
        content["policies/P.xml"] = SCRIPT
        content["resources/jsc/a.js"] = "var a;"
    assert look(tmp_path, content, to=to).status == status


@pytest.mark.parametrize(
    ("xml", "verdict"),
    [
        (SET, "exact"),
        (SPIKE, "partial"),
        (SCRIPT, "manual"),
        (SPIKE.replace("name", 'enabled="false" name'), "drop"),
    ],
)
def test_every_policy_gets_a_verdict_for_kong_with_reason_and_place(tmp_path, xml, verdict):
    assessment = look(tmp_path, {**files({"P": xml}), "resources/jsc/a.js": ""}, to="kong")
    (policy,) = assessment.policies
    assert (policy.verdict, policy.place.file, policy.place.line) == (verdict, "apiproxy/policies/P.xml", 1)
    assert policy.reason
    assert policy.attached == ("PreFlow (request)",)
    assert assessment.verdicts()[verdict] == 1


def test_a_policy_without_findings_is_the_same_on_apigee_x(tmp_path):
    (same,) = look(tmp_path / "a", files({"P": SPIKE})).policies
    (gone,) = look(tmp_path / "b", files({"P": GONE})).policies
    assert (same.verdict, gone.verdict) == ("exact", "manual")


def test_a_shared_flow_is_judged_by_itself(tmp_path):
    content = {
        "policies/P.xml": SPIKE,
        "policies/Q.xml": SPIKE.replace('"P"', '"Q"'),
        "sharedflows/default.xml": '<SharedFlow name="default"><Step><Name>P</Name></Step></SharedFlow>',
    }
    verdicts = {
        policy.name: policy.verdict
        for policy in look(tmp_path, content, to="kong", kind="sharedflowbundle").policies
    }
    assert verdicts == {"P": "partial", "Q": "drop"}


def test_everything_the_bundle_needs_is_listed(tmp_path):
    needs = look(tmp_path, files(EVERYTHING)).dependencies
    assert needs.shared_flows == ("common",)
    assert needs.kvms == ("settings",)
    assert needs.caches == ("pages",)
    assert needs.target_servers == ("stock",)
    assert needs.keystores == ("trust",)


def test_what_nobody_can_tell_from_the_bundle_is_asked(tmp_path):
    questions = " / ".join(look(tmp_path, files(EVERYTHING)).unknown)
    for word in (
        "settings",
        "stock",
        "common",
        "trust",
        "developers, apps",
        "API products",
        "hostnames",
        "traffic",
    ):
        assert word in questions
    assert "developers" not in " / ".join(look(tmp_path, files({"P": SPIKE}), name="q").unknown)


def test_the_effort_is_the_sum_of_what_is_listed(tmp_path):
    effort = look(tmp_path, files(EVERYTHING), to="kong").effort
    assert effort.score == sum(driver.total for driver in effort.drivers)
    assert {driver.name: driver.total for driver in effort.drivers}["ServiceCallouts"] == 8


@pytest.mark.parametrize(
    ("score", "level"), [(0, "simple"), (30, "simple"), (31, "medium"), (80, "medium"), (81, "complex")]
)
def test_the_level_follows_the_score(score, level):
    assert Effort((Driver("a", score, 1),)).level == level


def test_the_digest_is_that_of_the_files(tmp_path):
    one = look(tmp_path / "a", files({"P": SPIKE}))
    same = look(tmp_path / "b", files({"P": SPIKE}))
    other = look(tmp_path / "c", files({"P": SPIKE.replace("5ps", "6ps")}))
    assert one.sha256 == same.sha256 != other.sha256


BROKEN = {
    "xml": {"policies/P.xml": "<P", "proxies/default.xml": "<ProxyEndpoint", "targets/default.xml": ""},
    "binary": {"policies/P.xml": b"\x00\xff\xfe", "proxies/default.xml": b"\x80\x81"},
    "roots": {"policies/P.xml": "<x/>", "proxies/default.xml": "<y/>", "targets/default.xml": "<z/>"},
    "empty": {"policies/P.xml": "<Quota/>", "proxies/default.xml": "<ProxyEndpoint/>"},
    "conditions": files(
        flows='<Flow name="F"><Condition>((( =</Condition><Request><Step><Name>X</Name></Step></Request></Flow>'
    ),
    "templates": files({"P": SET.replace(">1<", ">{{{unknown()}<")}),
    "urls": {**files(), "targets/default.xml": TARGET.format("", "http://[::bad/")},
    "numbers": files(
        {"P": '<Quota name="P"><Allow count="x"/><Interval>-1</Interval><TimeUnit>eon</TimeUnit></Quota>'}
    ),
    "jar": {
        **files(
            {
                "P": '<JavaCallout name="P"><ClassName>a</ClassName><ResourceURL>java://a.jar</ResourceURL></JavaCallout>'
            }
        ),
        "resources/java/a.jar": b"no jar",
    },
    "specification": {
        **files({"P": '<OASValidation name="P"><OASResource>oas://a.yaml</OASResource></OASValidation>'}),
        "resources/oas/a.yaml": "a: [1\nb: }",
    },
    "nothing": {"proxies/readme.txt": "none"},
    "loops": files(flows="", routes='<RouteRule name="a"><TargetEndpoint>gone</TargetEndpoint></RouteRule>'),
    "path": {**files(), "proxies/default.xml": proxy("relative path//x")},
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("to", ["apigeex", "kong"])
def test_a_malformed_bundle_is_told_and_never_a_traceback(tmp_path, kind, to):
    assessment = look(tmp_path, BROKEN[kind], to=to)
    assert assessment.status in ("ready", "review", "blocked")
    if kind in ("xml", "binary", "roots"):
        assert assessment.status == "blocked"
