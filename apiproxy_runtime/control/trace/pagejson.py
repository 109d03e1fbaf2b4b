"""What the page is told of a transaction: one line of a list, and all of it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from apiproxy_runtime.control.trace.recorder import Recorder
from apiproxy_runtime.control.trace.transaction import (
    Access,
    CallMade,
    ChoiceMade,
    FlowEntered,
    Raised,
    RouteTaken,
    Snapshot,
    StepTaken,
    Transaction,
)
from apiproxy_runtime.policy.registry import find_policy

_KINDS: dict[type, str] = {
    FlowEntered: "flow",
    ChoiceMade: "choice",
    StepTaken: "step",
    RouteTaken: "route",
    Raised: "fault",
    CallMade: "call",
}


def summary(transaction: Transaction) -> dict[str, object]:
    """One line."""
    fault = transaction.fault
    return {
        "id": transaction.id,
        "environment": transaction.environment,
        "proxy": transaction.proxy,
        "revision": transaction.revision,
        "method": transaction.method,
        "uri": transaction.uri,
        "status": transaction.status,
        "fault": fault.code if fault is not None else "",
        "started": transaction.started,
        "took": transaction.took,
        "completed": transaction.completed,
    }


def line(entry: Recorder | Transaction) -> dict[str, object]:
    """One line, whether it is over or not."""
    return pending_summary(entry) if isinstance(entry, Recorder) else summary(entry)


def pending_summary(recorder: Recorder) -> dict[str, object]:
    """One line for a transaction that runs."""
    ctx = recorder.ctx
    return {
        "id": recorder.id,
        "environment": ctx.deployment.environment,
        "proxy": ctx.deployment.proxy,
        "revision": ctx.deployment.revision,
        "method": ctx.request.verb,
        "uri": recorder.masks.uri(ctx.client.request_uri),
        "status": 0,
        "fault": "",
        "started": ctx.client.received_start,
        "took": recorder.age,
        "completed": False,
    }


def details(transaction: Transaction) -> dict[str, object]:
    """All of it. Messages stand once, in `messages`; points name them by their position there."""
    messages: list[dict[str, object]] = []
    places: dict[int, int] = {}

    def place(snapshot: Snapshot | None) -> int | None:
        if snapshot is None:
            return None
        found = places.get(id(snapshot))
        if found is None:
            found = places[id(snapshot)] = len(messages)
            messages.append(_plain(snapshot))
        return found

    def point(item: Any) -> dict[str, object]:
        told: dict[str, object] = {"is": _KINDS[type(item)]}
        for name in item.__struct_fields__:
            value = getattr(item, name)
            if isinstance(value, Snapshot) or name in ("before", "after", "request", "response"):
                value = place(value)
            elif isinstance(value, Raised):
                value = _plain(value)
            elif name == "accesses":
                value = [_access(access) for access in value]
            told[name] = value
        if isinstance(item, StepTaken):
            told["family"] = family_of(item.kind)
        return told

    return {
        **summary(transaction),
        "organization": transaction.organization,
        "endpoint": transaction.endpoint,
        "basePath": transaction.base_path,
        "pathSuffix": transaction.path_suffix,
        "client": transaction.client,
        "reason": transaction.reason,
        "route": transaction.route,
        "target": transaction.target,
        "raised": _plain(transaction.fault) if transaction.fault is not None else None,
        "masked": transaction.masked,
        "request": place(transaction.request),
        "response": place(transaction.response),
        "points": [point(item) for item in transaction.points],
        "messages": messages,
    }


@lru_cache(512)
def family_of(kind: str) -> str:
    """The family of a policy, by its element; `flow` for what calls shared flows."""
    if kind in ("FlowHook", "FlowCallout"):
        return "flow"
    policy = find_policy(kind)
    return policy.family if policy is not None else "extension"


def holds_text(transaction: Transaction, text: str) -> bool:
    """Whether a text stands anywhere in a transaction: address, messages, policies, variables. Case does not count."""
    wanted = text.lower()
    seen: set[int] = set()

    def message(snapshot: Snapshot | None) -> bool:
        if snapshot is None or id(snapshot) in seen:
            return False
        seen.add(id(snapshot))
        return wanted in snapshot.content.lower() or any(
            wanted in f"{name}: {value}".lower() for name, value in snapshot.headers
        )

    def accesses(found: tuple[Access, ...]) -> bool:
        return any(
            wanted in access.name.lower() or wanted in (access.value or "").lower() for access in found
        )

    if wanted in f"{transaction.method} {transaction.uri} {transaction.status} {transaction.proxy}".lower():
        return True
    if message(transaction.request) or message(transaction.response):
        return True
    for item in transaction.points:
        if isinstance(item, StepTaken):
            if wanted in f"{item.policy} {item.kind} {item.condition}".lower() or accesses(item.accesses):
                return True
            if message(item.before) or message(item.after):
                return True
        elif isinstance(item, CallMade):
            if wanted in item.url.lower() or message(item.request) or message(item.response):
                return True
        elif isinstance(item, Raised):
            if wanted in f"{item.code} {item.text}".lower():
                return True
        elif isinstance(item, FlowEntered | ChoiceMade) and wanted in item.name.lower():
            return True
    return False


def _plain(value: Struct) -> dict[str, object]:
    return asdict(value)


def _access(access: Access) -> dict[str, object]:
    told: dict[str, object] = {"action": access.action, "name": access.name, "value": access.value}
    if access.action != "get":
        told["before"] = access.before
        told["done"] = access.done
    return told
