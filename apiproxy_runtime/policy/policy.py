"""The policy: a declaration of XML, a table of faults, and one method that compiles it to a step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from msgspec.structs import replace

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Fault, FaultKind
from apiproxy_runtime.policy.declaration import COMMON_IGNORED, Element, attribute
from apiproxy_runtime.policy.events import EventKind
from apiproxy_runtime.policy.kinds import BOOLEAN
from apiproxy_runtime.policy.setting import Setting

if TYPE_CHECKING:
    from apiproxy_runtime.policy.site import Site

#: What a policy compiles to. It does its work and returns None, or returns an awaitable when it must wait.
StepFunction = Callable[[MessageContext], Awaitable[Any] | None]
P = TypeVar("P", bound="Policy")


def fault_table(prefix: str, *rows: tuple[str, int, str] | tuple[str, int, str, str]) -> dict[str, FaultKind]:
    """Faults by name: rows of (name, status, text with {placeholders}, cause).

    The error code is `prefix.name`; a name with a dot in it is the whole code already.
    """
    table = {}
    for name, status, text, *cause in rows:
        code = name if "." in name or not prefix else f"{prefix}.{name}"
        table[name.rpartition(".")[2]] = FaultKind(code, status, text, cause[0] if cause else "")
    return table


class Policy(Element):
    """Base of every policy.

    tag            root element of its XML
    family         security, traffic, mediation or extension
    prefix         of the variables it sets on failure: `<prefix>.<policy>.failed`
    docs           address of the reference page the behaviour follows
    profiles       platforms that have it: `apigeex`, `apigee` (Edge)
    faults         what it can raise, by fault name
    deploy_errors  what Apigee refuses at deploy time: error name → message with {placeholders}
    variables      the flow variables it sets: name with {policy} → meaning
    events         what it tells to event hooks; `Site.emitter` makes what emits one
    settings       what `--setting` may tell it; `Site.setting` reads one
    example        a small complete XML, shown by `apiproxy explain` and tested
    """

    family: ClassVar[str] = "extension"
    prefix: ClassVar[str] = ""
    docs: ClassVar[str] = ""
    profiles: ClassVar[tuple[str, ...]] = ("apigeex", "apigee")
    aliases: ClassVar[tuple[str, ...]] = ()
    faults: ClassVar[dict[str, FaultKind]] = {}
    deploy_errors: ClassVar[dict[str, str]] = {}
    variables: ClassVar[dict[str, str]] = {}
    events: ClassVar[tuple[EventKind, ...]] = ()
    settings: ClassVar[tuple[Setting, ...]] = ()
    example: ClassVar[str] = ""
    ignored: ClassVar[tuple[str, ...]] = COMMON_IGNORED

    name: str = attribute(
        "name", required=True, default="", doc="internal name, by which steps refer to the policy"
    )
    enabled: bool = attribute(
        "enabled", BOOLEAN, default=True, doc="false: never runs, even where it is attached"
    )
    continue_on_error: bool = attribute(
        "continueOnError", BOOLEAN, default=False, doc="true: the flow goes on when the policy fails"
    )
    asynchronous: bool = attribute("async", BOOLEAN, default=False, doc="deprecated, has no effect")

    @classmethod
    def parse(cls: type[P], node: Node, findings: Findings) -> P:
        """Read the policy; messages of its fields that say `{policy}` get the policy's name."""
        own = Findings()
        self = super().parse(node, own)
        findings.extend(
            replace(finding, message=finding.message.replace("{policy}", self.name)) for finding in own
        )
        return self

    def check(self, site: Site) -> None:
        """Report what is wrong beyond single fields (fields that exclude each other, missing resources)."""

    def compile(self, site: Site) -> StepFunction:
        """The step that a request runs. Everything that can be decided at deploy time is decided here."""
        raise TypeError(f"{type(self).__name__} does not say what it does")

    def fault(self, name: str, /, **values: object) -> Fault:
        """A fault of this policy's table, its text filled with `values` and the policy's name."""
        kind = self.faults[name]
        return Fault(kind.code, kind.fill({"policy": self.name, **values}), kind.status, name=name)

    def failed_variables(self) -> tuple[str, ...]:
        """The variables that become true when the policy fails, and false when it succeeds."""
        return (f"{self.prefix}.{self.name}.failed",) if self.prefix else ()
