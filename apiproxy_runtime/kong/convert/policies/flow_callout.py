"""FlowCallout: the steps of the shared flow are put in its place."""

from __future__ import annotations

from apiproxy_runtime.kong.convert.outcome import Attachment, Outcome


def flow_callout(site: Attachment) -> Outcome:
    name = site.policy.node.child_text("SharedFlowBundle", "")
    if name in site.landscape.shared_flows:
        return Outcome("partial", f"the steps of the shared flow {name} stand in its place; see their rows")
    return Outcome(
        "manual",
        f"the shared flow {name} is not among the bundles",
        lost=(
            f"convert again with the shared flow {name} on the command line; its policies are missing here",
        ),
    )


CONVERTERS = {"FlowCallout": flow_callout}
