"""context.getVariable, setVariable and removeVariable, and what values become on their way."""

from __future__ import annotations

from typing import Any

import pytest

from apiproxy_runtime.message.message import Message
from apiproxy_runtime.message.text import text_of
from apiproxy_runtime.scripting.javascript.program import ScriptFailed
from apiproxy_runtime.scripting.javascript.values import ScriptValue
from tests.scripting.javascript.scripts import ALONE, context, program, run, value_of


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'text'", "text"),
        ("1", 1),
        ("3 / 2", 1.5),
        ("4 / 2", 2),
        ("Math.pow(2, 40)", 2**40),
        ("-0.5e300", -0.5e300),
        ("true", True),
        ("null", None),
        ("undefined", None),
        ("new String('boxed')", "boxed"),
        ("'nul \\u0000 and \\ud800'", "nul \0 and �"),
        ("'\\u0001S looks like a mark'", "\x01S looks like a mark"),
        ("'ä€😀'", "ä€😀"),
    ],
)
async def test_a_value_set_by_a_script_keeps_its_type(expression: str, value: Any) -> None:
    result = await value_of(expression)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("value", "expression", "result"),
    [
        ("text", "v + '!'", "text!"),
        ("\x01L[1]", "v.length", 5),
        ("a\0b", "v.length", 3),
        (1_700_000_000_000, "v + 1", 1_700_000_000_001),
        (True, "typeof v", "boolean"),
        (1.5, "v * 2", 3),
        (None, "v === null", True),
        (["a", "b"], "'' + v", "[a, b]"),
        (["a", "b"], "v.size() + v.get(1) + v.length + v[0]", "2b2a"),
        ({"a": [1, 2]}, "v.a[1]", 2),
        ("😀", "v.length", 2),
    ],
)
async def test_a_variable_reads_as_what_it_is(value: Any, expression: str, result: Any) -> None:
    ctx = context(v=value)
    assert (
        await value_of(f"(function (v) {{ return {expression}; }})(context.getVariable('v'))", ctx) == result
    )


async def test_a_variable_that_is_not_set_is_null() -> None:
    assert await value_of("context.getVariable('no.such') === null") is True


async def test_long_text_that_a_script_puts_together_arrives_whole() -> None:
    ctx = await run("var s = ''; for (var i = 0; i < 5000; i++) s += 'abcdef'; context.setVariable('s', s);")
    assert ctx.variables["s"] == "abcdef" * 5000


async def test_an_object_can_be_read_back_by_a_later_script_and_prints_as_text() -> None:
    ctx = await run("context.setVariable('o', {a: [1, {b: 'c'}]});")
    assert isinstance(ctx.variables["o"], ScriptValue)
    assert text_of(ctx.variables["o"]) == "[object Object]"
    assert await value_of("context.getVariable('o').a[1].b", ctx) == "c"


@pytest.mark.parametrize("prefix", ["", ALONE])
async def test_an_object_read_back_by_the_script_that_set_it_is_the_same_object(prefix: str) -> None:
    compiled = program(
        prefix + "var o = {f: function () { return 1; }}; context.setVariable('o', o);"
        "context.setVariable('same', context.getVariable('o') === o);"
    )
    first = await run(compiled)
    assert first.variables["same"] is True
    assert (await run(compiled)).variables["same"] is True


@pytest.mark.parametrize("prefix", ["", ALONE])
@pytest.mark.parametrize(
    ("stored", "used", "result"),
    [
        ("{add: function (a, b) { return a + b; }}", "stored.add(1, 2)", 3),
        ("{text: {shout: function (s) { return s + '!'; }}}", "stored.text.shout('a')", "a!"),
        ("function (n) { return n * 2; }", "stored(4)", 8),
        ("new Date(5)", "stored.getTime()", 5),
        ("(function () { var o = {n: 1}; o.self = o; return o; })()", "stored.self.self.n", 1),
    ],
)
async def test_later_scripts_of_a_transaction_can_call_what_a_script_stored(
    prefix: str, stored: str, used: str, result: object
) -> None:
    first = program(f"{prefix}context.setVariable('stored', {stored}); leaked = 1;")
    second = program(
        f"var stored = context.getVariable('stored'); context.setVariable('result', {used});"
        "context.setVariable('leaked', typeof leaked);"
    )
    for _ in range(2):
        ctx = await run(first)
        assert ctx.variables.get("result") is None
        assert (await run(second, ctx)).variables["result"] == result
        assert prefix or ctx.variables["leaked"] == "undefined"
        assert (await run(second, ctx)).variables["result"] == result
    with pytest.raises(ScriptFailed):
        await run(second)


async def test_a_script_that_changes_built_ins_gets_a_copy_of_what_another_stored() -> None:
    ctx = await run("context.setVariable('o', {a: 1, f: function () {}});")
    await run(
        "String.prototype.shout = function () { return this + '!'; }; context.setVariable('s', 'a'.shout());",
        ctx,
    )
    assert ctx.variables["s"] == "a!"
    assert (
        await value_of("[context.getVariable('o').a, typeof context.getVariable('o').f].join()", ctx)
        == "1,function"
    )


async def test_built_in_variables_are_read_and_written_by_name() -> None:
    ctx = context(headers={"X-Id": "7, 8"}, query="q=a&q=b", verb="POST")
    await run(
        """
        context.setVariable('request.header.x-new', context.getVariable('request.header.x-id'));
        context.setVariable('request.queryparam.q', 'z');
        context.removeVariable('request.header.X-Id');
        context.setVariable('verb', context.getVariable('request.verb'));
        """,
        ctx,
    )
    assert ctx.request.headers.get("X-New") == "7"
    assert ctx.request.headers.get("X-Id") is None
    assert ctx.request.query_string == "q=z"
    assert ctx.variables["verb"] == "POST"


async def test_a_message_variable_is_a_message_object() -> None:
    stored = Message.response(404)
    stored.content = "gone"
    ctx = context(callout=stored)
    assert await value_of("context.getVariable('callout').status.code", ctx) == 404
    assert await value_of("context.getVariable('callout').content", ctx) == "gone"
    await run("context.setVariable('kept', context.getVariable('callout'));", ctx)
    assert ctx.variables["kept"] is stored


async def test_properties_are_text() -> None:
    assert await value_of("typeof properties.n + properties.n", properties={"n": "5"}) == "string5"


async def test_the_flow_is_named() -> None:
    assert await value_of("context.flow") == "PROXY_REQ_FLOW"


class Watching:
    """Collects what an observer is told of a script."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def printed(self, ctx: object, text: str) -> None:
        self.told.append(("printed", text))

    def variable_read(self, name: str, value: Any) -> None:
        self.told.append(("read", name, value))

    def variable_written(self, name: str, value: Any, done: bool) -> None:
        self.told.append(("written", name, value, done))


@pytest.mark.parametrize("prefix", ["", ALONE])
async def test_an_observer_is_told_what_a_script_prints_reads_and_writes(prefix: str) -> None:
    ctx = context(a="1")
    ctx.observer = Watching()
    await run(
        prefix + "print('x', 1, null); context.setVariable('b', context.getVariable('a'));"
        "context.setVariable('client.ip', 'no'); request.headers['X'] = 'y';",
        ctx,
    )
    assert ctx.observer.told == [
        ("printed", "x 1 null"),
        ("read", "a", "1"),
        ("written", "b", "1", True),
        ("written", "client.ip", "no", False),
        ("written", "request.header.X", "y", True),
    ]
