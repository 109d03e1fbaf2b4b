"""Generated traffic: it reaches what can be reached, says what cannot, and is the same each time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.testdata import TestData, read_test_data
from apiproxy_runtime.expression.condition.parser import parse
from apiproxy_runtime.expression.javaregex import compile_java_regex
from apiproxy_runtime.rehearsal.generate.conclusion import Generated
from apiproxy_runtime.rehearsal.generate.constraints import ways
from apiproxy_runtime.rehearsal.generate.explore import generate
from apiproxy_runtime.rehearsal.generate.origins import json_steps, xml_steps
from apiproxy_runtime.rehearsal.generate.sample import of_regex
from apiproxy_runtime.rehearsal.generate.scene import drop_json, put_json, xml_of
from apiproxy_runtime.rehearsal.har import read_har, write_har
from apiproxy_runtime.rehearsal.standins.kinds import stand_ins_for
from tests.house import mark, note, proxy, raise_fault, steps, target, write_bundle

ROUTES = """<RouteRule name="beta"><Condition>request.header.x-beta = "yes"</Condition>
<TargetEndpoint>beta</TargetEndpoint></RouteRule><RouteRule name="rest"><TargetEndpoint>default</TargetEndpoint></RouteRule>"""
FLOWS = f"""<Flow name="read"><Condition>(proxy.pathsuffix MatchesPath "/items/*") and (request.verb = "GET")</Condition>
<Request>{steps("EV-Item")}<Step><Condition>item.id StartsWith "L-"</Condition><Name>N1</Name></Step></Request>
<Response><Step><Condition>response.status.code = 404</Condition><Name>N2</Name></Step></Response></Flow>
<Flow name="write"><Condition>(proxy.pathsuffix MatchesPath "/items") and (request.verb = "POST")</Condition>
<Request>{steps("EV-Body")}<Step><Condition>body.kind ~~ "[A-Z]{{3}}[0-9]+"</Condition><Name>N3</Name></Step>
<Step><Condition>body.count &gt; 10</Condition><Name>R1</Name></Step></Request><Response/></Flow>
<Flow name="impossible"><Condition>request.verb = "GET" and request.verb = "POST"</Condition><Request/><Response/></Flow>"""
RULES = """<FaultRules><FaultRule name="too-many"><Condition>fault.name = "RaiseFault"</Condition></FaultRule>
<FaultRule name="down"><Condition>fault.name = "NoSuchFault"</Condition></FaultRule></FaultRules>"""
EXTRACT = """<ExtractVariables name="EV-Item"><URIPath><Pattern>/items/{id}</Pattern></URIPath>
<VariablePrefix>item</VariablePrefix></ExtractVariables>"""
BODY = """<ExtractVariables name="EV-Body"><Source>request</Source><JSONPayload>
<Variable name="kind"><JSONPath>$.a.kind</JSONPath></Variable>
<Variable name="count"><JSONPath>$.list[0].count</JSONPath></Variable></JSONPayload>
<VariablePrefix>body</VariablePrefix><IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables></ExtractVariables>"""
KEY = '<VerifyAPIKey name="VK"><APIKey ref="request.queryparam.apikey"/></VerifyAPIKey>'


def rich(folder: Path) -> Path:
    return write_bundle(
        folder,
        "rich",
        {
            "proxies/default.xml": proxy("/rich", flows=FLOWS, routes=ROUTES, extra=RULES),
            "targets/default.xml": target(
                extra='<FaultRules><FaultRule name="missing"><Condition>response.status.code = 503</Condition></FaultRule></FaultRules>',
                properties='<Property name="success.codes">1xx,2xx,3xx,404</Property>',
            ),
            "targets/beta.xml": target("http://beta.test", name="beta", request=steps("M1")),
            "policies/EV-Item.xml": EXTRACT,
            "policies/EV-Body.xml": BODY,
            "policies/N1.xml": note("N1"),
            "policies/N2.xml": note("N2"),
            "policies/N3.xml": note("N3"),
            "policies/M1.xml": mark("M1"),
            "policies/R1.xml": raise_fault("R1", 422),
        },
    )


async def made(path: Path, test_data: TestData | None = None, limit: int = 3000) -> Generated:
    bundle = read_bundle(path, Findings())
    assert bundle is not None
    return await generate([bundle], Environment(), test_data or TestData(), limit=limit)


async def test_every_branch_that_can_be_reached_is_reached(tmp_path: Path) -> None:
    found = await made(rich(tmp_path))
    open_ones = {
        (
            item.branch.kind,
            item.branch.name.rpartition(" ")[2] if item.branch.kind == "fault rule" else item.branch.name,
        )
        for item in found.unreached
    }
    assert open_ones == {
        ("flow", "rich/default impossible (request)"),
        ("flow", "rich/default impossible (response)"),
        ("fault rule", "down"),
    }
    assert found.reached == found.branches - 3


async def test_what_is_not_reached_comes_with_its_reason(tmp_path: Path) -> None:
    found = await made(rich(tmp_path))
    whys = {item.branch.name: item.why for item in found.unreached}
    assert "no value of request.verb" in whys["rich/default impossible (request)"]
    assert "fault.name" in whys["rich/default down"]


async def test_the_same_bundle_gives_the_same_cases(tmp_path: Path) -> None:
    path = rich(tmp_path)
    first, second = await made(path), await made(path)
    assert first.exchanges == second.exchanges
    write_har(tmp_path / "t.har", first.exchanges)
    assert list(read_har(tmp_path / "t.har")) == first.exchanges


async def test_cases_tell_what_they_reach_and_what_was_answered(tmp_path: Path) -> None:
    found = await made(rich(tmp_path))
    reaching = [
        case
        for case in found.exchanges
        if any(item.kind == "step" and item.value == "R1" for item in case.expectations)
    ]
    assert reaching
    case = reaching[0]
    assert case.request.method == "POST"
    assert int(json.loads(case.request.body)["list"][0]["count"]) > 10
    assert case.response is not None
    assert case.response.status == 422
    assert case.calls_recorded
    assert [item.value for item in case.expectations if item.kind == "status"] == ["422"]


async def test_paths_that_gateways_read_differently_are_among_the_cases(tmp_path: Path) -> None:
    found = await made(rich(tmp_path))
    targets = {case.request.url for case in found.exchanges}
    assert any("//" in url for url in targets)
    assert any("%2F" in url for url in targets)


def keyed(folder: Path) -> Path:
    return write_bundle(
        folder,
        "keyed",
        {
            "proxies/default.xml": proxy("/keyed", request=steps("VK", "M1")),
            "targets/default.xml": target(),
            "policies/VK.xml": KEY,
            "policies/M1.xml": mark("M1"),
        },
    )


async def test_keys_are_given_and_wrong_ones_are_tried(tmp_path: Path) -> None:
    tests = tmp_path / "src/tests/a"
    tests.mkdir(parents=True)
    (tmp_path / "src/main/apigee/environments/test").mkdir(parents=True)
    (tests / "products.json").write_text(
        '[{"name": "p", "approvalType": "auto", "proxies": ["keyed"], "environments": ["test"]}]'
    )
    (tests / "developers.json").write_text(
        '[{"email": "a@b.c", "firstName": "A", "lastName": "B", "userName": "ab"}]'
    )
    credential = {
        "consumerKey": "good-key-1",
        "consumerSecret": "s",
        "status": "approved",
        "apiProducts": [{"apiproduct": "p", "status": "approved"}],
    }
    (tests / "developerapps.json").write_text(
        json.dumps(
            [{"name": "app", "developerEmail": "a@b.c", "apiProducts": ["p"], "credentials": [credential]}]
        )
    )
    found = await made(keyed(tmp_path), read_test_data(tmp_path, Findings(), "test"))
    assert not found.unreached
    answers = {
        case.request.url: case.response.status for case in found.exchanges if case.response is not None
    }
    assert answers["/keyed?apikey=good-key-1"] == 200
    assert [status for url, status in answers.items() if "wrong-key" in url] == [401]
    assert answers["/keyed?apikey="] == 401
    assert answers["/keyed"] == 401


async def test_without_keys_the_generator_says_what_it_needs(tmp_path: Path) -> None:
    found = await made(keyed(tmp_path))
    assert "no app with an approved key" in found.remarks[0]
    assert any(item.branch.name == "M1" for item in found.unreached)


@pytest.mark.parametrize(
    "pattern",
    ["[1-9][0-9]{0,3}", "a|b|cd", "(foo)+\\.bar", "\\d{4}-\\d\\d", ".*", "^x.y$", "[^a]b?", "(?i)abc"],
)
def test_samples_fit_their_regular_expression(pattern: str) -> None:
    samples = list(of_regex(pattern))
    assert samples
    for sample in samples:
        assert compile_java_regex(pattern).fullmatch(sample), (pattern, sample)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('a = "1" and b != "2"', True),
        ('a = "1" and b != "2"', False),
        ('not (a Matches "x*y") or b > 3', True),
        ('not (a Matches "x*y") or b > 3', False),
        ('a ~/ "/x/**" and a != null', True),
        ('a = null or a JavaRegex "[a-z]{2}"', False),
    ],
)
def test_each_way_has_values_that_make_the_condition_come_out(text: str, wanted: bool) -> None:
    found = list(ways(parse(text), wanted))
    assert found
    for way in found:
        for atom in way:
            assert any(atom.holds(value) for value in atom.candidates()), (way, atom)


def test_documents_are_made_from_paths() -> None:
    document = put_json(put_json(None, ["a", "b", 1, "c"], 5), ["a", "d"], "x")
    assert document == {"a": {"b": [{}, {"c": 5}], "d": "x"}}
    assert drop_json(document, ["a", "d"]) == {"a": {"b": [{}, {"c": 5}]}}
    assert json_steps("$.a['b-c'][2].d") == ["a", "b-c", 2, "d"]
    assert json_steps("$.a[?(@.x)]") is None
    assert xml_steps("/a/b/@c") == ("a", "b", "@c")
    assert xml_of({("a", "b"): "1 < 2", ("a", "@c"): "x"}, {}) == '<a c="x"><b>1 &lt; 2</b></a>'


async def test_a_quota_of_the_product_is_used_up(tmp_path: Path) -> None:
    quota = """<Quota name="Q" type="calendar"><Allow countRef="verifyapikey.VK.apiproduct.developer.quota.limit"/>
<Interval>1</Interval><TimeUnit>minute</TimeUnit></Quota>"""
    path = write_bundle(
        tmp_path,
        "metered",
        {
            "proxies/default.xml": proxy("/m", request=steps("VK", "Q")),
            "targets/default.xml": target(),
            "policies/VK.xml": KEY,
            "policies/Q.xml": quota,
        },
    )
    bundle = read_bundle(path, Findings())
    assert bundle is not None
    stand_ins = stand_ins_for([bundle], Environment(), TestData())
    found = await generate([bundle], *stand_ins.added_to(Environment(), TestData()))
    statuses = [case.response.status for case in found.exchanges if case.response is not None]
    assert statuses.count(429) == 1


async def test_whom_an_entity_belongs_to_is_told_by_the_key(tmp_path: Path) -> None:
    access = """<AccessEntity name="AE"><EntityType value="developer"/>
<EntityIdentifier ref="request.queryparam.key" type="consumerkey"/></AccessEntity>"""
    path = write_bundle(
        tmp_path,
        "known",
        {
            "proxies/default.xml": proxy(
                "/k", request=steps("AE", N1="AccessEntity.AE != null", N2="AccessEntity.AE = null")
            ),
            "targets/default.xml": target(),
            "policies/AE.xml": access,
            "policies/N1.xml": note("N1"),
            "policies/N2.xml": note("N2"),
        },
    )
    bundle = read_bundle(path, Findings())
    assert bundle is not None
    stand_ins = stand_ins_for([bundle], Environment(), TestData())
    found = await generate([bundle], *stand_ins.added_to(Environment(), TestData()))
    assert found.unreached == []


async def test_shared_flows_that_are_not_there_are_named(tmp_path: Path) -> None:
    call = '<FlowCallout name="FC"><SharedFlowBundle>cors</SharedFlowBundle></FlowCallout>'
    files = {
        "proxies/default.xml": proxy("/f", request=steps("FC")),
        "targets/default.xml": target(),
        "policies/FC.xml": call,
    }
    found = await made(write_bundle(tmp_path, "calling", files))
    (remark,) = found.remarks
    assert "cors. Name their bundles too" in remark
