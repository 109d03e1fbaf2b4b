"""What stands on a route: plugins, each with the policies it stands for, and comments."""

from __future__ import annotations

import json

from msgspec import Struct, field

from apiproxy_runtime.kong.convert.cells import Cell
from apiproxy_runtime.kong.convert.consumers import tag
from apiproxy_runtime.kong.convert.gates import Gate, refusal
from apiproxy_runtime.kong.convert.outcome import Config, Plugin

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


def todo(file: str, line: int, text: str) -> str:
    """The comment on something that is lost; `line` 0 where a file has none."""
    return f"TODO {file}:{line}: {text}" if line else f"TODO {file}: {text}"
