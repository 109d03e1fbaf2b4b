from __future__ import annotations

import difflib
from collections.abc import Iterator

from apiproxy_runtime.lint.dataflow import dataflow
from apiproxy_runtime.lint.rule import LintBundle, Match, Rule


class VariableThatNothingSets(Rule):
    """A variable is read, and nothing in the bundle sets it: mostly a misspelt name.

    Conditions, templates and `ref` attributes are looked at. Policies, scripts and the shared flows that lie beside the
    bundle may set it; where anything might (Java, names made at run time, shared flows that are not at hand), nothing is
    told. Reading with a default (`{name:none}`, a text beside `ref`) is no problem, nor is a shared flow, whose callers
    set variables.
    """

    id = "AR201"
    name = "Variable that nothing sets"
    cure = "Correct the name, or set the variable before."
    bad = """<VariablePrefix>order</VariablePrefix> … <Variable name="sku">
  <Condition>order.skuu = null</Condition>"""
    good = """<VariablePrefix>order</VariablePrefix> … <Variable name="sku">
  <Condition>order.sku = null</Condition>"""
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/fundamentals/introduction-flow-variables"

    def on_bundle(self, bundle: LintBundle) -> Iterator[Match]:
        flow = bundle.table(dataflow)
        if flow.opaque:
            return
        for name, places in flow.reads.items():
            if flow.may_be_set(name):
                continue
            message = f"nothing sets the variable {name}"
            close = difflib.get_close_matches(name, flow.sets, 1, 0.85)
            if not close:
                yield Match(places[0], message)
                continue
            trail = ((flow.sets[close[0]][0], f"{close[0]} is set"), (places[0], f"{name} is read"))
            yield Match(places[0], message, f"Did you mean {close[0]}, which is set?", trail=trail)
