"""What scripts throw, in Rhino's words, and where."""

from __future__ import annotations

import time

import pytest

from apiproxy_runtime.scripting.javascript.program import ScriptError, ScriptFailed, ScriptTimedOut
from tests.scripting.javascript.scripts import ALONE, context, failure_of, program, run, value_of


@pytest.mark.parametrize("prefix", ["", ALONE])
@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("var a = null;\na.b;", 'TypeError: Cannot read property "b" from null. (a.js:2)'),
        ("var a = {};\n\na.b.c;", 'TypeError: Cannot read property "c" from undefined. (a.js:3)'),
        ("var a;\na.b();", 'TypeError: Cannot call method "b" of undefined. (a.js:2)'),
        ("var a;\na.b = 1;", 'TypeError: Cannot set property "b" of undefined to "1". (a.js:2)'),
        (
            "var a = {};\na.b['x-c'] = 'd';",
            'TypeError: Cannot set property "x-c" of undefined to "d". (a.js:2)',
        ),
        ("var a, d;\na.b = d;", 'TypeError: Cannot set property "b" of undefined. (a.js:2)'),
        ("price * 2", 'ReferenceError: "price" is not defined. (a.js:1)'),
        (
            "var n = 100;\nn.toUpperCase();",
            "TypeError: Cannot find function toUpperCase in object 100. (a.js:2)",
        ),
        ("var o = {};\no.f(1);", "TypeError: Cannot find function f in object [object Object]. (a.js:2)"),
        (
            "var o = {};\no.f(function (x) { return x; });",
            "TypeError: Cannot find function f in object [object Object]. (a.js:2)",
        ),
        ("var o = {};\no.f(o.g);", "TypeError: Cannot find function f in object [object Object]. (a.js:2)"),
        ("'abc'.f(1);", "TypeError: Cannot find function f in object abc. (a.js:1)"),
        (
            "JSON.parse('{}').map(1);",
            "TypeError: Cannot find function map in object [object Object]. (a.js:1)",
        ),
        ("var f;\nf(function () {});", "TypeError: f is not a function, it is undefined. (a.js:2)"),
        ("var f;\nf();", "TypeError: f is not a function, it is undefined. (a.js:2)"),
        ("JSON.parse('<a/>');", "SyntaxError: Unexpected token: <. (a.js:1)"),
        ("JSON.parse('');", "SyntaxError: Empty JSON string. (a.js:1)"),
        ("new Date('x').toISOString();", "RangeError: Date is invalid. (a.js:1)"),
        ("(12.5).toPrecision(400);", "RangeError: Precision 400 out of range. (a.js:1)"),
        ("decodeURIComponent('75%-Completed');", "URIError: Malformed URI sequence. (a.js:1)"),
        ("throw new Error('mine');", "Error: mine. (a.js:1)"),
        ("function f() {\n  throw new TypeError('deep');\n}\nf();", "TypeError: deep. (a.js:2)"),
        ("\nthrow 'text';", "text. (a.js:2)"),
        ("throw {a: 1};", "[object Object]. (a.js:1)"),
    ],
)
async def test_an_uncaught_error_reads_as_rhinos(prefix: str, script: str, text: str) -> None:
    assert await failure_of(prefix + script) == text


@pytest.mark.parametrize("prefix", ["", ALONE])
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "Empty JSON string"),
        ("no", "Unexpected token: n"),
        ("{a: 1}", "Unexpected token in object literal"),
        ('{"a": 1,}', "Unexpected comma in object literal"),
        ('{"a": 1 "b": 2}', "Missing comma in object literal"),
        ('{"a" 1}', "Expected : found 1"),
        ('{"a"', "Expected : but reached end of stream"),
        ('{"a": 1', "Unterminated object literal"),
        ("[1,]", "Unexpected comma in array literal"),
        ("[1 2]", "Missing comma in array literal"),
        ("[1", "Unterminated array literal"),
        ('"a', "Unterminated string literal"),
        ('"a\tb"', "String contains control character"),
        ('"\\x"', "Unexpected character in string: '\\x'"),
        ('"\\u12zz34"', "Invalid character code: 12zz"),
        ('"\\u12"', 'Invalid character code: \\u12"'),
        ("-x", "Unsupported number format: -x"),
        ("1.", "Unsupported number format: 1."),
        ("1e+", "Unsupported number format: 1e+"),
        ('{"a": [01]}', "Missing comma in array literal"),
        ('{"a": 1}}', "Expected end of stream at char 8"),
    ],
)
async def test_a_text_that_is_no_json_is_told_in_rhinos_words(prefix: str, text: str, fault: str) -> None:
    ctx = context(text=text)
    assert await failure_of(prefix + "JSON.parse(context.getVariable('text'));", ctx) == (
        f"SyntaxError: {fault}. (a.js:1)" if not fault.endswith(".") else f"SyntaxError: {fault} (a.js:1)"
    )


async def test_what_a_reviver_throws_is_left_alone() -> None:
    script = "JSON.parse('[1]', function () { throw new SyntaxError('mine'); })"
    assert await failure_of(script) == "SyntaxError: mine. (a.js:1)"


async def test_scripts_see_rhinos_words_too() -> None:
    script = "(function () { try { null.x } catch (e) { return e.message + e.lineNumber + e.fileName; } })()"
    assert await value_of(script) == 'Cannot read property "x" from null1a.js'


async def test_an_error_names_the_included_file_it_came_from() -> None:
    compiled = program("function check() {\n  missing();\n}", "// main\ncheck();")
    assert await failure_of(compiled) == 'ReferenceError: "missing" is not defined. (a.js:2)'
    assert (
        await failure_of(program("var a = 1;\n", "\nnone;"))
        == 'ReferenceError: "none" is not defined. (b.js:2)'
    )


async def test_what_was_set_before_an_error_stays() -> None:
    ctx = context()
    with pytest.raises(ScriptFailed):
        await run("context.setVariable('a', 1); throw 1;", ctx)
    assert ctx.variables == {"a": 1}


@pytest.mark.parametrize(
    ("script", "line", "column"),
    [
        ("var x = 1;\n  foo bar;", 2, 7),
        ("var s = 'abc;\n", 1, 9),
        ("if (true) {\n", 2, 1),
        ("return 1;", 1, 1),
    ],
)
async def test_a_syntax_error_is_told_with_its_place(script: str, line: int, column: int) -> None:
    with pytest.raises(ScriptError) as caught:
        program(script)
    assert (caught.value.file, caught.value.line, caught.value.column) == ("a.js", line, column)
    assert "SyntaxError" in caught.value.message


async def test_a_nul_in_a_script_is_told() -> None:
    with pytest.raises(ScriptError, match="NUL"):
        program("var a;\nvar b = '\0';")


async def test_code_that_closes_the_function_around_it_is_refused() -> None:
    with pytest.raises(ScriptError):
        program("}); (function () {")


@pytest.mark.parametrize("prefix", ["", ALONE])
@pytest.mark.parametrize(
    "endless",
    [
        "while (true);",
        "while (true) { try { while (true) context.getVariable('a'); } catch (e) {} finally { continue; } }",
        "/^(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab');",
        "var a = []; for (var i = 0; i < 3e5; i++) a.push(Math.random()); while (true) a.slice().sort();",
        "Promise.resolve().then(function () { while (true); });",
        "Array.from((function* () { while (true) yield 1; })());",
        "var s = 'a,'.repeat(1e5); while (true) s.split(',').join(';');",
        "var s = JSON.stringify(new Array(1e5)); while (true) JSON.parse(s);",
    ],
)
async def test_an_endless_script_is_stopped(prefix: str, endless: str) -> None:
    started = time.process_time()
    with pytest.raises((ScriptTimedOut, ScriptFailed)):
        await run(prefix + endless, time_limit_ms=60)
    assert time.process_time() - started < 1.5


async def test_a_script_that_takes_too_much_memory_fails() -> None:
    greedy = program(
        "var a = []; while (true) a.push(new Array(1e6).join('x') + a.length);", time_limit_ms=5000
    )
    assert "out of memory" in await failure_of(greedy)


async def test_a_script_that_recurses_without_end_fails() -> None:
    assert "RangeError" in await failure_of("function f() { return f() + 1; }\nf();")
