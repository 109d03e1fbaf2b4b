"""Runs scripts on contexts, for the tests of the JavaScript host."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from apiproxy_runtime.message.context import Deployment, MessageContext
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.scripting.javascript.program import (
    JavaScriptProgram,
    Script,
    ScriptFailed,
    compile_script,
)
from apiproxy_runtime.world import World

#: Written into a script, it makes the script run in a context of its own.
ALONE = "eval('0');"


def program(*texts: str, **options: Any) -> JavaScriptProgram:
    """Scripts `a.js`, `b.js`, … compiled as one program."""
    options = {"properties": {}, "time_limit_ms": 200, "policy": "JS-Test", **options}
    scripts = [Script(f"{chr(97 + index)}.js", text) for index, text in enumerate(texts)]
    return compile_script(scripts, **options)


def context(
    *,
    verb: str = "GET",
    query: str = "",
    headers: Mapping[str, str] | None = None,
    body: str | bytes = b"",
    response: Message | None = None,
    world: World | None = None,
    **variables: Any,
) -> MessageContext:
    request = Message.request(verb, "/path", query)
    for name, value in (headers or {}).items():
        request.headers.add(name, value)
    request.body = body.encode() if isinstance(body, str) else body
    ctx = MessageContext(request, Deployment(world=world or World()), variables=dict(variables))
    ctx.response, ctx.in_response = response, response is not None
    return ctx


async def run(
    script: str | JavaScriptProgram, ctx: MessageContext | None = None, **options: Any
) -> MessageContext:
    """Run a script, waiting if it waits; its context."""
    ctx = ctx if ctx is not None else context()
    compiled = program(script, **options) if isinstance(script, str) else script
    waiting = compiled.run(ctx)
    if inspect.isawaitable(waiting):
        await waiting
    return ctx


async def value_of(expression: str, ctx: MessageContext | None = None, **options: Any) -> Any:
    """What an expression is, as a flow variable shows it."""
    ctx = await run(f"context.setVariable('result', {expression});", ctx, **options)
    return ctx.variables["result"]


async def failure_of(script: str | JavaScriptProgram, ctx: MessageContext | None = None) -> str:
    with pytest.raises(ScriptFailed) as caught:
        await run(script, ctx)
    return caught.value.text


class Network:
    """Answers calls with what `answer` makes of verb and URL, after `seconds`; remembers the requests."""

    def __init__(self, answer: Callable[[str, str], Message | Exception], seconds: float = 0.0) -> None:
        self.answer = answer
        self.seconds = seconds
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []

    async def send(self, ctx: MessageContext, request: Message, url: str) -> Message:
        self.requests.append((request.verb, url, dict(request.headers), request.body))
        await asyncio.sleep(self.seconds)
        answer = self.answer(request.verb, url)
        if isinstance(answer, Exception):
            raise answer
        return answer


def answer(status: int = 200, body: str = "", **headers: str) -> Message:
    message = Message.response(status)
    for name, value in headers.items():
        message.headers.add(name.replace("_", "-"), value)
    message.content = body
    return message
