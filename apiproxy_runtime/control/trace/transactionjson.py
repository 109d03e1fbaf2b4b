"""A session as the Apigee emulator answers it: the JSON that its clients, and viewers of exported debug sessions, read.

Every value is a string, only `success` and `completed` are booleans; only `DebugInfo` carries a time. Point ids are
`StateChange`, `FlowInfo`, `Condition`, `Execution`, `FlowCallout` and `FlowReturn`, and `Error` where a fault begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from apiproxy_runtime.control.trace.session import Session
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

Json = dict[str, Any]

_TARGET = ("TARGET_REQ_FLOW", "TARGET_RESP_FLOW")
_RESPONSE = ("TARGET_RESP_FLOW", "PROXY_RESP_FLOW", "PROXY_POST_RESP_SENT")

#: The states in their order. A fault leads from any of them to ERROR_FLOW, and from there to RESP_SENT.
_ORDER = (
    "REQ_START",
    "REQ_HEADERS_PARSED",
    "PROXY_REQ_FLOW",
    "TARGET_REQ_FLOW",
    "REQ_SENT",
    "RESP_START",
    "TARGET_RESP_FLOW",
    "PROXY_RESP_FLOW",
    "RESP_SENT",
    "PROXY_POST_RESP_SENT",
    "END",
)


def session_json(session: Session, now: float) -> Json:
    """What `GET /v1/emulator/trace/transactions` answers; `now` is in seconds since the epoch."""
    return debug_session(
        session.transactions(),
        organization=session.organization,
        environment=session.environment,
        proxy=session.proxy,
        revision=session.revision,
        session=session.id,
        recorded=session.started,
        retrieved=now,
    )


def transaction_json(transaction: Transaction) -> Json:
    """A session that holds one transaction."""
    return debug_session(
        [transaction],
        organization=transaction.organization,
        environment=transaction.environment,
        proxy=transaction.proxy,
        revision=transaction.revision,
        session=transaction.id,
        recorded=transaction.started,
        retrieved=transaction.started + transaction.took,
    )


def debug_session(
    transactions: Iterable[Transaction],
    *,
    organization: str,
    environment: str,
    proxy: str,
    revision: str,
    session: str,
    recorded: float,
    retrieved: float,
) -> Json:
    return {
        "DebugSession": {
            "Retrieved": _iso(retrieved),
            "Recorded": _iso(recorded),
            "Organization": organization,
            "Environment": environment,
            "API": proxy,
            "Revision": revision,
            "SessionId": session,
            "Version": "2.1",
        },
        "Messages": [message_json(transaction) for transaction in transactions],
    }


def message_json(transaction: Transaction) -> Json:
    """One transaction: one element of `Messages`."""
    return {
        "completed": transaction.completed,
        "messageId": transaction.id,
        "point": list(_Points(transaction).all()),
    }


class _Points:
    """The points of one transaction, in order."""

    def __init__(self, transaction: Transaction) -> None:
        self.transaction = transaction
        self.state = "REQ_START"
        #: the depths of flow hooks that have not returned, with their names
        self.hooks: list[tuple[int, str]] = []

    def all(self) -> Iterator[Json]:
        transaction = self.transaction
        yield self.change("REQ_HEADERS_PARSED", 0.0, transaction.request)
        yield self.info(
            0.0,
            {
                "environment.orgname": transaction.organization,
                "environment.name": transaction.environment,
                "environment.qualifiedname": f"{transaction.organization}__{transaction.environment}",
            },
            {"organization.name": transaction.organization},
            {
                "apiproxy.name": transaction.proxy,
                "apiproxy.revision": transaction.revision,
                "apiproxy.basepath": transaction.base_path,
                "apiproxy.qualifiedname": f"{transaction.proxy}__{transaction.revision}",
            },
            {
                "proxy.name": transaction.endpoint,
                "proxy.url": transaction.uri,
                "proxy.basepath": transaction.base_path,
                "proxy.pathsuffix": transaction.path_suffix,
            },
        )
        for item in transaction.points:
            while self.hooks and item.depth <= self.hooks[-1][0]:
                yield self.returned(item.at)
            yield from self.point(item)
        while self.hooks:
            yield self.returned(transaction.took)
        if transaction.response is not None:
            if self.state != "PROXY_POST_RESP_SENT":
                yield from self.enter("RESP_SENT", transaction.took)
            if transaction.completed:
                yield from self.enter("END", transaction.took)

    def point(self, item: Any) -> Iterator[Json]:
        if isinstance(item, FlowEntered):
            yield from self.flow(item)
        elif isinstance(item, ChoiceMade):
            yield self.condition(item.at, item.condition, item.holds, item.accesses, item.name)
        elif isinstance(item, RouteTaken):
            route = {"route.name": item.name, "route.type": "TargetEndpoint" if item.target else "none"}
            yield self.info(item.at, {**route, "route.target": item.target}, {"target.name": item.target})
        elif isinstance(item, Raised):
            yield self.error(item)
        elif isinstance(item, CallMade):
            if item.purpose == "target" and not item.depth:
                yield from self.enter("TARGET_REQ_FLOW", item.at)
                yield self.info(item.at, {"target.name": self.transaction.target, "target.url": item.url})
                yield self.change("REQ_SENT", item.at, item.request)
                if item.response is not None:
                    yield self.change("RESP_START", item.at + item.took, item.response)
        elif isinstance(item, StepTaken):
            yield from self.enter(item.phase, item.at)
            yield from self.step(item)

    def flow(self, item: FlowEntered) -> Iterator[Json]:
        yield from self.enter(item.phase, item.at)
        direction = "response" if item.phase in _RESPONSE else "request"
        side = "target" if item.phase in _TARGET else "proxy"
        yield self.info(
            item.at,
            {f"{side}.flow.name": item.name},
            {"current.flow.direction": direction},
            {"flow.name": item.name, "flow.type": side, "flow.state": item.phase},
        )

    def enter(self, phase: str, at: float) -> Iterator[Json]:
        """The state changes that lead to a phase, through those in which no step ran."""
        if phase == self.state:
            return
        for state in (*self.passed(phase), phase):
            yield self.change(state, at, self.transaction.response if state == "RESP_SENT" else None)

    def passed(self, phase: str) -> Iterator[str]:
        """What every transaction goes through between the state of now and a phase."""
        if phase not in _ORDER:
            return
        here = _ORDER.index(self.state) if self.state in _ORDER else _ORDER.index("PROXY_RESP_FLOW")
        for state in _ORDER[here + 1 : _ORDER.index(phase)]:
            if state == "TARGET_RESP_FLOW":
                goes = self.state == "RESP_START"
            elif state == "PROXY_RESP_FLOW":
                goes = self.transaction.fault is None
            else:
                goes = state in ("PROXY_REQ_FLOW", "RESP_SENT", "PROXY_POST_RESP_SENT")
            if goes:
                yield state

    def step(self, item: StepTaken) -> Iterator[Json]:
        if item.kind == "FlowHook":
            self.hooks.append((item.depth, item.policy))
            yield _point("FlowCallout", self.debug(item.at, {"shared.flow.name": item.policy}))
            return
        if item.condition and item.outcome != "skipped":
            yield self.condition(item.at, item.condition, True, (), item.policy)
        properties = {
            "type": f"{item.kind}Execution",
            "stepDefinition-name": item.policy,
            "stepDefinition-displayName": item.policy,
            "stepDefinition-type": item.kind.lower(),
            "stepDefinition-enabled": _truth(item.outcome != "disabled"),
            "stepDefinition-async": "false",
            "stepDefinition-continueOnError": _truth(item.continue_on_error),
            "stepExecution-executionTime": str(round(item.took * 1000)),
            "enforcement": "response" if item.phase in _RESPONSE else "request",
            "result": _truth(item.outcome in ("ran", "skipped")),
            "action": "ABORT" if item.outcome == "faulted" and not item.continue_on_error else "CONTINUE",
            "internal": "false",
        }
        if item.outcome == "skipped":
            properties |= {"Expression": item.condition, "ExpressionResult": "false"}
        if item.fault is not None:
            properties |= {"error.code": item.fault.code, "error.text": item.fault.text}
        results = [self.debug(item.at + item.took, properties)]
        results += _accessed(item.accesses)
        if item.after is not None:
            results.append(_message(item.after, item.phase == "ERROR_FLOW"))
        yield _point("Execution", *results)

    def condition(self, at: float, text: str, holds: bool, accesses: tuple[Access, ...], name: str) -> Json:
        properties = {"Tree": text, "Expression": text, "ExpressionResult": _truth(holds), "name": name}
        return _point("Condition", self.debug(at, properties), *_accessed(accesses))

    def error(self, fault: Raised) -> Json:
        properties = {
            "type": "ErrorPoint",
            "state": fault.phase,
            "error": fault.text,
            "error.code": fault.code,
            "error.status": str(fault.status),
            "error.policy": fault.policy,
        }
        return _point("Error", self.debug(fault.at, properties))

    def returned(self, at: float) -> Json:
        _, name = self.hooks.pop()
        return _point("FlowReturn", self.debug(at, {"shared.flow.name": name}))

    def change(self, state: str, at: float, message: Snapshot | None = None) -> Json:
        before, self.state = self.state, state
        results = [self.debug(at, {"From": before, "To": state})]
        if message is not None:
            faulty = state == "RESP_SENT" and self.transaction.fault is not None
            results.append(_message(message, faulty))
        return _point("StateChange", *results)

    def info(self, at: float, *groups: dict[str, str]) -> Json:
        return _point("FlowInfo", *(self.debug(at, group) for group in groups))

    def debug(self, at: float, properties: dict[str, str]) -> Json:
        return {
            "ActionResult": "DebugInfo",
            "timestamp": timestamp(self.transaction.started + at),
            "properties": {
                "property": [{"name": name, "value": value} for name, value in properties.items()]
            },
        }


def timestamp(seconds: float) -> str:
    """`dd-MM-yy HH:mm:ss:SSS`, UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%d-%m-%y %H:%M:%S}:{moment.microsecond // 1000:03d}"


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _point(name: str, *results: Json) -> Json:
    return {"id": name, "results": list(results)}


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _accessed(accesses: tuple[Access, ...]) -> list[Json]:
    if not accesses:
        return []
    told: list[Json] = []
    for access in accesses:
        entry: Json = {"name": access.name}
        if access.value is not None:
            entry["value"] = access.value
        if access.action != "get":
            entry["success"] = access.done
        told.append({access.action.capitalize(): entry})
    return [{"ActionResult": "VariableAccess", "accessList": told}]


def _message(message: Snapshot, faulty: bool) -> Json:
    headers = [{"name": name, "value": value} for name, value in message.headers]
    if message.is_request:
        return {
            "ActionResult": "RequestMessage",
            "verb": message.verb,
            "uRI": message.uri,
            "headers": headers,
            "content": message.content,
        }
    return {
        "ActionResult": "ErrorMessage" if faulty else "ResponseMessage",
        "statusCode": str(message.status),
        "reasonPhrase": message.reason,
        "headers": headers,
        "content": message.content,
    }
