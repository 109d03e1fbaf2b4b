"""Changes planted in the new side, each a thing that goes wrong in migrations: every one of them is found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.house import steps
from tests.rehearsal.shop import FILES, rehearsed

PROXY, TARGET, LEGACY = "proxies/default.xml", "targets/default.xml", "targets/legacy.xml"


@dataclass(frozen=True)
class Plant:
    """One change: `old` becomes `new` in a file (all of the file without `old`); how it must show."""

    name: str
    file: str
    old: str
    new: str
    face: str
    kind: str
    place: str
    severity: str = ""


def answer_script(code: str) -> tuple[str, str, str]:
    """A change of the answer by a script in place of AM-Answer, which sets the same headers."""
    same = "response.headers['X-Shop']='tea';response.headers['Access-Control-Allow-Origin']='*';"
    body = f'<Javascript name="AM-Answer" timeLimit="2000"><Source><![CDATA[{same}{code}]]></Source></Javascript>'
    return "policies/AM-Answer.xml", "", body


ITEMS = "if (context.getVariable('proxy.pathsuffix') == '/items' && context.getVariable('response.status.code') == 200) "

PLANTS = [
    # ---- the answer
    Plant("a header of the answer is lost", "policies/AM-Answer.xml", '<Header name="X-Shop">tea</Header>', "", "answer", "header-missing", "header.x-shop"),
    Plant("a CORS header is lost", "policies/AM-Answer.xml", '<Header name="Access-Control-Allow-Origin">*</Header>', "", "answer", "header-missing", "header.access-control-allow-origin"),
    Plant("a header is new", "policies/AM-Answer.xml", "<Set><Headers>", '<Set><Headers><Header name="X-New">1</Header>', "answer", "header-extra", "header.x-new"),
    Plant("a header has another value", "policies/AM-Answer.xml", ">tea<", ">coffee<", "answer", "header-value", "header.x-shop"),
    Plant("a created order answers 200", "policies/AM-Created.xml", "201", "200", "answer", "status", "status", "major"),
    Plant("the location is another", "policies/AM-Created.xml", "/shop/orders/7", "/orders/7", "answer", "header-value", "header.location", "major"),
    Plant("a cookie is no longer secure", "policies/AM-Session.xml", "Secure; ", "", "answer", "header-value", "header.set-cookie"),
    Plant("the cookie is lost", PROXY, steps("AM-Session"), "", "answer", "header-missing", "header.set-cookie"),
    Plant("the content type changes", *answer_script(ITEMS + "response.headers['Content-Type']='text/json';"), "answer", "header-value", "header.content-type", "major"),
    Plant("a field of the body is lost", *answer_script(ITEMS + "{var b=JSON.parse(response.content);if(b.items.length){delete b.items[1].price;response.content=JSON.stringify(b);}}"), "answer", "missing", "body.$.items[*].price"),
    Plant("a field of the body is new", *answer_script(ITEMS + "{var b=JSON.parse(response.content);b.more=true;response.content=JSON.stringify(b);}"), "answer", "extra", "body.$.more"),
    Plant("a value of the body changes", *answer_script(ITEMS + "{var b=JSON.parse(response.content);if(b.items.length){b.items[0].price=4;response.content=JSON.stringify(b);}}"), "answer", "value", "body.$.items[*].price", "major"),
    Plant("a number becomes a text", *answer_script(ITEMS + "{var b=JSON.parse(response.content);if(b.items.length){b.items[0].price='3';response.content=JSON.stringify(b);}}"), "answer", "type", "body.$.items[*].price"),
    Plant("a list changes its order", *answer_script(ITEMS + "{var b=JSON.parse(response.content);b.items.reverse();response.content=JSON.stringify(b);}"), "answer", "order", "body.$.items"),
    Plant("an item of a list is lost", *answer_script(ITEMS + "{var b=JSON.parse(response.content);b.items.pop();response.content=JSON.stringify(b);}"), "answer", "length", "body.$.items.length"),
    Plant("an XML text changes", *answer_script("if(response.content.indexOf('<order')==0)response.content=response.content.replace('tea','oil');"), "answer", "value", "body/order/sku[*]/text()"),
    Plant("an XML attribute is lost", *answer_script("if(response.content.indexOf('<order')==0)response.content=response.content.replace(' id=\"7\"','');"), "answer", "missing", "body/order/@id"),
    Plant("an XML element is lost", *answer_script("if(response.content.indexOf('<order')==0)response.content='<order id=\"7\"/>';"), "answer", "missing", "body/order/sku"),
    Plant("a line of a text changes", *answer_script("response.content=response.content.replace('world','earth');"), "answer", "content", "body.line 2"),
    Plant("the body is lost", *answer_script("if(response.content.indexOf('hello')==0)response.content='';"), "answer", "content", "body"),
    Plant("the answer breaks", *answer_script("if(response.content.indexOf('hello')==0)throw 'no';"), "answer", "failed", "status", "critical"),
    # ---- what reaches upstreams
    Plant("a header for the target is lost", "policies/AM-Target.xml", '<Header name="X-Caller">{developer.app.name}</Header>', '<Header name="X-Shop">{developer.app.name}</Header>', "upstream", "header-missing", "header.x-caller"),
    Plant("a header for the target changes", "policies/AM-Target.xml", "{developer.app.name}", "{developer.email}", "upstream", "header-value", "header.x-caller"),
    Plant("the key leaks to the target", "policies/AM-Target.xml", '<Remove><Headers><Header name="apikey"/></Headers></Remove>', "", "upstream", "header-extra", "header.apikey", "critical"),
    Plant("the method changes", "policies/AM-Order.xml", "</Set>", "<Verb>PUT</Verb></Set>", "upstream", "method", "method", "major"),
    Plant("a slash doubles", TARGET, "http://shop.test/v1", "http://shop.test/v1//", "upstream", "url", "url.path", "major"),
    Plant("the base path of the target changes", TARGET, "/v1", "/v2", "upstream", "url", "url.path", "major"),
    Plant("the host of the target changes", TARGET, "shop.test", "shop.example", "upstream", "url", "url.origin", "major"),
    Plant("http becomes https", TARGET, "http://shop", "https://shop", "upstream", "url", "url.origin", "major"),
    Plant("a query parameter is lost", "policies/AM-Target.xml", "<Remove>", '<Remove><QueryParams><QueryParam name="lang"/></QueryParams>', "upstream", "missing", "url.query.lang"),
    Plant("a query parameter is new", "policies/AM-Target.xml", "<Set>", '<Set><QueryParams><QueryParam name="v">2</QueryParam></QueryParams>', "upstream", "extra", "url.query.v"),
    Plant("a field of the order changes", "policies/AM-Order.xml", '"sku":"tea"', '"sku":"oil"', "upstream", "value", "body.$.sku", "major"),
    Plant("a field of the form changes", "policies/AM-Login.xml", ">shop<", ">all<", "upstream", "value", "body.scope", "major"),
    Plant("a callout is made twice", PROXY, steps("SC-Stock", "SC-Price"), steps("SC-Stock", "SC-Stock", "SC-Price"), "upstream", "call-repeated", "call"),
    Plant("a callout is no longer made", PROXY, steps("SC-Price"), "", "upstream", "call-missing", "call"),
    Plant("a callout goes somewhere new", "policies/SC-Price.xml", "price.test", "prices.example", "upstream", "call-extra", "call"),
    Plant("two callouts change their order", PROXY, steps("SC-Stock", "SC-Price"), steps("SC-Price", "SC-Stock"), "upstream", "order", "call"),
    Plant("a callout loses a header", "policies/SC-Stock.xml", '<Header name="X-For">stock</Header>', '<Header name="X-Fur">stock</Header>', "upstream", "header-missing", "header.x-for"),
    Plant("the target is left out", PROXY, '<RouteRule name="default"><TargetEndpoint>default</TargetEndpoint></RouteRule>', '<RouteRule name="default"/>', "upstream", "call-missing", "call", "critical"),
    Plant("the wrong target is chosen", PROXY, "<TargetEndpoint>legacy</TargetEndpoint>", "<TargetEndpoint>default</TargetEndpoint>", "upstream", "url", "url.origin", "major"),
    # ---- who may pass
    Plant("the door stands open", PROXY, steps("VK", "Q"), steps("Q"), "answer", "open-door", "status", "critical"),
    Plant("the door is open for POST", PROXY, "<Step><Name>VK</Name></Step>", '<Step><Name>VK</Name><Condition>request.verb = "GET"</Condition></Step>', "answer", "open-door", "status", "critical"),
    Plant("a closed resource is open", PROXY, steps("RF-Closed"), "", "answer", "open-door", "status", "critical"),
    Plant("the quota is off", PROXY, "<Step><Name>Q</Name></Step>", "", "answer", "open-door", "status", "critical"),
    Plant("the quota is smaller", "policies/Q.xml", '"50"', '"20"', "answer", "refused", "status", "critical"),
    Plant("the quota counts all callers together", "policies/Q.xml", '<Identifier ref="request.header.apikey"/>', "", "effect", "effect-missing", "hybrid/test/shop/policy/Q good"),
    Plant("the spike arrest is off", PROXY, "<Step><Name>SA</Name></Step>", "", "answer", "open-door", "status", "critical"),
    Plant("a caller is refused", PROXY, steps("AM-Login"), steps("RF-Closed"), "answer", "refused", "status", "critical"),
    # ---- faults
    Plant("a fault has another body", "policies/AM-NoKey.xml", "no key", "missing key", "answer", "value", "body.$.error"),
    Plant("a fault has another status", "policies/AM-NoKey.xml", "401", "403", "answer", "status", "status"),
    Plant("a fault rule does not run", PROXY, "InvalidApiKey", "InvalidKey", "answer", "extra", "body.$.fault"),
    Plant("a fault has another reason", "policies/RF-Closed.xml", "closed for ever", "closed today", "answer", "content", "body"),
    # ---- side effects
    Plant("the cache is off", PROXY, steps("RC-Items"), "", "upstream", "call-extra", "call", "critical"),
    Plant("the cache lives shorter", "policies/RC-Items.xml", "600", "60", "effect", "effect-value", "*"),
    Plant("a log line is lost", PROXY, "<PostClientFlow><Response><Step><Name>ML</Name></Step></Response></PostClientFlow>", "", "effect", "effect-missing", "log.test:514"),
    Plant("a log line tells less", "policies/ML.xml", " {response.status.code}", "", "effect", "effect-value", "log.test:514"),
    Plant("nothing is kept in the map", PROXY, steps("KVM-Last"), "", "effect", "effect-missing", "*"),
]  # fmt: skip


def changed(plant: Plant) -> dict[str, str]:
    """The files of the shop with one change."""
    files = dict(FILES)
    text = files[plant.file]
    assert plant.old in text, f"{plant.name}: the shop has no {plant.old!r}"
    files[plant.file] = text.replace(plant.old, plant.new) if plant.old else plant.new
    return files


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name.replace(" ", "-"))
async def test_a_planted_change_is_found(plant: Plant, tmp_path: Path) -> None:
    run = await rehearsed(tmp_path, changed(plant))
    assert not run.passed
    told = [
        (group.key.face, group.key.kind, group.key.place, group.severity.name)
        for group in run.tally.ordered()
        if group.unexpected
    ]
    found = [
        severity
        for face, kind, place, severity in told
        if (face, kind) == (plant.face, plant.kind) and plant.place in ("*", place)
    ]
    assert found, told
    assert plant.severity in ("", found[0])


def test_forty_changes_and_more_are_planted() -> None:
    assert len({plant.name for plant in PLANTS}) == len(PLANTS) >= 40


async def test_the_unchanged_side_has_no_difference(tmp_path: Path) -> None:
    run = await rehearsed(tmp_path)
    assert run.passed
    assert run.tally.verdicts == {"identical": 62, "expected": 0, "different": 0, "critical": 0}
    assert run.reached_before is not None
    assert run.reached_after is not None
    assert run.reached_before.share() == run.reached_after.share()
    assert run.judge.noise.places == {}
