"""Nothing passes from one request to the next, and scripts in a shared context see what others see."""

from __future__ import annotations

import pytest

from tests.scripting.javascript.scripts import ALONE, context, failure_of, program, run


async def twice(script: str) -> tuple[object, object, bool]:
    """`result` after a first and a second run of the same program, and whether they shared a context."""
    compiled = program(script)
    first, second = await run(compiled), await run(compiled)
    return first.variables.get("result"), second.variables.get("result"), compiled.shareable


@pytest.mark.parametrize(
    "script",
    [
        "leaked = typeof leaked; context.setVariable('result', leaked);",
        "var seen = typeof this.kept; this.kept = 1; context.setVariable('result', seen);",
        "(function (root) { root.lib = root.lib ? 'again' : 'undefined'; })(this); context.setVariable('result', lib);",
        "var f = function () { return this; }; var g = f(); context.setVariable('result', typeof g.kept); g.kept = 1;",
        "var k = 'proto' + 'type'; var p = Array[k]; context.setVariable('result', typeof p.kept); p.kept = 1;",
        "var p = [].constructor; context.setVariable('result', typeof p.kept); p.kept = 1;",
        "var p = ''.constructor[['prototype'][0]]; context.setVariable('result', typeof ''.kept); p.kept = 1;",
        "Array.prototype.kept2 = Array.prototype.kept2 ? 'again' : undefined; context.setVariable('result', typeof [].kept2);",
        "context.setVariable('result', typeof context.kept); context.kept = 1;",
        "context.setVariable('result', typeof properties.kept); properties.kept = 1;",
        "context.setVariable('result', typeof request.kept); request.kept = 1; Object.getPrototypeOf(request).kept = 1;",
        "context.setVariable('result', typeof crypto.kept); crypto.kept = 1; Object.getPrototypeOf(crypto).kept = 1;",
        "context.setVariable('result', typeof print.kept); print.kept = 1;",
        "context.setVariable('result', typeof Math.kept); var m = Math; m.kept = 1;",
        "var h = request.headers; context.setVariable('result', typeof h.kept);"
        "Object.getPrototypeOf(h).kept = 1;",
        "var x = new XML('<a/>'); context.setVariable('result', XML.prettyIndent == 2 ? 'undefined' : 'kept');"
        "XML.prettyIndent = 4; XML.kept = 1;",
        "var e = new Error('x'); context.setVariable('result', typeof e.kept); e.constructor.prepareStackTrace = 1;"
        "Object.getPrototypeOf(e).kept = 1;",
        "var s = Symbol.for('kept'); context.setVariable('result', typeof this[s]); this[s] = 1;",
        "context.setVariable('result', typeof late); Promise.resolve().then(function () { late = 1; });",
    ],
)  # fmt: skip
async def test_a_run_leaves_nothing_to_the_next(script: str) -> None:
    first, second, _ = await twice(script)
    assert (first, second) == ("undefined", "undefined")


async def test_most_scripts_share_a_context() -> None:
    script = """
    var data = JSON.parse('{"a":[1,2]}');
    function sum(list) { return list.reduce(function (a, b) { return a + b; }, 0); }
    function Shape(n) { this.n = n; }
    Shape.prototype.area = function () { return this.n * this.n; };
    Shape.prototype.toString = function () { return 'shape ' + this.n; };
    var e = new Error('a'); e.message = 'b'; e.name = 'Mine';
    var o = {}; o.toString = function () { return 'o'; }; o.constructor = 1; o.hasOwnProperty = 2;
    context.setVariable('result', [sum(data.a), new Shape(3).area(), '' + new Shape(1), e + '', o + o.constructor].join());
    """
    first, second, shared = await twice(script)
    assert shared
    assert first == second == "3,9,shape 1,Mine: b,o1"


@pytest.mark.parametrize(
    "script",
    [
        "eval('1')",
        "String.prototype.shout = function () {};",
        "if (!Array.prototype.last) { Array.prototype.last = function () {}; }",
        "Object.defineProperty(Array.prototype, 'x', {value: 1});",
        "JSON = {};",
        "Math.max = null;",
        "var l = []; l.push = function () {};",
        "var self = this; self.x = 1;",
        "var found = 1; print(this.found);",
        "a.__proto__ = b;",
        "new Function('return 1')();",
    ],
)
def test_scripts_that_need_a_context_of_their_own_are_told_apart(script: str) -> None:
    assert not program(script).shareable


async def test_a_script_may_change_the_built_ins_of_its_own_context() -> None:
    script = "String.prototype.shout = function () { return this.toUpperCase(); }; context.setVariable('result', 'a'.shout());"
    assert await twice(script) == ("A", "A", False)


@pytest.mark.parametrize("prefix", ["", ALONE])
async def test_a_strict_script_can_get_the_global_object(prefix: str) -> None:
    script = (
        prefix + "var t = (function () { return this; }).call(null); context.setVariable('a', typeof t.JSON);"
    )
    assert (await run("'use strict';" + script)).variables["a"] == "object"
    inner = "(function () { \"use strict\"; context.setVariable('a', typeof (function () { return this; })().JSON); })();"
    assert (await run(prefix + inner)).variables["a"] == "object"


async def test_included_scripts_share_their_names_with_the_main_script() -> None:
    compiled = program(
        "var base = 2; const factor = 3; function twice(n) { return n * base; }",
        "'use strict'; var own = 1; (function (root) { root.attached = 'lib'; })(this || {});",
        "context.setVariable('result', twice(factor) + own);",
    )
    assert (await run(compiled)).variables["result"] == 7
    assert (await run(compiled)).variables["result"] == 7


async def test_a_failed_run_does_not_spoil_the_next() -> None:
    compiled = program(
        "leak = 1; if (context.getVariable('fail')) throw new Error('no'); context.setVariable('ok', typeof x);"
    )
    assert "no" in await failure_of(compiled, context(fail=True))
    assert (await run(compiled)).variables["ok"] == "undefined"


@pytest.mark.parametrize(
    "name",
    [
        "console",
        "java",
        "Packages",
        "atob",
        "btoa",
        "performance",
        "queueMicrotask",
        "WeakRef",
        "setTimeout",
        "require",
    ],
)
@pytest.mark.parametrize("prefix", ["", ALONE])
async def test_globals_that_rhino_does_not_have_are_not_there(name: str, prefix: str) -> None:
    assert (await run(f"{prefix}context.setVariable('t', typeof {name});")).variables["t"] == "undefined"


@pytest.mark.parametrize("script", ["context.session.n = 1;", "context.setVariable('f', function () {});"])
async def test_the_context_of_a_transaction_ends_with_it(script: str) -> None:
    ctx = await run(script)
    assert ctx.session is not None
    realm = ctx.session["javascript"].realm
    assert realm.engine is not None
    del ctx
    assert not hasattr(realm, "engine")
