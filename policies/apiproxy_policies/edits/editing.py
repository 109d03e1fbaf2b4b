"""How edits are compiled: for which policy, and what an unresolved variable does."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from apiproxy_runtime.policy.api import (
    Fault,
    Message,
    MessageContext,
    Node,
    Policy,
    Render,
    Site,
    unresolved_variable,
)

Edit = Callable[[MessageContext, Message], None]


class Editing(Struct, frozen=True):
    """How the edits of one policy are compiled: its site, and what an unresolved variable does."""

    site: Site
    policy: Policy
    ignore_unresolved: bool
    unresolved: Callable[[str], Fault] | None = None

    def template(
        self,
        source: str,
        node: Node,
        prefix: str | None = None,
        suffix: str | None = None,
        quotes: bool = True,
    ) -> Render:
        return self.site.template(
            source,
            node,
            ignore_unresolved=self.ignore_unresolved,
            unresolved=self.unresolved,
            prefix=prefix,
            suffix=suffix,
            quotes=quotes,
        )

    def constant(self, source: str) -> bool:
        return "{" not in source

    def missing(self, name: str) -> Fault:
        """The fault for a variable, or a resource, that is not there."""
        if self.unresolved is not None:
            return self.unresolved(name)
        if "UnresolvedVariable" in self.policy.faults:
            return self.policy.fault("UnresolvedVariable", variable=name)
        return unresolved_variable(name)
