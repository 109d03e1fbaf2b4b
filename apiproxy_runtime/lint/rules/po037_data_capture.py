from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.children import unknown_attributes
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule


class DataCaptureHygiene(Rule):
    """Each Capture has one DataCollector and one Collect with a default; and it reads what is there at that time."""

    id = "PO037"
    name = "DataCapture hygiene"
    severity = "error"
    elements = ("DataCapture",)
    bad = "<Capture><DataCollector>dc_x</DataCollector><Collect ref='a'/></Capture>"
    good = "<Capture><DataCollector>dc_x</DataCollector><Collect ref='a' default='none'/></Capture>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/data-capture-policy"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        phases: set[str] = {step.phase for step in policy.steps}
        if not phases:
            return
        for capture in policy.node.all("Capture"):
            yield from _capture(capture, phases)


def _capture(capture: Node, phases: set[str]) -> Iterator[Match]:
    collectors, collects = capture.all("DataCollector"), capture.all("Collect")
    if len(collectors) != 1:
        yield Match(capture, f"there are {len(collectors)} <DataCollector> elements, not one", "Write one.")
    for collector in collectors[:1]:
        if collector.children or not collector.text.strip():
            yield Match(collector, "<DataCollector> is the name of a collector", "Write dc_NAME.")
        yield from unknown_attributes(collector, ("scope",))
    if len(collects) != 1:
        yield Match(capture, f"there are {len(collects)} <Collect> elements, not one", "Write one.")
    for collect in collects[:1]:
        yield from unknown_attributes(collect, ("ref", "default"))
        if "default" not in collect.attributes:
            yield Match(collect, "<Collect> has no default", 'Add default="…".')
        yield from _collect(collect, phases)


def _collect(collect: Node, phases: set[str]) -> Iterator[Match]:
    sources = collect.all("Source")
    for extra in sources[1:]:
        yield Match(extra, "there is more than one <Source>", "Keep one.")
    source = ""
    for node in sources[:1]:
        source = node.text.strip()
        if node.children or not source:
            yield Match(node, "<Source> is the name of a message", "Write request or response.")
        yield from unknown_attributes(node, ())
        if source == "response" and phases == {"Request"}:
            yield Match(node, "there is no response yet in the request flow", "Attach it in a response flow.")
    for tag in ("URIPath", "QueryParam"):
        for node in collect.all(tag):
            if "Response" in phases and source != "request":
                yield Match(node, f"a response has no <{tag}>", "Add <Source>request</Source>.")
