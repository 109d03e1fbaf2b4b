"""The plugins of a route: what the steps of its cell become, merged, with a TODO for all that is lost."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from apiproxy_runtime.bundle.model import PolicySource
from apiproxy_runtime.expression.condition.nodes import Comparison, Literal, Operator, Variable
from apiproxy_runtime.kong.convert.assembly import GLOBAL_ONLY, Assembly, Instance, todo
from apiproxy_runtime.kong.convert.cel import cel
from apiproxy_runtime.kong.convert.cells import Cell, decide
from apiproxy_runtime.kong.convert.consumers import at
from apiproxy_runtime.kong.convert.emit import emit
from apiproxy_runtime.kong.convert.flows import Conditional, Placed
from apiproxy_runtime.kong.convert.gates import gate_of
from apiproxy_runtime.kong.convert.merge import merge
from apiproxy_runtime.kong.convert.outcome import Attachment, Config, Outcome, Plugin, Row
from apiproxy_runtime.kong.convert.registry import canonical, outcome_of
from apiproxy_runtime.kong.convert.routes import Endpoint
from apiproxy_runtime.kong.plugin import plugin_named


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
        _missing(step, endpoint, assembly)
        return
    answers = rule_is_null(assembly.cell)
    site = Attachment(
        policy, step.bundle, endpoint.bundle, step.phase, endpoint.landscape, variables, answers
    )
    outcome = outcome_of(site)
    lost = [*outcome.lost]
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
    told = [(text, "") for text in (lost if keep else lost[:1])]
    placed: list[Instance] = []
    for plugin in outcome.plugins if keep else ():
        refused = _put(plugin, policy, endpoint, assembly, placed)
        if not refused:
            order.append((plugin.name, policy.name, step))
            continue
        told.append((refused, emit({"name": plugin.name, "config": plugin.config}).rstrip()))
        if not _is_sold(plugin, endpoint):
            lost.append(refused)
    _tell(policy, told, outcome, placed, assembly)
    _mark(
        step, policy, outcome, assembly, certain=not unknown, keep=keep, lost=bool(lost), placed=bool(placed)
    )
    _record(policy, outcome, step, lost, [f"plugin {one.plugin.name}" for one in placed], endpoint)


def _missing(step: Placed, endpoint: Endpoint, assembly: Assembly) -> None:
    text = f"the policy {step.step.policy} is not in the bundle"
    assembly.todos.append(todo(step.step.node.file, step.step.node.line, text))
    endpoint.note(
        Row("step", step.step.policy, "", step.step.node, "manual", text, proxy=endpoint.bundle.name)
    )


def _is_sold(plugin: Plugin, endpoint: Endpoint) -> bool:
    """Whether only an edition has the plugin that is not written for."""
    return plugin.enterprise and endpoint.landscape.edition == "oss"


def _put(
    plugin: Plugin, policy: PolicySource, endpoint: Endpoint, assembly: Assembly, placed: list[Instance]
) -> str:
    """Put a plugin on the route, or into the one of its name that is there; why that cannot be, else empty."""
    if _is_sold(plugin, endpoint):
        return f"{plugin.name} is a plugin of Kong Enterprise (--edition enterprise writes it):"
    present = assembly.instances.get(plugin.name)
    if present is None:
        present = assembly.instances[plugin.name] = Instance(plugin, [])
    merged = merge(present.plugin, plugin)
    if merged is None:
        return f"a second {plugin.name}: Kong runs one of a name on a route; {present.policies[0]} has it"
    present.plugin = merged
    if policy.name not in present.policies:
        present.policies.append(policy.name)
    placed.append(present)
    return ""


def _tell(
    policy: PolicySource,
    lost: list[tuple[str, str]],
    outcome: Outcome,
    placed: list[Instance],
    assembly: Assembly,
) -> None:
    """Comment on what is lost (with what could stand there, if anything) and on what differs, once, at the first plugin."""
    notes = [
        todo(policy.file, policy.node.line, "\n".join(filter(None, (f"{policy.name}: {text}", written))))
        for text, written in lost
    ]
    if not placed:
        assembly.todos += [note for note in notes if note not in assembly.todos]
        return
    notes += [f"NOTE {policy.file}:{policy.node.line}: {policy.name}: {text}" for text in outcome.differences]
    placed[0].notes += [note for note in notes if note not in placed[0].notes]


def _mark(
    step: Placed,
    policy: PolicySource,
    outcome: Outcome,
    assembly: Assembly,
    *,
    certain: bool,
    keep: bool,
    lost: bool,
    placed: bool,
) -> None:
    """Note what the step means for the route as a whole.

    certain  whether it runs for every request of the route
    keep     whether its plugins are written
    """
    assembly.incomplete |= lost and step.phase != "client"
    gate = gate_of(step, policy, outcome, certain=certain)
    if gate is not None and not placed:
        assembly.gates.append(gate)
    elif gate is not None:
        assembly.calls |= dict.fromkeys(
            (plugin.name for plugin in outcome.plugins if plugin.name in GLOBAL_ONLY), gate
        )
    if keep and step.phase == "request":
        assembly.ended |= any(plugin.name == "request-termination" for plugin in outcome.plugins)
    if certain:
        raised = canonical(policy.element) == "RaiseFault"
        assembly.worded |= policy.enabled and (raised or "response.content" in outcome.variables)
        assembly.fixed_path |= outcome.variables.get("target.copy.pathsuffix") == "false"


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
        todo(
            "products.json", 0, f"{name} covers only a part of this route's calls: its keys are refused here"
        )
        for name in unsure
    ]
    config: Config = {"allow": sure or ["no-product-covers-this"], "hide_groups_header": True}
    if not sure:
        notes.append(todo("products.json", 0, "no product covers this route: every key is refused"))
    assembly.instances["acl"] = Instance(Plugin("acl", config), list(owner.policies), notes)
