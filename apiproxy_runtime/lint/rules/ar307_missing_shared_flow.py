from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule

_VERSION = re.compile(r"[-_.]?v\d+$", re.IGNORECASE)


class MissingSharedFlow(Rule):
    """A FlowCallout names a shared flow that none of the bundles of the run is: each call would fail.

    Told only when shared flows are among the bundles of the run; `SharedFlowNotFound` is the fault.
    """

    id = "AR307"
    name = "Missing shared flow"
    elements = ("FlowCallout",)
    cure = "Correct the name, or lint the shared flow's bundle too."
    bad = "<SharedFlowBundle>corelation</SharedFlowBundle>"
    good = "<SharedFlowBundle>correlation</SharedFlowBundle>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/flow-callout-policy"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        flows = [other for other in bundle.siblings if other.kind == "sharedflowbundle"]
        # whoever imports a bundle may name it after its file instead, or add the version
        shared = [name for other in flows for name in (other.name, PurePosixPath(other.place.file).stem)]
        node = policy.node.child("SharedFlowBundle")
        name = node.text.strip() if node is not None else ""
        if node is None or not shared or not name or "{" in name:
            return
        if {name, _VERSION.sub("", name)} & {*shared, bundle.name}:
            return
        message = f"SharedFlowNotFound: no shared flow of this run is called {name!r}"
        yield Match(node, message, suggestion(name, shared) or self.cure)
