"""Conversions: what XMLToJSON and JSONToXML have in common, that is everything but the conversion.

Both read a message or a string and write one of the same kind. Source: the policies' reference pages and their
troubleshooting playbooks.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from apiproxy_policies.aside import LARGE, WorkTimeout, aside
from apiproxy_runtime.policy.api import Message, MessageContext, Policy, Site, StepFunction

Convert = Callable[[Message | str], str]
Write = Callable[[str], object]

_JAVA_CLASSES = {
    bool: "java.lang.Boolean",
    int: "java.lang.Integer",
    float: "java.lang.Double",
    list: "java.util.ArrayList",
    tuple: "java.util.ArrayList",
    dict: "java.util.LinkedHashMap",
}


class ConversionFailed(ValueError):
    """The text cannot be converted; the message is the reason that the fault tells."""


def java_class(value: object) -> str:
    """What a value is called in fault strings that name Java classes."""
    return _JAVA_CLASSES.get(type(value), "java.lang.Object")


def conversion(
    policy: Policy,
    site: Site,
    source: str,
    output: str,
    *,
    accepts: Callable[[str], bool],
    content_type: str,
    convert: Convert,
) -> StepFunction:
    """The step: read `source`, convert it, write `output` (by default the source message).

    accepts       whether a message of that media type is converted; others are passed over without a fault
    content_type  of the message that is written
    convert       raises ConversionFailed

    Bodies over 128 KB are converted aside. What bounds the rest are the limit of the body's size and libxml2's limit
    of 256 levels, or Python's own of some hundred levels of JSON.
    """
    get = site.getter(source)
    destination = _destination(policy, site, output, content_type)

    def finish(write: Write, found: Message | str) -> None:
        try:
            write(convert(found))
        except ConversionFailed as failed:
            raise policy.fault("ExecutionFailed", reason=failed) from None
        except (RecursionError, MemoryError):
            raise policy.fault("ExecutionFailed", reason="the document is nested too deeply") from None

    async def finish_aside(write: Write, found: Message | str) -> None:
        try:
            text = await aside(lambda: convert(found))
        except ConversionFailed as failed:
            raise policy.fault("ExecutionFailed", reason=failed) from None
        except (RecursionError, MemoryError):
            raise policy.fault("ExecutionFailed", reason="the document is nested too deeply") from None
        except WorkTimeout as late:
            raise policy.fault("ExecutionFailed", reason=late) from None
        write(text)

    def step(ctx: MessageContext) -> Coroutine[Any, Any, None] | None:
        found = get(ctx)
        if found.__class__ is Message:
            if not accepts(found.content_type()):
                return None
            size = len(found.body)
        elif found is None:
            raise policy.fault("SourceUnavailable", source=source)
        elif isinstance(found, str):
            size = len(found)
        else:
            raise policy.fault("InvalidSourceType", **{"class": java_class(found)})
        write = destination(ctx, found)
        if size > LARGE:
            return finish_aside(write, found)
        finish(write, found)
        return None

    return step


def _destination(
    policy: Policy, site: Site, output: str, content_type: str
) -> Callable[[MessageContext, Message | str], Write]:
    """Finds what the result is written to. Raises the faults that say it is not there, or of another type."""

    def write_message(message: Message) -> Write:
        def write(text: str) -> None:
            message.headers.set("Content-Type", content_type)
            message.content = text

        return write

    if not output:

        def in_place(ctx: MessageContext, found: Message | str) -> Write:
            if isinstance(found, str):
                raise policy.fault("OutputVariableIsNotAvailable")
            return write_message(found)

        return in_place
    get, put = site.getter(output), site.setter(output)

    def named(ctx: MessageContext, found: Message | str) -> Write:
        there = get(ctx)
        if isinstance(found, str):
            if there.__class__ is Message:
                raise policy.fault("InCompatibleTypes")
            return lambda text: put(ctx, text)
        if there is None:
            there = Message(found.is_request if output != "response" else False)
            put(ctx, there)
        elif there.__class__ is not Message:
            raise policy.fault("InCompatibleTypes")
        return write_message(there)

    return named
