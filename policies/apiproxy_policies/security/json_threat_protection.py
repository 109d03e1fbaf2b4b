"""JSONThreatProtection: bounds the depth, counts and lengths of a JSON body."""

from __future__ import annotations

import json
import re
from typing import Any

from apiproxy_runtime.policy.api import (
    INTEGER,
    Fault,
    Message,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    child,
    fault_table,
)

_NO_LIMIT = 1 << 60
#: A name in an object: its closing quote and the colon behind it (in a string such a quote would be escaped).
_NAME_END = re.compile(rb'(?<!\\)"\s*:')
_TOKEN = re.compile(r'[ \t\r\n]+|"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


class JSONThreatProtection(Policy):
    """Limit the structure of JSON before other policies read it. Only messages with a JSON Content-Type are judged.

    The body is parsed once by the C parser and its tree is judged; only a body that breaks a limit, or that repeats
    names (which the tree cannot show), is read token by token, for the line to report.
    """

    tag = "JSONThreatProtection"
    family = "security"
    prefix = "jsonattack"
    docs = (
        "https://cloud.google.com/apigee/docs/api-platform/reference/policies/json-threat-protection-policy"
    )
    faults = fault_table(
        "steps.jsonthreatprotection",
        ("ExecutionFailed", 500, "JSONThreatProtection[{policy}]: Execution failed. reason: {reason}"),
        ("SourceUnavailable", 500, "JSONThreatProtection[{policy}]:: Source {variable} is not available"),
        (
            "NonMessageVariable",
            500,
            "JSONThreatProtection[{policy}]: Variable {variable} does not resolve to a Message",
        ),
    )
    example = """
<JSONThreatProtection name="JTP-Orders">
  <ArrayElementCount>20</ArrayElementCount>
  <ContainerDepth>10</ContainerDepth>
  <ObjectEntryCount>15</ObjectEntryCount>
  <ObjectEntryNameLength>50</ObjectEntryNameLength>
  <StringValueLength>500</StringValueLength>
</JSONThreatProtection>"""

    source: str = child(
        "Source", default="message", doc="message to judge; the message of the moment by default"
    )
    array_elements: int | None = child(
        "ArrayElementCount", INTEGER, doc="elements of an array; missing or negative: any"
    )
    depth: int | None = child("ContainerDepth", INTEGER, doc="objects and arrays inside each other")
    entries: int | None = child("ObjectEntryCount", INTEGER, doc="entries of an object")
    name_length: int | None = child("ObjectEntryNameLength", INTEGER, doc="characters of an entry's name")
    string_length: int | None = child("StringValueLength", INTEGER, doc="characters of a text")

    def failed_variables(self) -> tuple[str, ...]:
        # the short one is read by bundles that run on Apigee (threat-protect of apigee/devrel)
        return (f"jsonattack.{self.name}.failed", "jsonattack.failed")

    def compile(self, site: Site) -> StepFunction:
        name = self.source.strip() or "message"
        get = site.getter(name)
        limits = Limits(
            *(
                _NO_LIMIT if value is None or value < 0 else value
                for value in (
                    self.depth,
                    self.array_elements,
                    self.entries,
                    self.name_length,
                    self.string_length,
                )
            )
        )

        def json_threat_protection(ctx: MessageContext) -> None:
            message = get(ctx)
            if message is None:
                raise self.fault("SourceUnavailable", variable=name)
            if message.__class__ is not Message:
                raise self.fault("NonMessageVariable", variable=name)
            if "json" not in message.content_type() or not message.body:
                return
            try:
                document = message.json()
            except RecursionError:
                raise self._judged(message, limits) or self._reason("Exceeded container depth", 1) from None
            except ValueError as error:
                raise (self._judged(message, limits) or self._malformed(error)) from None
            entries = limits.entries_within(document)
            # as few colons as entries: no name is repeated, and no need to look for their ends
            body = message.body
            if entries < 0 or (body.count(b":") > entries and len(_NAME_END.findall(body)) > entries):
                fault = self._judged(message, limits)
                if fault is not None:
                    raise fault

        return json_threat_protection

    def _judged(self, message: Message, limits: Limits) -> Fault | None:
        """The fault for the first limit broken in the text, if there is one."""
        broken = limits.first_broken(message.content)
        return None if broken is None else self._reason(*broken)

    def _reason(self, what: str, line: int) -> Fault:
        return self.fault(
            "ExecutionFailed", reason=f"JSONThreatProtection[{self.name}]: {what} at line {line}"
        )

    def _malformed(self, error: ValueError) -> Fault:
        if isinstance(error, json.JSONDecodeError):
            text = error.msg.replace("'", "").removesuffix(" delimiter")
            return self.fault("ExecutionFailed", reason=f"{text} at line {error.lineno}")
        return self.fault("ExecutionFailed", reason="Invalid JSON at line 1")


class Limits:
    """The bounds of one policy; both ways of judging them."""

    __slots__ = ("array", "depth", "entries", "name", "string")

    def __init__(self, depth: int, array: int, entries: int, name: int, string: int) -> None:
        self.depth, self.array, self.entries, self.name, self.string = depth, array, entries, name, string

    def entries_within(self, document: Any) -> int:
        """How many entries the tree's objects have in all; -1 when any limit is broken."""
        total = depth = 0
        entry_limit, array_limit, longest = self.entries, self.array, self.string
        names: set[str] = set()
        level: list[Any] = [document]
        while level:
            inner: list[Any] = []
            nested = False
            for value in level:
                kind = value.__class__
                if kind is dict:
                    nested = True
                    size = len(value)
                    if size > entry_limit:
                        return -1
                    total += size
                    names.update(value)
                    inner.extend(value.values())
                elif kind is list:
                    nested = True
                    if len(value) > array_limit:
                        return -1
                    inner.extend(value)
                elif kind is str and len(value) > longest:
                    return -1
            depth += nested
            if depth > self.depth:
                return -1
            level = inner
        return -1 if names and max(map(len, names)) > self.name else total

    def first_broken(self, text: str) -> tuple[str, int] | None:
        """(what, line) of the first limit the text breaks, read token by token; None when it breaks none."""
        line = 1
        #: for each open container: [is an object, entries or elements so far, a name comes next]
        stack: list[list[Any]] = []
        for match in _TOKEN.finditer(text):
            token = match.group()
            first = token[0]
            if first in " \t\r\n":
                line += token.count("\n")
                continue
            if first in "}]":
                if stack:
                    stack.pop()
                continue
            if first == ",":
                if stack and stack[-1][0]:
                    stack[-1][2] = True
                continue
            if first == ":":
                continue
            top = stack[-1] if stack else None
            if top is not None and top[0] and top[2]:
                top[1] += 1
                top[2] = False
                if top[1] > self.entries:
                    return "Exceeded object entry count", line
                if len(_value_of(token)) > self.name:
                    return "Exceeded object entry name length", line
                continue
            if top is not None and not top[0]:
                top[1] += 1
                if top[1] > self.array:
                    return "Exceeded array element count", line
            if first in "{[":
                stack.append([first == "{", 0, True])
                if len(stack) > self.depth:
                    return "Exceeded container depth", line
            elif first == '"' and len(_value_of(token)) > self.string:
                return "Exceeded string value length", line
        return None


def _value_of(token: str) -> str:
    """The text of a string token; broken escapes count as they stand."""
    if "\\" not in token:
        return token[1:-1]
    try:
        value = json.loads(token)
    except ValueError:
        return token[1:-1]
    return value if isinstance(value, str) else token
