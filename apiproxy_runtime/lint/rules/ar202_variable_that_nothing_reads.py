from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from apiproxy_runtime.lint.dataflow import PLATFORM, dataflow
from apiproxy_runtime.lint.rule import LintBundle, Match, Rule

_WORD = re.compile(r"[\w.\-]+")
_MOST = 2_000_000
#: Read by the OAuthV2 policy, or by whoever looks at a trace.
_FOR_PEOPLE = ("oauth_", "debug", "diag", "trace")


class VariableThatNothingReads(Rule):
    """AssignMessage or ExtractVariables set a variable, and no file of the bundle names it again.

    It costs time with each request and mostly means that the name is spelt otherwise where it is read. Told only where
    all readers are at hand: not in shared flows, not beside Java, scripts with computed names or shared flows.
    """

    id = "AR202"
    name = "Variable that nothing reads"
    cure = "Remove it, or correct the name where it is read."
    bad = "<AssignVariable><Name>order.total</Name>…</AssignVariable>  <!-- read as {order.sum} -->"
    good = "<AssignVariable><Name>order.total</Name>…</AssignVariable>  <!-- read as {order.total} -->"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/fundamentals/introduction-flow-variables"

    def on_bundle(self, bundle: LintBundle) -> Iterator[Match]:
        flow = bundle.table(dataflow)
        if flow.opaque or flow.nosy or not flow.sets:
            return
        texts = [file.text() for file in bundle.files]
        if sum(map(len, texts)) > _MOST:
            return
        words = Counter(word for text in texts for word in _words(text))
        for name, nodes in flow.sets.items():
            # a placeholder of a pattern must have a name, needed or not
            told = (
                name.partition(".")[0] in PLATFORM
                or name.startswith(_FOR_PEOPLE)
                or nodes[0].tag == "Pattern"
            )
            if len(nodes) == 1 and not told and words[name] == _words(nodes[0].outer_xml()).count(name):
                yield Match(nodes[0], f"nothing reads the variable {name}")


def _words(text: str) -> list[str]:
    return [word.strip(".-") for word in _WORD.findall(text)]
