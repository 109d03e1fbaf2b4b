"""Rhino's dialect: what it is rewritten to, and E4X."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.scripting.javascript.dialect import rewrite
from apiproxy_runtime.scripting.javascript.tokens import bare, tokenize
from tests.scripting.javascript.scripts import ALONE, answer, context, failure_of, run, value_of

RSS = """<?xml version="1.0"?>
<rss xmlns:w="urn:weather" version="2">
  <!-- yesterday's -->
  <channel>
    <title>Rain &amp; wind</title>
    <item id="1"><w:condition temp="54" text="Light Rain"/></item>
    <item id="2"><name>second</name></item>
  </channel>
</rss>"""


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("rss.channel.title", "Rain & wind"),
        ("rss.channel.item.length()", 2),
        ("rss.channel.item[1].@id", "2"),
        ("rss.@version", "2"),
        ("rss['@version']", "2"),
        ("rss..item.@id.toXMLString()", "1\n2"),
        ("rss.channel.item.w::condition.@temp.toXMLString()", "54"),
        ("rss..w::condition.@text", "Light Rain"),
        ("rss.channel.item.(@id == 2).name", "second"),
        ("rss.channel.*.length()", 3),
        ("rss.channel.item[1].name.parent().@id", "2"),
        ("rss.channel.item[1].child('name').text()", "second"),
        ("rss.name().localName", "rss"),
        ("rss.channel.none.length()", 0),
        ("rss.channel.hasComplexContent()", True),
        ("rss.channel.item[1].name.toXMLString()", '<name xmlns:w="urn:weather">second</name>'),
        ("rss.channel.item[1].toXMLString()", '<item xmlns:w="urn:weather" id="2">\n  <name>second</name>\n</item>'),
        ("<a b={1 + 1}>{'<'}<c/></a>.toXMLString()", '<a b="2">\n  &lt;\n  <c/>\n</a>'),
    ],
)  # fmt: skip
async def test_e4x_reads(expression: str, value: Any) -> None:
    ctx = context(response=answer(200, RSS))
    script = f"var w = new Namespace('urn:weather'); var rss = response.content.asXML; context.setVariable('r', '' + ({expression}));"
    await run(script, ctx)
    expected = str(value).lower() if isinstance(value, bool) else str(value)
    assert ctx.variables["r"] == expected


async def test_changes_of_as_xml_are_written_back() -> None:
    ctx = context(body="<a n='1'><b>1</b><b>2</b><c/></a>")
    await run(
        "var x = request.content.asXML; x.b[0] = 'one'; x.@n = 2; delete x.c; x.d = <e/>; x.appendChild('t');",
        ctx,
    )
    assert ctx.request.content == '<a n="2">\n  <b>one</b>\n  <b>2</b>\n  <e/>\n  t\n</a>'


@pytest.mark.parametrize("own_context", [False, True])
@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'/a'.equals('/a')", "true"),
        ("'/a'.equals('/A')", "false"),
        ("'/a'.equalsIgnoreCase('/A')", "true"),
        ("context.getVariable('request.verb').equals('GET')", "true"),
        ("Array.map([1, 2], function (n) { return n * 2; }).join()", "2,4"),
        ("(function () { return Array.slice(arguments, 1).join(); })(1, 2, 3)", "2,3"),
        ("String.replace('a-b', '-', '+')", "a+b"),
        ("String.toUpperCase(7 + 'x')", "7X"),
        ("String.equalsIgnoreCase('a', 'A')", "true"),
    ],
)
async def test_methods_that_only_rhino_has(expression: str, value: str, own_context: bool) -> None:
    ctx = context()
    await run(
        ("Array.own = 1;" if own_context else "") + f"context.setVariable('r', '' + ({expression}));", ctx
    )
    assert ctx.variables["r"] == value


@pytest.mark.parametrize(
    ("matching", "expression", "value"),
    [
        ("/(b+)(c)?/.test('abbd')", "RegExp.$1 + ',' + RegExp.$2 + '.'", "bb,."),
        ("'k=v'.match(/(\\w)=(\\w)/)", "RegExp.$2 + RegExp['$1']", "vk"),
        ("'a1b2'.replace(/\\d/g, '')", "RegExp.lastMatch + RegExp.leftContext", "2a1b"),
        ("/b/.exec('abc')", "RegExp.rightContext + RegExp.input", "cabc"),
        ("/(a)(b)/.exec('ab') && /x/.exec('ab')", "RegExp.lastParen", "b"),
        ("/(b)/.exec('b') && new Date('2020-01-02')", "RegExp.$1", "b"),
        ("1", "RegExp.$1 + '.'", "."),
    ],
)
async def test_what_was_matched_last(matching: str, expression: str, value: str) -> None:
    ctx = context()
    await run(f"{matching}; context.setVariable('r', {expression});", ctx)
    assert ctx.variables["r"] == value


async def test_for_each_gives_values() -> None:
    ctx = context(body="<a><b>1</b><b>2</b></a>")
    await run(
        """
        var all = [], list = ['x', 'y'], object = {k: 'v'}, of;
        for each (var item in list) all.push(item);
        for each (of in object) { all.push(of); }
        for each (var b in request.content.asXML.b) all.push(b.toString());
        context.setVariable('all', all.join());
        """,
        ctx,
    )
    assert ctx.variables["all"] == "x,y,v,1,2"


@pytest.mark.parametrize(
    ("thrown", "result"),
    [("null.x", "type"), ("throw new RangeError('r')", "range r"), ("throw 'text'", "other text")],
)
async def test_conditional_catch_clauses_are_tried_in_order(thrown: str, result: str) -> None:
    ctx = await run(
        f"""
        try {{ {thrown} }}
        catch (e if e instanceof TypeError) {{ context.setVariable('r', 'type'); }}
        catch (r if r instanceof RangeError) {{
          context.setVariable('r', 'range ' + r.message);
        }}
        catch (o) {{ context.setVariable('r', 'other ' + o); }}
        finally {{ context.setVariable('f', 1); }}
        """
    )
    assert ctx.variables == {"r": result, "f": 1}


async def test_what_no_conditional_clause_catches_is_thrown_on() -> None:
    script = "try { throw new Error('on'); } catch (e if e instanceof TypeError) { print(1); }"
    assert (await failure_of(script)).startswith("Error: on.")


async def test_lines_stay_where_they_are() -> None:
    script = "for each (var x in [1]) {\n  var y = <a>\n  </a>;\n}\nmissing;"
    assert await failure_of(script) == 'ReferenceError: "missing" is not defined. (a.js:5)'


async def test_xml_that_is_none_is_an_error_a_script_can_catch() -> None:
    assert "no XML" in await value_of(
        "(function () { try { new XML('<a>'); } catch (e) { return e.message; } })()"
    )


async def test_entities_of_a_document_are_not_read_from_elsewhere() -> None:
    body = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
    ctx = context(body=body)
    assert "root:" not in await value_of(
        "(function () { try { return request.content.asXML.toString(); } catch (e) { return 'refused'; } })()",
        ctx,
    )


@pytest.mark.parametrize(
    "script",
    [
        "a = b / c / d;",
        "if (x) /re[/]g/.test(y);",
        "s = 'for each (a in b)'; // catch (e if f)",
        "t = `a ${b + `c ${d}`} e`;",
        "x = a < b; y = c > d;",
        "f(...args); o = {...p};",
        "o.default.xml; n = 1..toString();",
    ],
)
def test_plain_javascript_is_left_as_it_is(script: str) -> None:
    assert rewrite(script) == script


@given(st.text(alphabet="ab1 .\n'\"`/*\\{}()[]<>@:=;$&!?-+", max_size=80))
def test_tokens_put_together_are_the_script(script: str) -> None:
    assert "".join(token.text for token in tokenize(script)) == script
    assert "".join(token.text for token in tokenize(script, xml=True)) == script


@given(st.text(alphabet="ab1 .\n'\"`/*\\{}()[]<>@:=;catchforeachifin", max_size=80))
def test_rewriting_and_blanking_keep_the_lines(script: str) -> None:
    assert bare(tokenize(script)).count("\n") >= 0
    assert rewrite(script).count("\n") >= script.count("\n")


@pytest.mark.parametrize("prefix", ["", ALONE])
@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2012-10-11", "2012-10-11T00:00:00.000Z"),
        ("2012-10-11T12:13", "2012-10-11T12:13:00.000Z"),
        ("2012-10-11T12:13:14.567+02:00", "2012-10-11T10:13:14.567Z"),
        ("2012-10-11T12:13:14-0130", "2012-10-11T13:43:14.000Z"),
        ("Thu, 11 Oct 2012 12:13:14 GMT", "2012-10-11T12:13:14.000Z"),
        ("Thu Oct 11 12:13:14 +0530 2012", "2012-10-11T06:43:14.000Z"),
        ("Thu Oct 11 2012 12:13:14 GMT-0000 (UTC)", "2012-10-11T12:13:14.000Z"),
        ("10/11/2012 3:04 pm", "2012-10-11T15:04:00.000Z"),
        ("October 11, 2012 12:04 AM PST", "2012-10-11T08:04:00.000Z"),
        ("2012-10-11 12:13:14", None),
        ("2012-02-30", None),
        ("2012-13-01", None),
        ("room 1", None),
        ("1", None),
        ("", None),
    ],
)
async def test_texts_are_dates_where_rhino_takes_them_for_dates(
    text: str, date: str | None, prefix: str
) -> None:
    script = f"""{prefix}
    var time = Date.parse('{text}');
    context.setVariable('same', new Date('{text}').getTime() === time || isNaN(time));
    context.setVariable('date', isNaN(time) ? null : new Date(time).toISOString());
    """
    ctx = await run(script)
    assert ctx.variables["same"] is True
    assert ctx.variables["date"] == date


@pytest.mark.parametrize("prefix", ["", ALONE])
@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("new Date(0)", "Thu Jan 01 1970 00:00:00 GMT-0000 (UTC)"),
        ("new Date(45296000).toLocaleString()", "January 1, 1970 12:34:56 PM UTC"),
        ("new Date(0).toLocaleTimeString()", "12:00:00 AM UTC"),
        ("new Date(5e11).toLocaleDateString()", "November 5, 1985"),
        ("new Date(5e11).toDateString()", "Tue Nov 05 1985"),
        ("new Date(5e11).toTimeString()", "00:53:20 GMT-0000 (UTC)"),
        ("new Date('never')", "Invalid Date"),
        ("Date.UTC(1970, 0, 2) + ',' + new Date(2012, 9).getUTCMonth()", "86400000,9"),
        (
            "typeof Date() + (new Date() instanceof Date) + (new Date().constructor === Date)",
            "stringtruetrue",
        ),
    ],
)
async def test_dates_print_as_in_rhino(expression: str, text: str, prefix: str) -> None:
    ctx = await run(f"{prefix}context.setVariable('r', '' + ({expression}));")
    assert ctx.variables["r"] == text
