"""A rule: one class in one file under `rules/`, with what it says about itself and what it looks at.

    class UnattachedPolicy(Rule):
        '''A policy that no step names never runs. …'''

        id = "BN005"
        name = "Unattached policy"

        def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
            if not policy.steps:
                yield Match(policy.node, f"no step names the policy {policy.name!r}")

A rule overrides the `on_…` methods of the objects it is about; the linter calls it for each of them in each bundle.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import ClassVar, Generic, TypeVar, cast, overload

from msgspec import Struct

from apiproxy_runtime.bundle.finding import Placed, Severity
from apiproxy_runtime.lint.bundle import LintBundle
from apiproxy_runtime.lint.parts import (
    ConditionText,
    EndpointFile,
    FaultRuleNode,
    FlowNode,
    PolicyFile,
    RawFile,
    ResourceFile,
    RouteRuleNode,
    StepNode,
)
from apiproxy_runtime.lint.result import Fix

__all__ = [
    "ConditionText",
    "EndpointFile",
    "FaultRuleNode",
    "Fix",
    "FlowNode",
    "LintBundle",
    "Match",
    "Option",
    "OptionError",
    "PolicyFile",
    "RawFile",
    "ResourceFile",
    "RouteRuleNode",
    "Rule",
    "StepNode",
]

T = TypeVar("T")


class OptionError(ValueError):
    """An option that a rule does not have, or a value it cannot take; the text is for the configuration's author."""


class Match(Struct, frozen=True):
    """What a rule yields: where, what is wrong, and how to mend it.

    `severity` only where it is not the rule's own. `trail` tells the way to the problem: places, and what happens there.
    """

    place: Placed
    message: str
    cure: str = ""
    severity: Severity | None = None
    fix: Fix | None = None
    trail: tuple[tuple[Placed, str], ...] = ()


class Option(Generic[T]):
    """A setting of a rule, as a field: `limit = Option(12, "most terms of a condition")`. Its default gives its type."""

    def __init__(self, default: T, doc: str) -> None:
        self.default = default
        self.doc = doc
        self.name = ""

    def __set_name__(self, owner: type[Rule], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, rule: None, owner: type[Rule]) -> Option[T]: ...
    @overload
    def __get__(self, rule: Rule, owner: type[Rule]) -> T: ...
    def __get__(self, rule: Rule | None, owner: type[Rule]) -> Option[T] | T:
        if rule is None:
            return self
        return cast(T, rule.settings.get(self.name, self.default))

    def read(self, value: object) -> object:
        """A configured value, if it is of the default's type. Raises OptionError."""
        wanted = type(self.default)
        if type(value) is not wanted:
            raise OptionError(
                f"{self.name} must be of type {_TYPES.get(wanted, wanted.__name__)}, not {value!r}"
            )
        return value


_TYPES: dict[type, str] = {
    int: "whole number",
    str: "text",
    bool: "true or false",
    list: "list",
    dict: "mapping",
    float: "number",
}


class Rule:
    """Base of every rule. The docstring says what it flags and why.

    id          `BN005`; the module's name begins with it in lower case
    name        a few words
    severity    error, or warning
    profiles    platforms it is for: `apigeex`, `apigee` (Edge)
    elements    for `on_policy`: the policies it is about, by root element; empty means all
    cure        how to mend it, where a match does not say so itself
    bad, good   a small example each
    docs        address of a page that tells more
    fixable     whether its matches may bring a fix
    preview     runs only when asked for by name or with --preview
    supersedes  names of deploy findings that say the same; they are left out where this rule matches on their line
    """

    id: ClassVar[str] = ""
    name: ClassVar[str] = ""
    severity: ClassVar[Severity] = "warning"
    profiles: ClassVar[tuple[str, ...]] = ("apigeex", "apigee")
    elements: ClassVar[tuple[str, ...]] = ()
    cure: ClassVar[str] = ""
    bad: ClassVar[str] = ""
    good: ClassVar[str] = ""
    docs: ClassVar[str] = ""
    fixable: ClassVar[bool] = False
    preview: ClassVar[bool] = False
    supersedes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, options: Mapping[str, object] | None = None) -> None:
        """Raises OptionError for options that the rule does not have."""
        known = self.options()
        self.settings: dict[str, object] = {}
        for name, value in (options or {}).items():
            if name not in known:
                has = f"it has {', '.join(sorted(known))}" if known else "it has none"
                raise OptionError(f"{self.id} has no option {name!r}; {has}")
            try:
                self.settings[name] = known[name].read(value)
            except OptionError as error:
                raise OptionError(f"{self.id}: {error}") from None

    @classmethod
    def options(cls) -> dict[str, Option[object]]:
        """Its options by name."""
        return {
            name: value
            for owner in reversed(cls.__mro__)
            for name, value in vars(owner).items()
            if isinstance(value, Option)
        }

    @classmethod
    def description(cls) -> str:
        """What it flags and why."""
        return inspect.cleandoc(cls.__doc__ or "")

    # ---- what it looks at

    def on_bundle(self, bundle: LintBundle) -> Iterable[Match]:
        """Once for each bundle."""
        return ()

    def on_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterable[Match]:
        """Each proxy endpoint, target endpoint and shared flow; `endpoint.tag` tells which it is."""
        return ()

    def on_proxy_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterable[Match]:
        return ()

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterable[Match]:
        return ()

    def on_shared_flow(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterable[Match]:
        return ()

    def on_route_rule(self, rule: RouteRuleNode, bundle: LintBundle) -> Iterable[Match]:
        return ()

    def on_flow(self, flow: FlowNode, bundle: LintBundle) -> Iterable[Match]:
        """PreFlow, Flow, PostFlow, PostClientFlow, EventFlow; `flow.tag` tells which it is."""
        return ()

    def on_fault_rule(self, rule: FaultRuleNode, bundle: LintBundle) -> Iterable[Match]:
        return ()

    def on_default_fault_rule(self, rule: FaultRuleNode, bundle: LintBundle) -> Iterable[Match]:
        return ()

    def on_step(self, step: StepNode, bundle: LintBundle) -> Iterable[Match]:
        """Each step of flows, fault rules and shared flows, named or not."""
        return ()

    def on_condition(self, condition: ConditionText, bundle: LintBundle) -> Iterable[Match]:
        """Each condition of steps, flows, fault rules and route rules, empty ones too."""
        return ()

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterable[Match]:
        """Each well-formed file of policies/ whose root element is one of `elements`."""
        return ()

    def on_resource(self, resource: ResourceFile, bundle: LintBundle) -> Iterable[Match]:
        """Each file below resources/."""
        return ()

    def on_file(self, file: RawFile, bundle: LintBundle) -> Iterable[Match]:
        """Each file of the bundle, whatever it is, well-formed or not."""
        return ()
