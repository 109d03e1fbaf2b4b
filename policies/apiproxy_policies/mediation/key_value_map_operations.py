"""KeyValueMapOperations: reads, writes and deletes entries of key value maps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import CoroutineType
from typing import Any

from apiproxy_runtime.policy.api import (
    BOOLEAN,
    INTEGER,
    Answer,
    Element,
    FaultKind,
    Getter,
    KeyValueMap,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    Value,
    attribute,
    child,
    fault_table,
    many,
    nested,
    one_of,
    sequence,
    settled,
    text,
    text_of,
    then,
)

Pick = Callable[[MessageContext], KeyValueMap]
Operation = Callable[[MessageContext], Answer[object]]


class Part(Element):
    """A part of a key, or a value: the variable of `ref`, else the text."""

    value: Value[str] = text(ref=True)


class Key(Element):
    """Several parameters make one key, joined with two underscores."""

    parameters: tuple[Part, ...] = many("Parameter", Part)

    def compile(self, site: Site) -> Callable[[MessageContext], str | None]:
        """The key, or None when a part of it does not resolve."""
        parts = [_part(part, site) for part in self.parameters]
        if all(part.value.ref is None for part in self.parameters):
            constant = "__".join(part.value.text or "" for part in self.parameters)
            return lambda ctx: constant
        if len(parts) == 1:
            only = parts[0]

            def simple(ctx: MessageContext) -> str | None:
                value = only(ctx)
                return None if value is None else text_of(value)

            return simple

        def composite(ctx: MessageContext) -> str | None:
            values = [part(ctx) for part in parts]
            return None if None in values else "__".join(map(text_of, values))

        return composite


def _part(part: Part, site: Site) -> Getter:
    """The variable of `ref`, else the text, else None."""
    literal, ref = part.value.text, part.value.ref
    if ref is None:
        return lambda ctx: literal or ""
    get = site.getter(ref)

    def resolve(ctx: MessageContext) -> Any:
        value = get(ctx)
        return literal if value is None else value

    return resolve


class Entry(Element):
    key: Key | None = nested("Key", Key)
    values: tuple[Part, ...] = many("Value", Part)


class InitialEntries(Element):
    """Literal entries that are written when the policy is deployed."""

    entries: tuple[Entry, ...] = many("Entry", Entry)


class Put(Element):
    """Writes an entry; a value that is there stays unless override="true"."""

    tag = "Put"
    override: bool = attribute("override", BOOLEAN, default=False, doc="true: an existing entry is replaced")
    key: Key | None = nested("Key", Key, required=True)
    values: tuple[Part, ...] = many("Value", Part, required=True)

    def compile(self, policy: KeyValueMapOperations, site: Site, pick: Pick) -> Operation:
        key = (self.key or _NO_KEY).compile(site)
        values = [_part(value, site) for value in self.values]
        override = self.override

        def put(ctx: MessageContext) -> Answer[object]:
            name = key(ctx)
            found = [value(ctx) for value in values]
            # nothing is written where nothing resolves; beside others an empty text keeps the positions
            if name is None or all(value is None for value in found):
                return None
            return pick(ctx).put(name, [text_of(value) for value in found], override=override)

        return put


class Get(Element):
    """Reads an entry into a variable; an entry that is not there makes it null."""

    tag = "Get"
    assign_to: str = attribute("assignTo", required=True, default="", doc="variable that gets the value")
    index: int | None = attribute(
        "index", INTEGER, doc="which of several values, from 1; without it all of them"
    )
    key: Key | None = nested("Key", Key, required=True)

    def compile(self, policy: KeyValueMapOperations, site: Site, pick: Pick) -> Operation:
        key, put, index = (self.key or _NO_KEY).compile(site), site.setter(self.assign_to), self.index
        private, variable = self.assign_to.startswith("private."), self.assign_to

        def assign(values: list[str] | None, ctx: MessageContext, entries: KeyValueMap) -> Answer[object]:
            if values is None:
                return put(ctx, None)
            if private:
                return put(ctx, _chosen(values, index))
            return then(entries.encrypted(), assign_unless, ctx, values)

        def assign_unless(encrypted: bool, ctx: MessageContext, values: list[str]) -> None:
            if encrypted:
                raise policy.fault("SetVariableFailed", variable=variable)
            put(ctx, _chosen(values, index))

        def get(ctx: MessageContext) -> Answer[object]:
            name = key(ctx)
            if name is None:
                return put(ctx, None)
            entries = pick(ctx)
            values = entries.get(name)
            if values is None or isinstance(values, list):  # at once, as most stores answer
                return assign(values, ctx, entries)
            return then(values, assign, ctx, entries)

        return get


def _chosen(values: list[str], index: int | None) -> object:
    """One value as text; all of several as a list."""
    if index is not None:
        return values[index - 1] if index <= len(values) else None
    return values[0] if len(values) == 1 else values


class Delete(Element):
    """Deletes an entry."""

    tag = "Delete"
    key: Key | None = nested("Key", Key, required=True)

    def compile(self, policy: KeyValueMapOperations, site: Site, pick: Pick) -> Operation:
        key = (self.key or _NO_KEY).compile(site)

        def delete(ctx: MessageContext) -> Answer[object]:
            name = key(ctx)
            return None if name is None else pick(ctx).delete(name)

        return delete


_NO_KEY = Key()
_NO_KEY.parameters = ()


class KeyValueMapOperations(Policy):
    """Read, write and delete entries of key value maps.

    The operations run in document order. What is written is seen by all from the next read on: reads are not
    cached, so nothing expires either.
    """

    tag = "KeyValueMapOperations"
    family = "mediation"
    prefix = "keyvaluemapoperations"
    docs = (
        "https://cloud.google.com/apigee/docs/api-platform/reference/policies/key-value-map-operations-policy"
    )
    faults = {
        **fault_table(
            "steps.keyvaluemapoperations",
            (
                "SetVariableFailed",
                500,
                "Failed to set variable {variable} in KeyValueMapStepDefinition {policy}",
                "a value of an encrypted map goes to a variable without the prefix private.",
            ),
        ),
        # recorded bodies have this code, with blanks and no prefix (troubleshooting pages)
        "UnsupportedOperationException": FaultKind(
            "Internal Server Error",
            500,
            "java.lang.UnsupportedOperationException",
            "the name of the map is empty",
        ),
    }
    deploy_errors = {
        "InvalidIndex": "Invalid index {index} in KeyValueMapStepDefinition {policy}.",
        "KeyIsMissing": "Error occurred while validation of bean {policy}.xml. Reason: - Non null value expected for element Parameter in Entry",
        "ValueIsMissing": "Error occurred while validation of bean {policy}.xml. Reason: - Non null value expected for element Value in Entry",
    }
    variables = {
        "{assignTo}": "the value of the entry, a list when there are several, null when there is none"
    }
    example = """
<KeyValueMapOperations name="KVM-Backend" mapIdentifier="backends">
  <Scope>environment</Scope>
  <Get assignTo="private.backend.key" index="1">
    <Key><Parameter>orders</Parameter><Parameter ref="request.header.X-Region"/></Key>
  </Get>
</KeyValueMapOperations>"""

    map_identifier: str = attribute("mapIdentifier", default="kvmap", doc="name of the map")
    map_name: Value[str] | None = child("MapName", ref=True, doc="name of the map in place of mapIdentifier")
    scope: str = child(
        "Scope",
        one_of("environment", "organization", "apiproxy", "policy", ignore_case=True),
        default="environment",
        doc="who shares the map",
    )
    exclusive_cache: bool = child("ExclusiveCache", BOOLEAN, default=False, doc="deprecated, has no effect")
    expiry: Value[int] | None = child(
        "ExpiryTimeInSecs",
        INTEGER,
        ref=True,
        default=300,
        aliases=("ExpiryTimeInSeconds",),
        doc="for how long Apigee keeps a value before it reads it anew; here every read is new",
    )
    initial_entries: InitialEntries | None = nested(
        "InitialEntries",
        InitialEntries,
        doc="entries that are written at deployment, over those that are there",
    )
    operations: tuple[Put | Get | Delete, ...] = sequence(Put, Get, Delete, doc="in document order")

    def check(self, site: Site) -> None:
        for entry in self.initial_entries.entries if self.initial_entries is not None else ():
            if not _texts(entry.key.parameters if entry.key is not None else ()):
                site.error(entry.node, "KeyIsMissing", "Write <Key><Parameter>…</Parameter></Key>.")
            if not _texts(entry.values):
                site.error(entry.node, "ValueIsMissing", "Write a <Value>.")
        for operation in self.operations:
            if not isinstance(operation, Get):
                continue
            if operation.index is not None and operation.index < 1:
                site.error(operation.node, "InvalidIndex", "Count the values from 1.", index=operation.index)
            if operation.assign_to and not operation.assign_to.startswith("private."):
                site.warning(
                    operation.node,
                    "PrivateVariable",
                    f'"{operation.assign_to}" is shown in debug sessions, and Edge reads no encrypted map into it',
                    f'Write assignTo="private.{operation.assign_to}".',
                )

    def compile(self, site: Site) -> StepFunction:
        pick = self._pick(site)
        operations = tuple(operation.compile(self, site, pick) for operation in self.operations)
        self._seed(site)

        def key_value_map_operations(ctx: MessageContext) -> Awaitable[object] | None:
            for position, operate in enumerate(operations):
                answer = operate(ctx)
                if isinstance(answer, CoroutineType):
                    return _rest(ctx, answer, operations[position + 1 :])
            return None

        return key_value_map_operations

    def _pick(self, site: Site) -> Pick:
        """What opens the map; at once when its name is constant."""
        kvms, scope, proxy, policy = site.services.kvms, self.scope, site.deployment.proxy, self.name

        def open_map(name: str) -> KeyValueMap:
            return kvms.map(scope, name, proxy=proxy, policy=policy)

        if self.map_name is not None and self.map_name.ref is not None:
            literal = self.map_name.text or self.map_identifier
            get = site.getter(self.map_name.ref)

            def pick(ctx: MessageContext) -> KeyValueMap:
                name = text_of(get(ctx)) or literal
                if not name:
                    raise self.fault("UnsupportedOperationException")
                return open_map(name)

            return pick
        name = self._constant_name()
        if not name:
            site.warning(
                self.node, "EmptyMapName", "the map has no name, every call fails", "Write mapIdentifier."
            )

            def refuse(ctx: MessageContext) -> KeyValueMap:
                raise self.fault("UnsupportedOperationException")

            return refuse
        opened = open_map(name)
        return lambda ctx: opened

    def _constant_name(self) -> str:
        return (self.map_name.text if self.map_name is not None else None) or self.map_identifier

    def _seed(self, site: Site) -> None:
        """Have the initial entries written when the bundle is accepted."""
        name = self._constant_name()
        if self.initial_entries is None or not self.initial_entries.entries or not name:
            return
        entries = {
            "__".join(_texts(entry.key.parameters)): _texts(entry.values)
            for entry in self.initial_entries.entries
            if entry.key is not None
        }
        opened = site.services.kvms.map(self.scope, name, proxy=site.deployment.proxy, policy=self.name)
        site.services.preparing.append(lambda: opened.seed(entries))


def _texts(parts: tuple[Part, ...]) -> list[str]:
    """The literal texts; empty when one of them is missing."""
    texts = [part.value.text for part in parts]
    return [each for each in texts if each is not None] if None not in texts else []


async def _rest(ctx: MessageContext, answer: Answer[object], operations: tuple[Operation, ...]) -> None:
    await settled(answer)
    for operate in operations:
        await settled(operate(ctx))
