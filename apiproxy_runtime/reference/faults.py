"""Every fault that a client or a fault rule can meet."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from apiproxy_runtime.policy.policy import Policy
from apiproxy_runtime.program import errors

PACKAGE = Path(__file__).resolve().parent.parent


class FaultEntry(Struct, frozen=True, order=True):
    """A fault: `code` is the errorcode, `text` the faultstring, `policy` empty for faults of the runtime."""

    code: str
    status: str
    text: str
    policy: str = ""
    cause: str = ""

    @property
    def name(self) -> str:
        """What `fault.name` holds."""
        return self.code.rpartition(".")[2]


def policy_faults(policies: Iterable[type[Policy]]) -> Iterator[FaultEntry]:
    for policy in policies:
        for kind in policy.faults.values():
            yield FaultEntry(kind.code, str(kind.status), kind.text, policy.tag, kind.cause)


def runtime_faults() -> list[FaultEntry]:
    """Those of targets, routes and messages that cannot be read: each `Fault("…", …)` that the engine writes out."""
    found = set(_raised())
    found |= {FaultEntry(code, str(status), text) for code, status, text, _ in errors._CALL_FAULTS.values()}
    return sorted(found)


def _raised() -> Iterator[FaultEntry]:
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "Fault(" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "Fault"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                text, status = ([*node.args[1:3], None, None])[:2]
                given = "500" if status is None else _literal(status)
                yield FaultEntry(str(node.args[0].value), given, _literal(text))


def _literal(node: ast.expr | None) -> str:
    """A text as it stands in the code, with {…} for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_literal(part) if isinstance(part, ast.Constant) else "{…}" for part in node.values)
    return "{…}" if node is not None else ""
