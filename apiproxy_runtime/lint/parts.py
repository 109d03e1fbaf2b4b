"""What rules are called with: files, endpoints, flows, steps, conditions and policies as they stand on disk.

The model leaves out what cannot run (a step without a name, the second of two equal names); the objects here leave
nothing out, since that is what rules are about. Each has its `node`, and the model's part where there is one.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from apiproxy_runtime.bundle.archive import SourceError
from apiproxy_runtime.bundle.finding import Findings, Place
from apiproxy_runtime.bundle.model import PolicySource, ProxyEndpoint, Resource, SharedFlow, TargetEndpoint
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.expression.condition import nodes, parser
from apiproxy_runtime.expression.condition.lexer import ConditionSyntaxError
from apiproxy_runtime.lint.position import place_in
from apiproxy_runtime.policy.policy import Policy
from apiproxy_runtime.policy.registry import find_policy

if TYPE_CHECKING:
    from apiproxy_runtime.lint.bundle import LintBundle

Phase = Literal["Request", "Response", ""]
_FLOWS = ("PreFlow", "PostFlow", "PostClientFlow", "EventFlow")


class RawFile(Struct, frozen=True, eq=False, dict=True):
    """Any file of the bundle; `file` is its path from the folder that holds the bundle."""

    file: str
    bundle: LintBundle

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.file!r})"

    @property
    def stem(self) -> str:
        """The file's name without folder and last suffix."""
        return PurePosixPath(self.file).stem

    @property
    def suffix(self) -> str:
        """The last suffix in lower case, with its dot."""
        return PurePosixPath(self.file).suffix.lower()

    @property
    def place(self) -> Place:
        return Place(self.file, 1, 1)

    def read(self) -> bytes:
        """The content. Raises SourceError."""
        return self.bundle.model.source.read(self.file)

    def text(self) -> str:
        """The content as text, undecodable bytes replaced; "" if it cannot be read."""
        try:
            return self.read().decode("utf-8-sig", "replace")
        except SourceError:
            return ""


class ResourceFile(RawFile, frozen=True, eq=False, dict=True):
    """A file below resources/: its type (the folder), and its name below that folder."""

    resource: Resource

    @property
    def type(self) -> str:
        return self.resource.type

    @property
    def name(self) -> str:
        return self.resource.name

    @property
    def references(self) -> tuple[Node, ...]:
        """The elements of policies that name it."""
        return self.bundle.references.get((self.type, self.name), ())


class ConditionText(Struct, frozen=True, eq=False, dict=True):
    """A `<Condition>`, empty or not. `owner` is the Step, Flow, FaultRule, DefaultFaultRule or RouteRule it is in."""

    node: Node
    owner: Node
    endpoint: EndpointFile

    @property
    def text(self) -> str:
        """As written, blanks included; offsets of `tree` and `error` count in it."""
        return self.node.text

    @cached_property
    def _parsed(self) -> nodes.Node | ConditionSyntaxError | None:
        try:
            return parser.parse(self.text)
        except ConditionSyntaxError as error:
            return error

    @property
    def tree(self) -> nodes.Node | None:
        """The syntax tree; None if it is empty or cannot be read."""
        return None if isinstance(self._parsed, ConditionSyntaxError) else self._parsed

    @property
    def error(self) -> ConditionSyntaxError | None:
        return self._parsed if isinstance(self._parsed, ConditionSyntaxError) else None

    def place(self, offset: int) -> Place:
        """Where in the file a character of the text stands."""
        return place_in(self.node, offset)


class _Conditional(Struct, frozen=True, eq=False, dict=True):
    """Something in an endpoint that may have a `<Condition>`."""

    node: Node
    endpoint: EndpointFile

    @property
    def tag(self) -> str:
        return self.node.tag

    @property
    def name(self) -> str:
        """The name attribute, "" without."""
        return self.node.name or ""

    @cached_property
    def condition(self) -> ConditionText | None:
        """The first `<Condition>`, though it be empty."""
        node = self.node.child("Condition")
        return ConditionText(node, self.node, self.endpoint) if node is not None else None

    @property
    def conditional(self) -> bool:
        """Whether it has a condition with text in it."""
        return self.condition is not None and bool(self.condition.text.strip())


class StepNode(_Conditional, frozen=True, eq=False, dict=True):
    """A `<Step>`: where it stands is `flow` or `rule` (neither in a shared flow), and `phase` of a flow."""

    flow: FlowNode | None
    rule: FaultRuleNode | None
    phase: Phase

    @property
    def policy_name(self) -> str:
        """The policy that it names, stripped; "" if it names none."""
        return self.node.child_text("Name", "")

    @property
    def policy(self) -> PolicyFile | None:
        """That policy, if the bundle holds it."""
        return self.endpoint.bundle.policy(self.policy_name)


class FlowNode(_Conditional, frozen=True, eq=False, dict=True):
    """PreFlow, Flow, PostFlow, PostClientFlow or EventFlow, as `tag` tells."""

    @cached_property
    def steps(self) -> tuple[StepNode, ...]:
        """Those of the request, then those of the response."""
        phases: tuple[Phase, ...] = ("Request", "Response")
        return tuple(
            StepNode(step, self.endpoint, self, None, phase)
            for phase in phases
            for part in self.node.all(phase)
            for step in part.all("Step")
        )


class FaultRuleNode(_Conditional, frozen=True, eq=False, dict=True):
    """A FaultRule or DefaultFaultRule, as `tag` tells."""

    @cached_property
    def steps(self) -> tuple[StepNode, ...]:
        return tuple(StepNode(step, self.endpoint, None, self, "") for step in self.node.all("Step"))


class RouteRuleNode(_Conditional, frozen=True, eq=False, dict=True):
    @property
    def target(self) -> str | None:
        """The text of `<TargetEndpoint>`, stripped; None without that element."""
        return self.node.child_text("TargetEndpoint")


class EndpointFile(RawFile, frozen=True, eq=False, dict=True):
    """A proxy endpoint, target endpoint or shared flow (`tag`). `model` is None if the model has no place for it."""

    node: Node
    model: ProxyEndpoint | TargetEndpoint | SharedFlow | None

    @property
    def tag(self) -> str:
        return self.node.tag

    @property
    def name(self) -> str:
        """The name attribute, "" without."""
        return self.node.name or ""

    @cached_property
    def flows(self) -> tuple[FlowNode, ...]:
        """PreFlow, the conditional flows, PostFlow, PostClientFlow, EventFlow: those that the file holds."""
        named = [self.node.all(tag) for tag in _FLOWS]
        conditional = [flow for group in self.node.all("Flows") for flow in group.all("Flow")]
        ordered = (*named[0], *conditional, *named[1], *named[2], *named[3])
        return tuple(FlowNode(node, self) for node in ordered)

    @property
    def conditional_flows(self) -> tuple[FlowNode, ...]:
        """Those of `<Flows>`."""
        return tuple(flow for flow in self.flows if flow.tag == "Flow")

    @cached_property
    def fault_rules(self) -> tuple[FaultRuleNode, ...]:
        rules = (rule for group in self.node.all("FaultRules") for rule in group.all("FaultRule"))
        return tuple(FaultRuleNode(node, self) for node in rules)

    @cached_property
    def default_fault_rules(self) -> tuple[FaultRuleNode, ...]:
        """At most one counts; a file may hold more."""
        return tuple(FaultRuleNode(node, self) for node in self.node.all("DefaultFaultRule"))

    @cached_property
    def route_rules(self) -> tuple[RouteRuleNode, ...]:
        return tuple(RouteRuleNode(node, self) for node in self.node.all("RouteRule"))

    @cached_property
    def steps(self) -> tuple[StepNode, ...]:
        """Every step: of the flows, of the fault rules, or of the shared flow itself."""
        if self.tag == "SharedFlow":
            return tuple(StepNode(step, self, None, None, "") for step in self.node.all("Step"))
        holders: tuple[FlowNode | FaultRuleNode, ...] = (
            *self.flows,
            *self.fault_rules,
            *self.default_fault_rules,
        )
        return tuple(step for holder in holders for step in holder.steps)

    @cached_property
    def conditions(self) -> tuple[ConditionText, ...]:
        """Every condition, each once."""
        holders: tuple[_Conditional, ...] = (
            *self.flows,
            *self.fault_rules,
            *self.default_fault_rules,
            *self.route_rules,
            *self.steps,
        )
        return tuple(holder.condition for holder in holders if holder.condition is not None)


class PolicyFile(RawFile, frozen=True, eq=False, dict=True):
    """A file of policies/. `source` is None if another file took its name."""

    node: Node
    source: PolicySource | None

    @property
    def element(self) -> str:
        """The root element, which tells its type."""
        return self.node.tag

    @property
    def name(self) -> str:
        """The name attribute, "" without."""
        return self.node.name or ""

    @property
    def called(self) -> str:
        """The name by which steps find it: the file's where the attribute is missing."""
        return self.name or self.stem

    @property
    def steps(self) -> tuple[StepNode, ...]:
        """The steps that name it."""
        return self.bundle.attachments.get(self.called, ())

    @property
    def enabled(self) -> bool:
        return self.node.attributes.get("enabled", "true").strip().lower() != "false"

    @property
    def declaration(self) -> type[Policy] | None:
        """The installed policy of that element."""
        return find_policy(self.element)

    @cached_property
    def parsed(self) -> Policy | None:
        """The policy as declared, its fields filled; what is wrong with them are deploy findings, not told here."""
        return self.declaration.parse(self.node, Findings()) if self.declaration is not None else None
