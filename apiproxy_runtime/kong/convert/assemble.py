"""The plugins of a route: what the steps of its cell become, merged, with a TODO for all that is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from apiproxy_runtime.bundle.model import PolicySource
from apiproxy_runtime.expression.condition.nodes import Comparison, Literal, Operator, Variable
from apiproxy_runtime.kong.convert.cel import cel
from apiproxy_runtime.kong.convert.cells import Cell, decide
from apiproxy_runtime.kong.convert.consumers import at, tag
from apiproxy_runtime.kong.convert.emit import emit
from apiproxy_runtime.kong.convert.flows import Conditional, Placed
from apiproxy_runtime.kong.convert.gates import Gate, gate_of, refusal
from apiproxy_runtime.kong.convert.merge import merge
from apiproxy_runtime.kong.convert.outcome import Attachment, Config, Outcome, Plugin, Row
from apiproxy_runtime.kong.convert.registry import canonical, outcome_of
from apiproxy_runtime.kong.convert.routes import Endpoint
from apiproxy_runtime.kong.plugin import plugin_named

#: Their schemas allow no route, service or consumer: an instance is for every request of the node.
GLOBAL_ONLY = frozenset(("service-callout", "external-callout"))


class Instance(Struct):
    """A plugin on a route, and the policies it stands for."""

    plugin: Plugin
    policies: list[str]
    notes: list[str] = field(default_factory=list)

    def fields(self, proxy: str) -> Config:
        tags = [f"apigee-proxy:{tag(proxy)}", *(f"apigee-policy:{tag(name)}" for name in self.policies)]
        fields: Config = {"name": self.plugin.name}
        if not self.plugin.enabled:
            fields["enabled"] = False
        return {**fields, "config": self.plugin.config, "tags": tags}

    @property
    def key(self) -> str:
        return json.dumps([self.plugin.name, self.plugin.config, self.policies, self.notes], sort_keys=True)


class Assembly(Struct):
    """What stands on one route.

    todos       comments that belong to no plugin
    ended       whether a policy answers before the target is called
    worded      whether a policy writes the whole answer, or its body
    fixed_path  whether the path behind the base path is left out (target.copy.pathsuffix)
    incomplete  whether anything that Apigee does for a request or its answer is lost
    gates       the steps that keep callers out and became no plugin
    calls       the steps that keep callers out by the plugin of that name
    """

    cell: Cell | None = None
    instances: dict[str, Instance] = field(default_factory=dict)
    todos: list[str] = field(default_factory=list)
    ended: bool = False
    worded: bool = False
    fixed_path: bool = False
    incomplete: bool = False
    gates: list[Gate] = field(default_factory=list)
    calls: dict[str, Gate] = field(default_factory=dict)


def assemble(endpoint: Endpoint, cell: Cell, fixed: Mapping[str, str]) -> Assembly:
    """Run through the steps of the cell as Apigee would, and write down what each becomes."""
    assembly = Assembly(cell)
    variables = dict(fixed)
    order: list[tuple[str, str, Placed]] = []
    for step in endpoint.steps(cell):
        if assembly.ended and step.phase != "client":
            _never(step, "a fault that is raised before it ends the flow", endpoint)
            continue
        unknown = _undecided(step, cell, endpoint)
        if unknown is None:
            _never(step, "its condition never holds", endpoint)
            continue
        _step(step, unknown, endpoint, assembly, variables, order)
    _orders(order, endpoint, assembly)
    if "key-auth" in assembly.instances:
        _groups(endpoint, cell, assembly)
    return assembly


def _never(step: Placed, reason: str, endpoint: Endpoint) -> None:
    """A step that does not run for these requests; what it does for others outweighs this."""
    policy = step.policy
    if policy is not None:
        row = Row("policy", policy.name, policy.element, policy.node, "drop", reason, proxy=step.bundle.name)
        endpoint.note(row)


def rule_is_null(cell: Cell | None) -> bool:
    """Whether the cell's route rule leads to no target."""
    rule = cell.rule if cell is not None else None
    return rule is None or not (rule.target_endpoint or rule.url or rule.integration_endpoint)


def _undecided(step: Placed, cell: Cell, endpoint: Endpoint) -> list[Conditional] | None:
    """The conditions of the step that nobody can know before a request; None when the step never runs here."""
    unknown = []
    for conditional in step.under:
        holds = (
            decide(conditional.node, cell, endpoint.proxy.base_path) if conditional.node is not None else None
        )
        if holds is False:
            return None
        if holds is None:
            unknown.append(conditional)
    return unknown


def _step(
    step: Placed,
    unknown: list[Conditional],
    endpoint: Endpoint,
    assembly: Assembly,
    variables: dict[str, str],
    order: list[tuple[str, str, Placed]],
) -> None:
    policy = step.policy
    if policy is None:
        text = f"the policy {step.step.policy} is not in the bundle"
        assembly.todos.append(_todo(step.step.node.file, step.step.node.line, text))
        endpoint.note(
            Row("step", step.step.policy, "", step.step.node, "manual", text, proxy=endpoint.bundle.name)
        )
        return
    answers = rule_is_null(assembly.cell)
    site = Attachment(
        policy, step.bundle, endpoint.bundle, step.phase, endpoint.landscape, variables, answers
    )
    outcome = outcome_of(site)
    lost, kong = [*outcome.lost], []
    if not policy.enabled:
        unknown = []
    if len(unknown) == 1:
        only_if_absent = _default(unknown[0], outcome)
        if only_if_absent is not None:
            outcome, unknown = only_if_absent, []
    keep = not unknown or outcome.fails_closed
    if unknown and policy.enabled and canonical(policy.element) != "FlowCallout":
        lost.insert(0, _conditional(unknown, outcome, endpoint, keep))
    if not unknown:
        variables.update(outcome.variables)
    told = lost if keep else lost[:1]
    notes = [_todo(policy.file, policy.node.line, f"{policy.name}: {text}") for text in told]
    differs = [
        f"NOTE {policy.file}:{policy.node.line}: {policy.name}: {text}" for text in outcome.differences
    ]
    placed_any = False
    for plugin in outcome.plugins if keep else ():
        if plugin.enterprise and endpoint.landscape.edition == "oss":
            written = emit({"name": plugin.name, "config": plugin.config}).rstrip()
            what = (
                f"{plugin.name} is a plugin of Kong Enterprise (--edition enterprise writes it):\n{written}"
            )
            notes.append(_todo(policy.file, policy.node.line, f"{policy.name}: {what}"))
            continue
        kong.append(f"plugin {plugin.name}")
        order.append((plugin.name, policy.name, step))
        present = assembly.instances.get(plugin.name)
        if present is None:
            said = [*notes, *differs] if not placed_any else []
            assembly.instances[plugin.name] = Instance(plugin, [policy.name], said)
            placed_any = True
            continue
        merged = merge(present.plugin, plugin)
        if merged is None:
            text = f"a second {plugin.name}: Kong runs one of a name on a route; {present.policies[0]} has it"
            lost.append(text)
            written = emit({"name": plugin.name, "config": plugin.config}).rstrip()
            notes.append(_todo(policy.file, policy.node.line, f"{policy.name}: {text}\n{written}"))
            kong.pop()
            continue
        present.plugin = merged
        if policy.name not in present.policies:
            present.policies.append(policy.name)
        if not placed_any:
            present.notes += [note for note in (*notes, *differs) if note not in present.notes]
            placed_any = True
    if not placed_any:
        assembly.todos += [note for note in notes if note not in assembly.todos]
    assembly.incomplete |= bool(lost) and step.phase != "client"
    gate = gate_of(step, policy, outcome, certain=not unknown)
    if gate is not None and not kong:
        assembly.gates.append(gate)
    elif gate is not None:
        assembly.calls |= dict.fromkeys(
            (plugin.name for plugin in outcome.plugins if plugin.name in GLOBAL_ONLY), gate
        )
    if keep and step.phase == "request":
        assembly.ended |= any(plugin.name == "request-termination" for plugin in outcome.plugins)
    if not unknown:
        raised = canonical(policy.element) == "RaiseFault"
        assembly.worded |= policy.enabled and (raised or "response.content" in outcome.variables)
    if not unknown and outcome.variables.get("target.copy.pathsuffix") == "false":
        assembly.fixed_path = True
    _record(policy, outcome, step, lost, kong, endpoint)


def close(assembly: Assembly) -> None:
    """Refuse everybody where a step that keeps callers out became no plugin, unless the route refuses anyway."""
    present = assembly.instances.get("request-termination")
    config = present.plugin.config if present is not None else {}
    if not assembly.gates or config.get("status_code", 200) >= 400:
        return
    refuses, note = refusal(assembly.gates, config if present is not None else None)
    policies = list(dict.fromkeys(gate.policy.name for gate in assembly.gates))
    assembly.instances["request-termination"] = Instance(
        Plugin("request-termination", refuses), policies, [note]
    )


def _default(conditional: Conditional, outcome: Outcome) -> Outcome | None:
    """`if it is not there, set it` is what `add` does; None when the step is anything else."""
    node = conditional.node
    if not isinstance(node, Comparison) or node.operator is not Operator.EQUALS or len(outcome.plugins) != 1:
        return None
    if (
        not isinstance(node.left, Variable)
        or not isinstance(node.right, Literal)
        or node.right.value is not None
    ):
        return None
    places = {"request.header": "headers", "request.queryparam": "querystring"}
    scope, _, name = node.left.name.rpartition(".")
    plugin = outcome.plugins[0]
    added = plugin.config.get("add", {})
    if plugin.name != "request-transformer" or set(plugin.config) != {"add", "replace"}:
        return None
    place = places.get(scope, "")
    if added != plugin.config["replace"] or set(added) != {place} or len(added[place]) != 1:
        return None
    if added[place][0].partition(":")[0].lower() != name.lower():
        return None
    return replace(outcome, plugins=(Plugin(plugin.name, {"add": added}),))


def _record(
    policy: PolicySource, outcome: Outcome, step: Placed, lost: list[str], kong: list[str], endpoint: Endpoint
) -> None:
    verdict = outcome.verdict
    if verdict == "exact" and lost:
        verdict = "partial"
    if lost and outcome.plugins and not kong:
        verdict = "manual"
    endpoint.note(
        Row(
            "policy",
            policy.name,
            policy.element,
            policy.node,
            verdict,
            outcome.reason,
            tuple(kong),
            tuple(lost),
            outcome.differences,
            outcome.cases,
            step.bundle.name,
        )
    )


def _conditional(unknown: list[Conditional], outcome: Outcome, endpoint: Endpoint, keep: bool) -> str:
    written = (
        " and ".join(f"({one.source.text})" for one in unknown)
        if len(unknown) > 1
        else unknown[0].source.text
    )
    where = at(unknown[0].source.node)
    text = f"Apigee runs it only if {written} ({where}), which no route can ask; "
    text += "it refuses more than Apigee does, so it runs always" if keep else "it is NOT written"
    parts = [cel(one.node, endpoint.proxy.base_path) if one.node is not None else None for one in unknown]
    if all(parts) and outcome.plugins:
        text += f"\nKong Enterprise 3.15 can ask: condition: {' && '.join(part for part in parts if part)}"
    if not keep and outcome.plugins:
        drafts = [emit({"name": plugin.name, "config": plugin.config}).rstrip() for plugin in outcome.plugins]
        text += "\n" + "\n".join(drafts)
    return text


def _orders(order: list[tuple[str, str, Placed]], endpoint: Endpoint, assembly: Assembly) -> None:
    """Pairs of policies that Kong runs the other way round."""
    requests = [item for item in order if item[2].phase == "request"]
    for index, (first, earlier, _) in enumerate(requests):
        for second, later, step in requests[index + 1 :]:
            known = plugin_named(first), plugin_named(second)
            if first == second or earlier == later or "response-transformer" in (first, second):
                continue
            if known[0] is None or known[1] is None:
                continue
            if known[1].priority > known[0].priority:
                reason = (
                    f"Kong runs {second} ({later}) before {first} ({earlier}); the flow has it the other way"
                )
                instance, policy = assembly.instances.get(second), step.policy
                if instance is not None and policy is not None:
                    instance.notes.append(f"NOTE {policy.file}:{policy.node.line}: {later}: {reason}")
                endpoint.note(
                    Row(
                        "order",
                        f"{earlier}, {later}",
                        "",
                        step.step.node,
                        "partial",
                        reason,
                        proxy=endpoint.bundle.name,
                    )
                )


def _groups(endpoint: Endpoint, cell: Cell, assembly: Assembly) -> None:
    """acl: which products let a key in."""
    if not endpoint.landscape.test_data.products:
        return
    sure, unsure = endpoint.groups(cell)
    owner = assembly.instances["key-auth"]
    notes = [
        _todo(
            "products.json", 0, f"{name} covers only a part of this route's calls: its keys are refused here"
        )
        for name in unsure
    ]
    config: Config = {"allow": sure or ["no-product-covers-this"], "hide_groups_header": True}
    if not sure:
        notes.append(_todo("products.json", 0, "no product covers this route: every key is refused"))
    assembly.instances["acl"] = Instance(Plugin("acl", config), list(owner.policies), notes)


def _todo(file: str, line: int, text: str) -> str:
    return f"TODO {file}:{line}: {text}" if line else f"TODO {file}: {text}"
