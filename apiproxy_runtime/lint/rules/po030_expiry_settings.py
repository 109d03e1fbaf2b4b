from __future__ import annotations

import re
from collections.abc import Iterator

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.children import repeated_children
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule

_LONGEST = 30 * 86400
_DATE = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])-[0-9]{4}")
_KINDS = ("TimeoutInSeconds", "TimeOfDay", "ExpiryDate")


class ExpirySettings(Rule):
    """What is cached should be dropped at a time that the policy tells: seconds, a time of day, or a date."""

    id = "PO030"
    name = "ExpirySettings of caches"
    elements = ("PopulateCache", "ResponseCache")
    bad = "<ExpirySettings><TimeoutInSec>300</TimeoutInSec></ExpirySettings>"
    good = "<ExpirySettings><TimeoutInSeconds>300</TimeoutInSeconds></ExpirySettings>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/populate-cache-policy"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        settings = policy.node.all("ExpirySettings")
        if not settings:
            cure = "Add <ExpirySettings><TimeoutInSeconds>300</TimeoutInSeconds></ExpirySettings>."
            yield Match(policy.node, "nothing says when an entry expires", cure)
        for extra in settings[1:]:
            yield Match(extra, "there is more than one <ExpirySettings>", "Keep one.")
        if len(settings) == 1:
            yield from _judged(settings[0])


def _judged(node: Node) -> Iterator[Match]:
    yield from repeated_children(node, _KINDS)
    for old in node.all("TimeoutInSec"):
        yield Match(old, "<TimeoutInSec> is deprecated", "Write <TimeoutInSeconds>.")
    for seconds in node.all("TimeoutInSeconds")[:1]:
        text = seconds.text.strip()
        if text.isdigit() and int(text) > _LONGEST:
            yield Match(seconds, f"{text} seconds are more than 30 days", f"Write {_LONGEST} at most.")
    for date in node.all("ExpiryDate")[:1]:
        text = date.text.strip()
        if text and not _DATE.fullmatch(text):
            yield Match(date, f"the date {text!r} is not written mm-dd-yyyy", "Write 12-31-2030.")
    there = [tag for tag in (*_KINDS, "TimeoutInSec") if node.all(tag)]
    if not there:
        yield Match(node, "<ExpirySettings> says nothing", f"Add one of {', '.join(_KINDS)}.")
    elif len(there) > 1:
        yield Match(node, f"there are {' and '.join(there)}", "Keep one; seconds win.")
