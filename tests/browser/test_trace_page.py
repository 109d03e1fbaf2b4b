"""The trace page in a real browser: what a person sees, with mouse, keyboard, on a phone, in light and dark.

With APIPROXY_SCREENSHOT=1 the picture in docs/images is written anew (`make screenshot`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, expect

from tests.control.house import ControlHouse, control_house, says, workspace
from tests.house import Upstream, proxy, raise_fault, steps, target, upstream_server

PICTURE = Path(__file__).parents[2] / "docs/images/trace.png"
DESK, PHONE = (1440, 900), (380, 800)

NOTE = """<AssignMessage name="AM-Note">
  <AssignVariable><Name>order.sku</Name><Ref>request.queryparam.sku</Ref></AssignVariable>
  <AssignVariable><Name>private.token</Name><Value>s3cret-token</Value></AssignVariable>
  <Set><Headers><Header name="X-Sku">{order.sku}</Header></Headers></Set>
  <AssignTo createNew="false" type="request"/>
  <IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>
</AssignMessage>"""
CALLOUT = """<ServiceCallout name="SC-Stock">
  <Request><Set><Verb>GET</Verb></Set></Request>
  <Response>stock</Response>
  <HTTPTargetConnection><URL>URL/stock</URL></HTTPTargetConnection>
</ServiceCallout>"""
ARREST = """<SpikeArrest name="SA-Burst">
  <Rate>1000ps</Rate>
</SpikeArrest>"""
EXTRACT = """<ExtractVariables name="EV-Stock">
  <Source>stock</Source>
  <JSONPayload><Variable name="left"><JSONPath>$.left</JSONPath></Variable></JSONPayload>
  <VariablePrefix>stock</VariablePrefix>
</ExtractVariables>"""


def shop(url: str) -> dict[str, str]:
    """A proxy that has a bit of everything: a callout, conditions, a skipped step, a fault, a target."""
    return {
        "apiproxy/shop.xml": "<APIProxy name='shop' revision='3'/>",
        "apiproxy/proxies/default.xml": proxy(
            "/shop/v1",
            request=steps("SA-Burst", "AM-Note"),
            flows=f"""<Flow name="Order"><Condition>(proxy.pathsuffix MatchesPath "/orders/*") and (request.verb = "GET")</Condition>
            <Request>{steps("SC-Stock", "EV-Stock", RF_SoldOut="stock.left = 0")}</Request></Flow>""",
            post_response=steps("AM-Done"),
            extra=f"""<FaultRules><FaultRule name="SoldOut"><Condition>fault.name = "RaiseFault"</Condition>
            {steps("AM-Sorry")}</FaultRule></FaultRules>""",
        ),
        "apiproxy/targets/default.xml": target(url, request=steps("AM-Path")),
        "apiproxy/policies/AM-Note.xml": NOTE,
        "apiproxy/policies/SA-Burst.xml": ARREST,
        "apiproxy/policies/SC-Stock.xml": CALLOUT.replace("URL/", f"{url}/"),
        "apiproxy/policies/EV-Stock.xml": EXTRACT,
        "apiproxy/policies/RF-SoldOut.xml": raise_fault("RF-SoldOut", 409, "sold out"),
        "apiproxy/policies/AM-Path.xml": """<AssignMessage name="AM-Path"><AssignVariable>
            <Name>target.copy.pathsuffix</Name><Value>true</Value></AssignVariable></AssignMessage>""",
        "apiproxy/policies/AM-Done.xml": """<AssignMessage name="AM-Done">
            <Set><Headers><Header name="X-Left">{stock.left}</Header></Headers></Set>
            <IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables></AssignMessage>""",
        "apiproxy/policies/AM-Sorry.xml": """<AssignMessage name="AM-Sorry">
            <Set><Payload contentType="application/json">{"error":"Sold out, come back tomorrow"}</Payload></Set>
            </AssignMessage>""",
    }


async def answer(request: web.Request) -> web.StreamResponse:
    if request.path == "/missing":
        return web.json_response({"error": "no such thing"}, status=404)
    if "slow" in request.path:
        await asyncio.sleep(1.5)
    await asyncio.sleep(0.006)
    if request.path == "/stock":
        return web.json_response({"left": 0 if "sold" in request.headers.get("X-Note", "") else 7})
    return web.json_response(
        {"order": request.path.rpartition("/")[2], "items": [{"sku": "tea", "count": 2}], "note": "<b>&"}
    )


@contextlib.asynccontextmanager
async def open_shop() -> AsyncIterator[ControlHouse]:
    async with upstream_server(Upstream(answer=answer)) as upstream, control_house() as home:
        home.host.here.address = home.traffic
        mask = {"variables": ["request.header.X-Api-Key"]}
        reply = await home.deploy(
            workspace({"shop": shop(f"http://127.0.0.1:{upstream.port}")}, debugmask=mask)
        )
        assert reply.status == 200, reply.text
        yield home


@contextlib.asynccontextmanager
async def opened(
    browser: Browser, home: ControlHouse, size: tuple[int, int] = DESK, scheme: Any = "light"
) -> AsyncIterator[Page]:
    """The page, connected. What the browser complains about (a refused script, a missing file) fails the test."""
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce"
    )
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(home.control + "/")
    await expect(page.locator("#connection")).to_contain_text("live")
    yield page
    assert [text for text in complaints if "409" not in text] == []
    assert [url for url in asked if not url.startswith(home.control + "/")] == []
    await context.close()


async def send(home: ControlHouse) -> None:
    """One request that succeeds, one that faults at its step, one for which nothing is deployed behind."""
    await home.call("/shop/v1/orders/1?sku=tea", headers={"X-Api-Key": "top-s3cret"})
    await home.call("/shop/v1/other", "POST", json={"a": [1, {"b": None}]})


async def test_an_empty_page_tells_what_to_do(browser: Browser) -> None:
    async with control_house() as home, opened(browser, home) as page:
        home.host.here.address = home.traffic
        await expect(page.get_by_text("Nothing is deployed yet")).to_be_visible()
        await expect(page.locator("code", has_text="/v1/emulator/deploy?environment=test")).to_be_visible()
        await home.deploy(workspace({"hello": says("hello", "hi")}))
        await expect(page.get_by_text("Waiting for a request")).to_be_visible()
        await expect(page.locator("#empty code")).to_contain_text("/hello")
        await page.get_by_role("button", name="Copy").click()
        assert "curl -i" in await page.evaluate("navigator.clipboard.readText()")


async def test_a_transaction_is_drawn_as_it_happened(browser: Browser) -> None:
    async with open_shop() as home, opened(browser, home) as page:
        await send(home)
        await page.get_by_role("option", name="GET /shop/v1/orders/1").click()
        flow = page.locator(".flow")
        await expect(flow.locator(".stage-name")).to_have_text(
            ["Client", "Proxy request", "Target request", "Target", "Proxy response", "Client"]
        )
        for name in ("SA-Burst", "AM-Note", "SC-Stock", "EV-Stock", "AM-Path", "AM-Done"):
            await expect(flow.get_by_role("option", name=f"{name},").first).to_be_visible()
        skipped = flow.get_by_role("option", name="RF-SoldOut, RaiseFault, skipped")
        await expect(skipped).to_contain_text("false")
        await expect(flow.get_by_role("option", name="Flow Order").first).to_contain_text("true")
        await expect(flow.get_by_role("option", name="/stock, status 200")).to_be_visible()
        await expect(flow.locator(".bar").first).to_be_visible()


async def test_a_step_shows_variables_message_and_its_policy(browser: Browser) -> None:
    async with open_shop() as home, opened(browser, home) as page:
        await send(home)
        await page.get_by_role("option", name="GET /shop/v1/orders/1").click()
        await page.get_by_role("option", name="AM-Note,").click()
        details = page.locator("#inspector")
        row = details.get_by_role("row", name="order.sku")
        await expect(row.first).to_contain_text("not set")
        await expect(row.first).to_contain_text("tea")
        await expect(details.get_by_role("row", name="private.token").first).to_contain_text("masked")
        await details.get_by_role("tab", name="Message").click()
        await expect(details.locator("tr.added")).to_contain_text("X-Sku")
        await details.get_by_role("tab", name="Policy").click()
        await expect(details.locator(".place")).to_have_text("apiproxy/policies/AM-Note.xml:1")
        await expect(details.locator(".code")).to_contain_text("<Name>order.sku</Name>")


async def test_secrets_are_nowhere_on_the_page(browser: Browser) -> None:
    async with open_shop() as home, opened(browser, home) as page:
        await send(home)
        await page.get_by_role("option", name="GET /shop/v1/orders/1").click()
        for option in await page.locator(".row").all():
            await option.click()
            for tab in await page.get_by_role("tab").all():
                await tab.click()
                if await tab.inner_text() != "Policy":
                    assert "s3cret" not in await page.content()


async def test_a_body_is_printed_pretty_and_is_never_markup(browser: Browser) -> None:
    async with open_shop() as home, opened(browser, home) as page:
        await send(home)
        await page.get_by_role("option", name="GET /shop/v1/orders/1").click()
        await page.get_by_role("option", name="Response 200").click()
        body = page.locator("#inspector .code")
        await expect(body).to_contain_text('  "order": "1",')
        await expect(body).to_contain_text('"note": "<b>&"')


async def test_a_fault_is_in_front_and_names_its_step(browser: Browser) -> None:
    async with open_shop() as home, opened(browser, home) as page:
        files = shop("http://127.0.0.1:1")
        await home.deploy(workspace({"shop": files}))
        assert (await home.call("/shop/v1/orders/1?sku=tea")).status == 500
        await page.locator(".transaction").first.click()
        await expect(page.locator(".raised")).to_contain_text("steps.servicecallout.ExecutionFailed")
        chosen = page.locator(".row[aria-selected=true]")
        await expect(chosen).to_contain_text("SC-Stock")
        await expect(chosen).to_contain_text("faulted")
        await expect(page.locator(".stage.wrong, .row.fault").first).to_be_visible()


async def test_a_request_that_fits_no_base_path_is_in_the_list_and_says_why(browser: Browser) -> None:
    async with open_shop() as home, opened(browser, home) as page:
        await home.call("/shop/v1/orders/1?sku=tea")
        await home.call("/shp/v1/orders/1")
        line = page.get_by_role("option", name="GET /shp/v1/orders/1, status 404, no proxy")
        await expect(line).to_contain_text("no proxy")
        await line.click()
        await expect(page.locator(".raised")).to_contain_text("Unable to identify proxy for host: 127.0.0.1")
        await expect(page.locator(".facts")).to_contain_text("no proxy has this base path")
        await page.get_by_role("option", name="Response 404").click()
        await expect(page.locator("#inspector .code")).to_contain_text("ApplicationNotFound")
        await expect(page.locator("#by-proxy option")).to_have_count(2)


async def test_everything_can_be_reached_with_the_keyboard(browser: Browser) -> None:
    async with open_shop() as home, opened(browser, home) as page:
        await send(home)
        await expect(page.locator(".transaction")).to_have_count(2)
        focus = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
        await page.keyboard.press("j")
        assert "POST /shop/v1/other" in await page.evaluate(focus)
        await page.keyboard.press("ArrowDown")
        assert "GET /shop/v1/orders/1" in await page.evaluate(focus)
        await expect(page.locator(".request-line")).to_contain_text("/shop/v1/orders/1")
        await page.keyboard.press("Enter")
        await expect(page.locator(".row:focus")).to_contain_text("SA-Burst")
        await page.keyboard.press("ArrowDown")
        await expect(page.locator(".row:focus")).to_contain_text("AM-Note")
        await page.keyboard.press("Enter")
        await expect(page.locator("[role=tab]:focus")).to_contain_text("Variables")
        await page.keyboard.press("ArrowRight")
        await expect(page.locator("[role=tab]:focus")).to_contain_text("Message")
        await page.keyboard.press("Escape")
        await expect(page.locator(".row:focus")).to_contain_text("AM-Note")
        await page.keyboard.press("Escape")
        await expect(page.locator(".transaction:focus")).to_contain_text("/shop/v1/orders/1")
        await page.keyboard.press("/")
        await expect(page.locator("#search")).to_be_focused()
        await page.keyboard.press("Escape")
        await page.keyboard.press("?")
        await expect(page.locator("#keys")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("#keys")).to_be_hidden()
        outline = await page.evaluate(
            "(document.querySelector('.transaction').focus(), getComputedStyle(document.activeElement).outlineStyle)"
        )
        assert outline != "none"


async def test_arrows_begin_at_the_list_where_nothing_has_the_focus(browser: Browser) -> None:
    async with open_shop() as home, opened(browser, home) as page:
        await send(home)
        await expect(page.locator(".transaction")).to_have_count(2)
        for key, path in (("ArrowDown", "/shop/v1/other"), ("End", "/shop/v1/orders/1")):
            await page.evaluate("document.activeElement.blur()")
            await page.keyboard.press(key)
            await expect(page.locator(".transaction:focus")).to_contain_text(path)
            await expect(page.locator(".request-line")).to_contain_text(path)


async def test_filters_and_search(browser: Browser) -> None:
    async with open_shop() as home, opened(browser, home) as page:
        await send(home)
        rows = page.locator(".transaction:visible")
        await expect(rows).to_have_count(2)
        await page.get_by_label("Method").select_option("POST")
        await expect(rows).to_have_count(1)
        await page.get_by_label("Method").select_option("")
        await page.get_by_label("Status", exact=True).select_option("5")
        await expect(page.get_by_text("Nothing matches")).to_be_visible()
        await page.get_by_role("button", name="Show all").click()
        await expect(rows).to_have_count(2)
        await page.get_by_label("Search").fill("rf-soldout")
        await expect(rows).to_have_count(1)
        await expect(rows).to_contain_text("/orders/1")


async def test_replay_asks_for_what_was_masked_and_shows_the_new_transaction(browser: Browser) -> None:
    async with open_shop() as home, opened(browser, home) as page:
        await send(home)
        await page.get_by_role("option", name="GET /shop/v1/orders/1").click()
        await page.get_by_role("button", name="Replay").click()
        await page.get_by_label("Value of X-Api-Key").fill("another")
        await page.get_by_role("button", name="Send it again").click()
        await expect(page.get_by_text("Answered 200")).to_be_visible()
        await page.get_by_role("button", name="Close").click()
        await expect(page.locator(".transaction", has_text="/shop/v1/orders/1")).to_have_count(2)


async def test_downloads(browser: Browser) -> None:
    async with open_shop() as home, opened(browser, home) as page:
        await send(home)
        await page.get_by_role("option", name="GET /shop/v1/orders/1").click()
        for link, key in (("Trace JSON", "Messages"), ("HAR", "log"), ("OpenTelemetry", "resourceSpans")):
            async with page.expect_download() as downloading:
                await page.get_by_role("link", name=link).click()
            download = await downloading.value
            assert key in json.loads((await download.path()).read_text())


async def test_a_refused_deploy_shows_file_line_and_cure(browser: Browser) -> None:
    async with open_shop() as home, opened(browser, home) as page:
        broken = says("hello", "hi")
        broken["apiproxy/policies/reply.xml"] = (
            "<SpikeArrest name='reply'>\n  <Rate>fast</Rate></SpikeArrest>"
        )
        assert (await home.deploy(workspace({"hello": broken}))).status == 400
        trouble = page.get_by_role("alert")
        await expect(trouble).to_contain_text("reply.xml:2")
        await home.deploy(workspace({"hello": says("hello", "hi")}))
        await expect(trouble).to_have_count(0)


async def test_a_transaction_that_takes_long_shows_while_it_runs(browser: Browser) -> None:
    async with open_shop() as home, opened(browser, home) as page:
        asking = asyncio.ensure_future(home.call("/shop/v1/slow"))
        row = page.locator(".transaction")
        await expect(row).to_contain_text("running")
        await row.click()
        await expect(page.get_by_text("Still running")).to_be_visible()
        await asking
        await expect(row).to_contain_text("200")
        await expect(page.locator(".flow").get_by_role("option", name="Response 200")).to_be_visible()


async def test_pause_holds_the_list_still(browser: Browser) -> None:
    async with open_shop() as home, opened(browser, home) as page:
        await page.get_by_role("button", name="Pause").click()
        await send(home)
        await expect(page.get_by_role("button", name="Resume (2 new)")).to_be_visible()
        await expect(page.locator(".transaction")).to_have_count(0)
        await page.get_by_role("button", name="Resume").click()
        await expect(page.locator(".transaction")).to_have_count(2)


async def test_the_newest_stands_on_top_even_if_an_older_one_ends_later(browser: Browser) -> None:
    async with open_shop() as home, opened(browser, home) as page:
        await page.get_by_role("button", name="Pause").click()
        asking = asyncio.ensure_future(home.call("/shop/v1/slow"))
        await asyncio.sleep(0.7)
        await home.call("/shop/v1/orders/1")
        await asking
        await page.get_by_role("button", name=re.compile("Resume")).click()
        rows = page.locator(".transaction")
        await expect(rows).to_have_count(2)
        await expect(rows.nth(0)).to_contain_text("/orders/1")
        await expect(rows.nth(1)).to_contain_text("/slow")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_phone_has_one_pane_at_a_time_and_no_sideways_scrolling(
    browser: Browser, scheme: str
) -> None:
    async with open_shop() as home, opened(browser, home, PHONE, scheme) as page:
        await send(home)
        wide = "document.documentElement.scrollWidth > innerWidth"
        await expect(page.locator(".transaction")).to_have_count(2)
        assert not await page.evaluate(wide)
        await page.get_by_role("option", name="GET /shop/v1/orders/1").click()
        await expect(page.locator("#transactions")).to_be_hidden()
        assert not await page.evaluate(wide)
        await page.get_by_role("option", name="AM-Note,").click()
        await expect(page.locator("#inspector")).to_be_visible()
        for tab in await page.get_by_role("tab").all():
            await tab.click()
            assert not await page.evaluate(wide)
        await page.get_by_role("button", name="Flow").click()
        await page.get_by_role("button", name="Transactions").click()
        await expect(page.locator("#transactions")).to_be_visible()


CONTRAST = """() => {
  const channel = (value) => { value /= 255; return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4; };
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (element) => { for (; element; element = element.parentElement) {
    const found = parts(getComputedStyle(element).backgroundColor); if (found[3] !== 0) return found; } return [255, 255, 255]; };
  const poor = [];
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!text || !element.checkVisibility() || element.closest('.hidden, .skip, .icon, option')) continue;
    const [a, b] = [light(parts(getComputedStyle(element).color)), light(ground(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${element.className || element.tagName} ${element.textContent.slice(0, 20)}: ${ratio.toFixed(2)}`);
  }
  return [...new Set(poor)];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_stands_out_from_its_ground(browser: Browser, scheme: str) -> None:
    async with open_shop() as home, opened(browser, home, DESK, scheme) as page:
        await send(home)
        await page.get_by_role("option", name="GET /shop/v1/orders/1").click()
        await page.get_by_role("option", name="AM-Note,").click()
        for tab in ("Variables", "Message", "Policy"):
            await page.get_by_role("tab", name=tab).click()
            await page.wait_for_timeout(100)
            assert await page.evaluate(CONTRAST) == []


@pytest.mark.skipif(not os.environ.get("APIPROXY_SCREENSHOT"), reason="only when the picture is asked for")
async def test_the_picture_of_the_documentation(browser: Browser) -> None:
    async with open_shop() as home, opened(browser, home) as page:
        await home.call("/shop/v1/orders/4711?sku=tea", headers={"X-Api-Key": "k"})
        await home.call("/shop/v1/orders/4712?sku=cup", headers={"X-Api-Key": "k"})
        await home.call("/shop/v1/reviews", "POST", json={"stars": 5, "text": "Tea as it should be"})
        await home.call("/shop/v1/orders/4713?sku=cup", headers={"X-Api-Key": "k"})
        await home.call("/shop/v1/missing")
        await home.call("/shop/v1/orders/4714?sku=tea", headers={"X-Api-Key": "k"})
        await page.get_by_role("option", name="GET /shop/v1/orders/4714").click()
        await page.get_by_role("option", name="AM-Note,").click()
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=PICTURE)
