"""A small shop as both sides of a rehearsal: a bundle, the traffic of a morning, and the upstreams behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.rehearsal.acceptance import Pack, Rule
from apiproxy_runtime.rehearsal.exchange import Exchange, Request, Response, UpstreamCall
from apiproxy_runtime.rehearsal.journal import Journal
from apiproxy_runtime.rehearsal.judge import Judge
from apiproxy_runtime.rehearsal.run import Rehearsal, rehearse
from apiproxy_runtime.rehearsal.sides.bundle import BundleSide
from apiproxy_runtime.rehearsal.stubs import Policy
from tests.consumers import app, data
from tests.house import proxy, raise_fault, steps, target, write_bundle

FAULTS = """<FaultRules><FaultRule name="NoKey">
<Condition>fault.name = "FailedToResolveAPIKey" or fault.name = "InvalidApiKey"</Condition>
<Step><Name>AM-NoKey</Name></Step></FaultRule></FaultRules>"""

ROUTES = """<RouteRule name="legacy"><Condition>proxy.pathsuffix MatchesPath "/legacy/**"</Condition>
<TargetEndpoint>legacy</TargetEndpoint></RouteRule>
<RouteRule name="default"><TargetEndpoint>default</TargetEndpoint></RouteRule>"""

FLOWS = f"""
<Flow name="Items"><Condition>proxy.pathsuffix MatchesPath "/items" and request.verb = "GET"</Condition>
  <Request>{steps("RC-Items")}</Request><Response>{steps("RC-Items")}</Response></Flow>
<Flow name="Order"><Condition>proxy.pathsuffix MatchesPath "/orders" and request.verb = "POST"</Condition>
  <Request>{steps("SC-Stock", "SC-Price", "EV-Stock", "AM-Order", "KVM-Last")}</Request>
  <Response>{steps("AM-Created")}</Response></Flow>
<Flow name="Login"><Condition>proxy.pathsuffix MatchesPath "/login"</Condition>
  <Request>{steps("AM-Login")}</Request><Response>{steps("AM-Session")}</Response></Flow>
<Flow name="Closed"><Condition>proxy.pathsuffix MatchesPath "/closed"</Condition>
  <Request>{steps("RF-Closed")}</Request></Flow>
<Flow name="Legacy"><Condition>proxy.pathsuffix MatchesPath "/legacy/**"</Condition>
  <Request/></Flow>"""

FILES: dict[str, str] = {
    "proxies/default.xml": proxy(
        "/shop",
        request=steps("VK", "Q", "SA"),
        flows=FLOWS,
        response=steps("AM-Answer"),
        routes=ROUTES,
        extra=f"{FAULTS}<PostClientFlow><Response>{steps('ML')}</Response></PostClientFlow>",
    ),
    "targets/default.xml": target("http://shop.test/v1", request=steps("AM-Target")),
    "targets/legacy.xml": target("http://legacy.test/soap", request=steps("AM-Target"), name="legacy"),
    "policies/VK.xml": '<VerifyAPIKey name="VK"><APIKey ref="request.header.apikey"/></VerifyAPIKey>',
    "policies/Q.xml": '<Quota name="Q"><Allow count="50"/><Interval>1</Interval><TimeUnit>hour</TimeUnit>'
    '<Identifier ref="request.header.apikey"/></Quota>',
    "policies/SA.xml": '<SpikeArrest name="SA"><Rate>10ps</Rate></SpikeArrest>',
    "policies/RC-Items.xml": '<ResponseCache name="RC-Items"><CacheKey><KeyFragment ref="request.uri"/></CacheKey>'
    "<ExpirySettings><TimeoutInSeconds>600</TimeoutInSeconds></ExpirySettings></ResponseCache>",
    "policies/SC-Stock.xml": '<ServiceCallout name="SC-Stock"><Request variable="ask"><Set><Headers>'
    '<Header name="X-For">stock</Header></Headers></Set></Request><Response>stock</Response>'
    "<HTTPTargetConnection><URL>http://stock.test/tea</URL></HTTPTargetConnection></ServiceCallout>",
    "policies/SC-Price.xml": '<ServiceCallout name="SC-Price"><Request variable="ask"/><Response>price</Response>'
    "<HTTPTargetConnection><URL>http://price.test/tea</URL></HTTPTargetConnection></ServiceCallout>",
    "policies/EV-Stock.xml": '<ExtractVariables name="EV-Stock"><Source>stock</Source><VariablePrefix>order</VariablePrefix>'
    '<JSONPayload><Variable name="left"><JSONPath>$.left</JSONPath></Variable></JSONPayload></ExtractVariables>',
    "policies/AM-Order.xml": '<AssignMessage name="AM-Order"><Set><Payload contentType="application/json">'
    '{"sku":"tea","left":{order.left}}</Payload></Set></AssignMessage>',
    "policies/KVM-Last.xml": '<KeyValueMapOperations name="KVM-Last" mapIdentifier="orders"><Scope>environment</Scope>'
    '<Put override="true"><Key><Parameter>last</Parameter></Key><Value ref="order.left"/></Put></KeyValueMapOperations>',
    "policies/AM-Created.xml": '<AssignMessage name="AM-Created"><Set><StatusCode>201</StatusCode>'
    '<Headers><Header name="Location">/shop/orders/7</Header></Headers></Set></AssignMessage>',
    "policies/AM-Login.xml": '<AssignMessage name="AM-Login"><Set><FormParams><FormParam name="scope">shop</FormParam>'
    "</FormParams></Set></AssignMessage>",
    "policies/AM-Session.xml": '<AssignMessage name="AM-Session"><Set><Headers><Header name="Set-Cookie">sid=1; Secure; HttpOnly'
    "</Header></Headers></Set></AssignMessage>",
    "policies/RF-Closed.xml": raise_fault("RF-Closed", 410, "closed for ever"),
    "policies/AM-Answer.xml": '<AssignMessage name="AM-Answer"><Set><Headers><Header name="X-Shop">tea</Header>'
    '<Header name="Access-Control-Allow-Origin">*</Header></Headers></Set></AssignMessage>',
    "policies/AM-NoKey.xml": '<AssignMessage name="AM-NoKey"><Set><Payload contentType="application/json">'
    '{"error":"no key"}</Payload><StatusCode>401</StatusCode></Set></AssignMessage>',
    "policies/AM-Target.xml": '<AssignMessage name="AM-Target"><Set><Headers><Header name="X-Caller">{developer.app.name}</Header>'
    '</Headers></Set><Remove><Headers><Header name="apikey"/></Headers></Remove>'
    "<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables></AssignMessage>",
    "policies/ML.xml": '<MessageLogging name="ML"><Syslog><Message>{request.verb} {proxy.pathsuffix} {response.status.code}</Message>'
    "<Host>log.test</Host><Port>514</Port></Syslog></MessageLogging>",
}


def _json(value: object, status: int = 200) -> Response:
    return Response(status, (("Content-Type", "application/json"),), json.dumps(value).encode(), "OK")


def _call(method: str, url: str, response: Response) -> UpstreamCall:
    return UpstreamCall("target", Request(method, url), response)


#: What answers, whoever asks: the same for every case.
UPSTREAMS: tuple[UpstreamCall, ...] = (
    _call(
        "GET",
        "http://shop.test/v1/items",
        _json({"items": [{"sku": "tea", "price": 3}, {"sku": "oil", "price": 9}]}),
    ),
    _call("GET", "http://shop.test/v1/items?page=2", _json({"items": []})),
    _call("POST", "http://shop.test/v1/orders", _json({"id": 7, "state": "new"})),
    _call("POST", "http://shop.test/v1/login", _json({"user": "ada"})),
    _call(
        "GET",
        "http://shop.test/v1/greeting",
        Response(200, (("Content-Type", "text/plain"),), b"hello\nworld\n", "OK"),
    ),
    _call("GET", "http://shop.test/v1/missing", _json({"no": "such thing"}, 404)),
    _call("GET", "http://shop.test/v1/down", _json({"out": "of order"}, 503)),
    _call(
        "GET",
        "http://legacy.test/soap/legacy/7",
        Response(200, (("Content-Type", "application/xml"),), b'<order id="7"><sku>tea</sku></order>', "OK"),
    ),
    UpstreamCall("callout", Request("GET", "http://stock.test/tea"), _json({"left": 4})),
    UpstreamCall("callout", Request("GET", "http://price.test/tea"), _json({"price": 3})),
)

START = 1_760_000_000.0


def traffic() -> list[Exchange]:
    """Requests with good and bad keys, a burst, and more than the quota allows."""
    key = (("Host", "api.test"), ("apikey", "good"))
    post = (*key, ("Content-Type", "application/json"))
    form = (*key, ("Content-Type", "application/x-www-form-urlencoded"))
    requests = [
        Request("GET", "/shop/items", key),
        Request("GET", "/shop/items", key),
        Request("GET", "/shop/items?page=2", key),
        Request("POST", "/shop/orders", post, b'{"sku":"tea"}'),
        Request("POST", "/shop/login", form, b"user=ada&password=x"),
        Request("GET", "/shop/greeting?lang=en", key),
        Request("GET", "/shop/legacy/7", key),
        Request("GET", "/shop/closed", key),
        Request("GET", "/shop/missing", key),
        Request("GET", "/shop/down", key),
        Request("GET", "/shop/items", (("Host", "api.test"),)),
        Request("GET", "/shop/items", (("Host", "api.test"), ("apikey", "bad"))),
        Request("POST", "/shop/orders", (("Host", "api.test"), ("Content-Type", "application/json")), b"{}"),
    ]
    cases = [
        Exchange(f"c{number}", request, None, UPSTREAMS, True, at=START + number)
        for number, request in enumerate(requests)
    ]
    burst = [
        Exchange(
            f"burst{n}",
            Request("GET", "/shop/greeting", key),
            None,
            UPSTREAMS,
            True,
            at=START + 100 + n / 100,
        )
        for n in range(3)
    ]
    crowd = [
        Exchange(
            f"crowd{n}", Request("GET", "/shop/items?page=2", key), None, UPSTREAMS, True, at=START + 200 + n
        )
        for n in range(45)
    ]
    later = Exchange("later", Request("GET", "/shop/items", key), None, UPSTREAMS, True, at=START + 3 * 3600)
    return [*cases, *burst, *crowd, later]


def side(
    folder: Path,
    files: Mapping[str, str] = FILES,
    seed: int = 0,
    policy: Policy | None = None,
    **options: bool,
) -> BundleSide:
    """The shop as a side, deployed from a folder of its own."""
    findings = Findings()
    bundle = read_bundle(write_bundle(folder, "shop", files), findings)
    assert bundle is not None
    known = data(
        [{"name": "all", "proxies": ["shop"], "environments": ["test"], "apiResources": ["/**"]}],
        [app("all", key="good")],
    )
    return BundleSide(
        "shop", [bundle], Environment(), known, findings, policy or Policy(), None, seed, **options
    )


async def rehearsed(
    folder: Path,
    after: Mapping[str, str] = FILES,
    *,
    before: Mapping[str, str] = FILES,
    cases: Sequence[Exchange] | None = None,
    packs: Sequence[Pack] = (),
    accepted: Sequence[Rule] = (),
    today: date = date(2026, 1, 1),
    noise: bool = True,
    resume: bool = False,
) -> Rehearsal:
    """Run the traffic through the shop and a changed shop."""
    sides = [side(folder / "before", before), side(folder / "after", after)]
    twin = side(folder / "twin", before, 1, explains=False) if noise else None
    everyone = [*sides, twin] if twin is not None else sides
    with Journal(folder / "journal.jsonl", {"of": "a test"}, resume=resume) as journal:
        for each in everyone:
            await each.open()
        run = await rehearse(
            traffic() if cases is None else cases, *sides, twin, Judge(packs, accepted, today), journal
        )
        for each in everyone:
            await each.close()
    return run
