"""The report in all its forms."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from apiproxy_runtime.rehearsal.exchange import Exchange, Request
from apiproxy_runtime.rehearsal.report.formats import FORMATS
from apiproxy_runtime.rehearsal.run import Rehearsal
from tests.house import steps
from tests.rehearsal.shop import FILES, rehearsed, traffic

#: The quota is off, and a header for the target has another name.
WORSE = {
    **FILES,
    "proxies/default.xml": FILES["proxies/default.xml"].replace(steps("Q"), ""),
    "policies/AM-Target.xml": FILES["policies/AM-Target.xml"].replace("X-Caller", "X-Called"),
}


def written(run: Rehearsal, form: str) -> str:
    out = io.StringIO()
    FORMATS[form](run, out)
    return out.getvalue()


async def test_the_summary_names_the_verdict_the_cause_and_the_values(tmp_path: Path) -> None:
    text = written(await rehearsed(tmp_path, WORSE), "text")
    assert text.endswith("Do not move yet: the new side lets in what the old side refuses.\n")
    cached = "RC-Items (apiproxy/policies/RC-Items.xml:1) after"
    assert f"CRITICAL  Q (apiproxy/policies/Q.xml:1) before, {cached}\n" in text
    assert "  answer: status: refused before, allowed after, in 8 cases (crowd37, crowd38, crowd39)\n" in text
    assert "    before: 429\n    after:  200\n" in text
    assert "AM-Target (apiproxy/policies/AM-Target.xml:1) before, no step after" in text
    assert "Reached before: " in text


async def test_the_summary_of_equal_sides_is_short(tmp_path: Path) -> None:
    text = written(await rehearsed(tmp_path), "text")
    assert "62 cases: 62 identical, 0 expected, 0 different, 0 critical" in text
    assert text.endswith("Ready: all 62 cases are the same.\n")


async def test_json_has_every_case_and_every_group(tmp_path: Path) -> None:
    run = await rehearsed(tmp_path, WORSE)
    told: dict[str, Any] = json.loads(written(run, "json"))
    assert told["schema"] == 1
    assert told["passed"] is False
    assert told["totals"]["critical"] == 8
    assert len(told["cases"]) == told["totals"]["cases"] == 62
    assert told["differences"][0]["kind"] == "open-door"
    assert told["differences"][0]["severity"] == "critical"
    case = next(case for case in told["cases"] if case["id"] == "crowd44")
    assert (case["before"], case["after"], case["verdict"]) == (429, 200, "critical")
    policies = {row["name"]: row["times"] for row in told["coverage"]["before"] if row["kind"] == "policy"}
    assert policies["VK"] == 62
    assert policies["RF-Closed"] == 1


async def test_junit_fails_the_cases_that_differ(tmp_path: Path) -> None:
    cases = [*traffic(), Exchange("odd", Request("GET", "/shop/items?a=<&\x01", (("Host", "x"),)))]
    run = await rehearsed(tmp_path, WORSE, cases=cases)
    suite = ElementTree.fromstring(written(run, "junit").encode()).find("testsuite")
    assert suite is not None
    tests = suite.findall("testcase")
    failed = [test for test in tests if test.find("failure") is not None]
    assert len(tests) == int(suite.get("tests") or 0) == 63
    assert len(failed) == int(suite.get("failures") or 0) == run.tally.unexpected
    assert {failure.get("type") for test in failed for failure in test.findall("failure")} == {
        "critical",
        "major",
    }


async def test_markdown_is_a_table_for_a_pull_request(tmp_path: Path) -> None:
    text = written(await rehearsed(tmp_path, WORSE), "markdown")
    assert text.startswith("## Rehearsal: Do not move yet")
    assert "| critical | answer: status: refused before, allowed after<br>" in text
    assert "| `429` | `200` | 8 |" in text


async def test_the_page_holds_nothing_that_a_case_could_break_out_with(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>{{groups}}<img src=x onerror=alert(2)>"
    cases = [
        Exchange(
            "e",
            Request("GET", "/shop/items?q=" + evil, (("Host", "x"), ("apikey", "good"), ("X-E", evil))),
            name=evil,
        )
    ]
    run = await rehearsed(tmp_path, WORSE, cases=cases)
    page = written(run, "html")
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert page.count("<script") == 2


# ---- in a browser

CHROMIUM = next(
    (
        path
        for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
        if Path(path).exists()
    ),
    None,
)


@pytest.fixture
async def page(tmp_path: Path) -> Any:
    """The page of a run with grave differences, open in a browser; what the browser complains of is an error."""
    async_api = pytest.importorskip("playwright.async_api")
    run = await rehearsed(tmp_path, WORSE)
    file = tmp_path / "report.html"
    file.write_text(written(run, "html"))
    async with async_api.async_playwright() as playwright:
        if CHROMIUM is None:
            pytest.skip("no Chromium on this machine")
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1200, "height": 900})
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "request",
            lambda request: troubles.append(request.url) if "report.html" not in request.url else None,
        )
        await page.goto(file.as_uri())
        yield page
        assert not troubles
        await browser.close()


async def test_the_page_tells_the_verdict_and_leads_to_the_evidence(page: Any) -> None:
    assert "lets in what the old side refuses" in await page.locator("h1").inner_text()
    assert await page.locator("#matrix button").count() == 62
    assert await page.locator("#matrix .critical").count() == 8
    first = page.locator("#differences ~ section details").first
    assert await first.get_attribute("open") is not None
    assert "No rule can accept this" in await first.inner_text()
    assert "curl -i" in await first.locator("pre[id^=curl]").first.inner_text()
    assert await first.locator("del").count() > 0


async def test_cases_can_be_chosen_by_verdict_and_text(page: Any) -> None:
    await page.select_option("#state", "critical")
    assert await page.locator("#list tbody tr").count() == 8
    await page.fill("#text", "crowd44")
    assert await page.locator("#list tbody tr").count() == 1
    assert await page.locator("#shown").inner_text() == "1 to 1 of 1"


async def test_the_page_can_be_used_by_keyboard_alone(page: Any) -> None:
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    await page.locator("#matrix .critical").first.focus()
    await page.keyboard.press("Enter")
    assert "Case crowd37" in await page.locator("#case").inner_text()
    link = page.locator("#case a").first
    await link.focus()
    await page.keyboard.press("Enter")
    target = (await link.get_attribute("href"))[1:]
    assert await page.locator(f"#{target}").get_attribute("open") is not None


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_page_fits_a_phone_and_can_be_read_in_light_and_dark(page: Any, scheme: str) -> None:
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": 360, "height": 740})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    contrast = await page.evaluate(
        """() => {
      const light = (text) => { const [r, g, b] = text.match(/[0-9.]+/g).map(Number).map((c) => c / 255)
        .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const ground = light(getComputedStyle(document.body).backgroundColor);
      return Math.min(...[...document.querySelectorAll("h1, p, .tag, .soft, a, td")].filter((e) => e.offsetParent).map((e) => {
        const ink = light(getComputedStyle(e).color); return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05); }));
    }"""
    )
    assert contrast >= 4.5
