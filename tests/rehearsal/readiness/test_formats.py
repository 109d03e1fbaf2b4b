import json
import re
from html.parser import HTMLParser

import pytest

from apiproxy_runtime.rehearsal.readiness.formats.html import as_html
from apiproxy_runtime.rehearsal.readiness.formats.json import as_json
from apiproxy_runtime.rehearsal.readiness.formats.markdown import as_markdown
from apiproxy_runtime.rehearsal.readiness.formats.terminal import as_text
from apiproxy_runtime.world import World
from tests.rehearsal.readiness.looked_at import files, look

NASTY = '<AssignMessage name="P"><Set><Headers><Header name="A">{application.&lt;script&gt;|x}</Header></Headers></Set></AssignMessage>'
POLICIES = {
    "P": '<StatisticsCollector name="P"/>',
    "Q": '<SpikeArrest name="Q"><Rate ref="a.b"/></SpikeArrest>',
    "R": NASTY.replace('"P"', '"R"'),
}


class Frozen(World):
    def now(self) -> float:
        return 1_700_000_000.0


@pytest.fixture(params=["apigeex", "kong"])
def assessments(request, tmp_path):
    return [
        look(tmp_path, files(POLICIES), to=request.param),
        look(tmp_path, files(), to=request.param, name="<b>q"),
    ]


def test_json_has_everything(assessments):
    document = json.loads(as_json(assessments, Frozen()))
    assert document["generatedAt"] == "2023-11-14T22:13:20+00:00"
    assert document["summary"]["bundles"] == 2
    one = document["proxies"][0]
    assert set(one) == {
        *("target", "source", "summary", "findings", "policies", "dependencies", "unknown", "complexity"),
    }
    assert one["summary"]["coverage"]["policies"] == 3
    assert one["complexity"]["score"] == sum(driver["points"] for driver in one["complexity"]["drivers"])
    for policy in one["policies"]:
        assert policy["verdict"] in ("exact", "partial", "manual", "drop")
        assert policy["file"]
        assert policy["line"] >= 1


class Page(HTMLParser):
    """Every element is closed, nothing is loaded, nothing runs."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], [], []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_is_whole_and_loads_nothing(assessments):
    html = as_html(assessments)
    page = Page()
    page.feed(html)
    assert page.open == []
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in page.seen}
    assert all(
        value.startswith(("https://", "#"))
        for _, attributes in page.seen
        if (value := attributes.get("href"))
    )
    assert "url(" not in html
    assert "@import" not in html
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.seen
    assert "prefers-color-scheme:dark" in html
    anchors = {
        attributes["href"][1:] for tag, attributes in page.seen if attributes.get("href", "").startswith("#")
    }
    assert anchors <= {attributes.get("id") for _, attributes in page.seen}


def test_the_page_tells_every_finding_and_policy(assessments):
    page = Page()
    page.feed(as_html(assessments))
    text = " ".join("".join(page.text).split())
    for one in assessments:
        assert one.bundle.name in text
        for finding in one.findings:
            assert " ".join(finding.message.split()) in text
        for policy in one.policies:
            assert policy.name in text


def test_the_terminal_tells_places_and_what_to_do(assessments):
    text = as_text(assessments)
    assert re.search(r"^status +effort +policies", text)
    for finding in assessments[0].findings:
        assert f"{finding.file}:{finding.line}" in text or not finding.line
        assert finding.message in text
    assert "Nobody can tell from the bundle" in text


def test_cells_of_markdown_stay_in_their_column(assessments):
    for line in as_markdown(assessments).splitlines():
        if line.startswith("|"):
            columns = len(re.findall(r"(?<!\\)\|", line))
            assert columns in (6, 8)
