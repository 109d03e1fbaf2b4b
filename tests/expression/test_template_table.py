"""The message templates page and published bundles, row by row: (template, variables, mode, result).

Modes: `ignore` and `strict` are IgnoreUnresolvedVariables true and false, `any` is both. FAULT means that an
unresolved variable is reported; a compiled regular expression must match the whole result.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from apiproxy_runtime.expression.template.compiler import (
    Template,
    TemplateSyntaxError,
    UnresolvedVariable,
    compile_template,
)
from apiproxy_runtime.message.context import Deployment, MessageContext
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.message.variables import getter
from apiproxy_runtime.world import World

FAULT = object()
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

VARIABLES = {
    "user.name": "jdoe",
    "alpha": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "seven": "7",
    "abc_text": "abc",
    "header": "Bearer ABC-9993",
    "regex1": "^Bearer ",
    "rep": "TOKEN: ",
    "t": "1494390266",
    "tms": "1494390266000",
    "f1": "yyyy-MM-dd",
    "f2": "yyyy-MM-dd HH-mm-ss",
    "f3": "yyyyMMddHHmmss",
    "q": '"bread" & "butter"',
    "k": "secret",
    "kh": "736563726574",
    "m": "hello",
    "xml": "<tag><tagid>250397</tagid></tag>",
    "xp": "/tag/tagid",
    "cnt": "count(//tagid)",
    "js": '{"a":"x","n":5,"l":[{"p":"A","o":"M"},{"p":"B","o":"M"}]}',
    "jp": '$.l[?(@.o=="M")].p',
}
SOAP = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>hi</s:Body></s:Envelope>'

ROWS: list[tuple[int, str, dict[str, Any], str, Any]] = [
    (1, "You entered: {user.name}", {}, "any", "You entered: jdoe"),
    (2, "Hi {nobody}.", {}, "ignore", "Hi ."),
    (3, "Hi {nobody}.", {}, "strict", FAULT),
    (4, "id = {request.header.id:Unknown}", {}, "any", "id = Unknown"),
    (5, "id = {request.header.id:Unknown}", {"header id": "7"}, "any", "id = 7"),
    (7, "{protocol:https}://{site:google.com}/path", {}, "any", "https://google.com/path"),
    (8, "{user.name}{user.name}", {}, "any", "jdoejdoe"),
    (9, "{a}.{b}", {"a": "x", "b": "y"}, "any", "x.y"),
    (10, '{ "name" : "{user.name}" }', {}, "any", '{ "name" : "jdoe" }'),
    (11, '{"name":"{user.name}"}', {}, "any", '{"name":"jdoe"}'),
    (12, '{"a":{"b":"{user.name}"}}', {}, "any", '{"a":{"b":"jdoe"}}'),
    (13, "{{user.name}}", {}, "any", "{jdoe}"),
    (14, "{}", {}, "any", "{}"),
    (15, "{3}", {}, "any", "{3}"),
    (16, "{environment.{name}}", {"name": "n"}, "any", "{environment.n}"),
    (17, "{user.name", {}, "any", "{user.name"),
    (18, "}x", {}, "any", "}x"),
    (19, "{ createUuid() }", {}, "any", "{ createUuid() }"),
    (20, "{createUuid( )}", {}, "any", UUID),
    (23, "{toUpperCase(user.name)}", {}, "any", "JDOE"),
    (24, "Hello, {toLowerCase(user.name)}", {}, "any", "Hello, jdoe"),
    (25, "{toLowerCase(foo.bar:FOO)}", {}, "any", "foo"),
    (26, "{md5Hex(abc_text)}", {}, "any", "900150983cd24fb0d6963f7d28e17f72"),
    (27, "{sha1Hex('abc')}", {}, "any", "a9993e364706816aba3e25717850c26c9cd0d89d"),
    (
        28,
        "{sha256Hex('abc')}",
        {},
        "any",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ),
    (
        29,
        "{sha384Hex('abc')}",
        {},
        "any",
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
    ),
    (
        30,
        "{sha512Base64('abc')}",
        {},
        "any",
        "3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==",
    ),
    (31, "{md5Base64(abc_text)}", {}, "any", "kAFQmDzST7DWlj99KOF/cg=="),
    (32, "{sha1Base64('abc')}", {}, "any", "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="),
    (33, "{sha256Base64('abc')}", {}, "any", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
    (34, "{encodeBase64(abc_text)}", {}, "any", "YWJj"),
    (35, "{decodeBase64('aGVsbG8sIHdvcmxk')}", {}, "any", "hello, world"),
    (36, "Hello, {decodeBase64('d29ybGQK')}", {}, "any", "Hello, world\n"),
    (37, "{decodeBase64(v)}", {"v": "-_-_"}, "any", ""),
    (38, "{substring(alpha,22)}", {}, "ignore", "WXYZ"),
    (39, "hello {substring(alpha,22)}", {}, "ignore", "hello WXYZ"),
    (40, "{substring(alpha,-4)}", {}, "ignore", "WXYZ"),
    (41, "{substring(alpha,-8,-4)}", {}, "ignore", "STUV"),
    (42, "{substring(alpha,0,10)}", {}, "ignore", "ABCDEFGHIJ"),
    (43, "{substring(alpha,0,seven)}", {}, "ignore", "ABCDEFG"),
    (44, "{substring(alpha,0,-4)}", {}, "ignore", "ABCDEFGHIJKLMNOPQRSTUV"),
    (45, "{substring(ABCDEFGHIJKLMNOPQRSTUVWXYZ,-4)}", {}, "ignore", "WXYZ"),
    (46, "{substring(alpha,20,99)}", {}, "ignore", "UVWXYZ"),
    (47, "{substring(alpha,10,5)}", {}, "ignore", ""),
    (48, "{replaceAll(header,'9993','')}", {}, "any", "Bearer ABC-"),
    (49, "{replaceAll(header,regex1,'')}", {}, "any", "ABC-9993"),
    (50, "{replaceAll(header,regex1,rep)}", {}, "any", "TOKEN: ABC-9993"),
    (51, "{replaceFirst(v,'[0-9]','X')}", {"v": "a12"}, "any", "aX2"),
    (52, "{replaceAll(v,'[0-9]','X')}", {"v": "a12"}, "any", "aXX"),
    (53, "{replaceFirst(v,rx, '')}", {"v": "https://h/p", "rx": "^https?://"}, "any", "h/p"),
    (54, "{escapeJSON(v)}", {"v": 'a "b"'}, "any", 'a \\"b\\"'),
    (55, "{escapeXML(q)}", {}, "any", "&quot;bread&quot; &amp; &quot;butter&quot;"),
    (56, "{escapeXML(v)}", {"v": "<apple> 'orange'"}, "any", "&lt;apple&gt; &apos;orange&apos;"),
    (57, "{escapeXML11(v)}", {"v": "\x01"}, "any", "&#1;"),
    (58, "{escapeXML11(v)}", {"v": "\x00"}, "any", ""),
    (59, "{encodeHTML(q)}", {}, "any", "&quot;bread&quot; &amp; &quot;butter&quot;"),
    (60, "{timeFormatMs(f1,tms)}", {}, "any", "2017-05-10"),
    (61, "{timeFormatUTC(f1,t)}", {}, "any", "2017-05-10"),
    (62, "{timeFormatUTC(f2,t)}", {}, "any", "2017-05-10 04-24-26"),
    (63, "{timeFormatUTC(f3,t)}", {}, "any", "20170510042426"),
    (64, "{timeFormatUTCMs('yyyyMMdd',tms)}", {}, "any", "20170510"),
    (65, "{timeFormatUTCMs(fmt,tms)}", {"fmt": "yyyy-MM-dd'T'HH:mm'Z'"}, "any", "2017-05-10T04:24Z"),
    (66, "{timeFormatUTC(fmt,v)}", {"fmt": "MMMM d, yyyy", "v": "1531349564"}, "any", "July 11, 2018"),
    (67, "{timeFormatUTCMs(yyyy.MMMM.dd,tms)}", {}, "ignore", "2017.May.10"),
    (68, "{hmacSha256(k,m)}", {}, "any", "iKqz7ejTrflNJquQ07r9SiCDBww7zOnAFO4EpEOEfAs="),
    (
        69,
        "{hmacSha256(k,m,'utf-8','base16')}",
        {},
        "any",
        "88aab3ede8d3adf94d26ab90d3bafd4a2083070c3bcce9c014ee04a443847c0b",
    ),
    (
        70,
        "{hmacSha256(kh,m,'HEX','hex')}",
        {},
        "any",
        "88aab3ede8d3adf94d26ab90d3bafd4a2083070c3bcce9c014ee04a443847c0b",
    ),
    (71, "{hmacSha1(k,m)}", {}, "any", "URIFXAX5RPhXVe/FzYlw4ZTp9Fs="),
    (72, "{hmacMd5(k,m)}", {}, "any", "ut5jhjxh7QsxZYBuzWrO/A=="),
    (73, "{hmacSha224(k,m)}", {}, "any", "o+llaBxy3U1/zyWDod4E9pALkLMLOlyT/lrElw=="),
    (74, "{createUuid()}", {}, "strict", UUID),
    (75, "{randomLong()}", {}, "any", re.compile(r"-?\d{1,19}")),
    (76, "{randomLong(0,1000)}", {}, "ignore", re.compile(r"\d{1,3}|1000")),
    (77, "{randomLong(10,1000)}", {}, "strict", FAULT),
    (78, "{randomLong(plus10)}", {"plus10": "10"}, "strict", re.compile(r"[1-9]\d+")),
    (79, "{xeger('[1-9]{7}')}", {}, "any", re.compile(r"[1-9]{7}")),
    (80, "ORG-{xeger('[0-9]{3}')}", {}, "any", re.compile(r"ORG-\d{3}")),
    (81, "{firstnonnull(v1,v2)}", {"v2": "foo"}, "any", "foo"),
    (82, "{firstnonnull(v1,v2)}", {"v1": "foo", "v2": "bar"}, "any", "foo"),
    (83, "{firstnonnull(v1,v2,v3)}", {"v3": "baz"}, "any", "baz"),
    (84, "{firstnonnull(v1,v2)}", {"v1": "", "v2": "bar"}, "any", ""),
    (85, "{firstnonnull(v1,'none')}", {}, "any", "none"),
    (86, "{firstnonnull(v1)}", {}, "ignore", ""),
    (87, "{xpath(xp,xml)}", {}, "any", "<tagid>250397</tagid>"),
    (88, "{xpath(xp,xml,'string')}", {}, "any", "250397"),
    (89, "{xpath(cnt,xml,'number')}", {}, "any", "1"),
    (90, "{xpath(xp,xml,'bogus')}", {}, "any", "<tagid>250397</tagid>"),
    (
        91,
        "{xpath(e,x,ns)}",
        {
            "e": "/soap:Envelope/soap:Body/text()",
            "x": SOAP,
            "ns": "soap:http://schemas.xmlsoap.org/soap/envelope/",
        },
        "any",
        "hi",
    ),
    (92, "{xpath(xp2,xml)}", {"xp2": "/none"}, "any", ""),
    (93, "{jsonPath('$.a',js)}", {}, "any", "x"),
    (94, "{jsonPath('$.n',js)}", {}, "any", "5"),
    (95, "{jsonPath(jp,js)}", {}, "any", "A"),
    (96, "{jsonPath(jp,js,true)}", {}, "any", '["A","B"]'),
    (96, "{jsonPath(jp,js,'true')}", {}, "any", '["A","B"]'),
    (97, "{jsonPath('$.a',js,true)}", {}, "any", "x"),
    (98, "{jsonPath('$.zzz',js)}", {}, "any", ""),
    (99, "{jsonPath('$.a',js,false)}", {}, "any", "x"),
    (100, "{toLowerCase(timeFormatUTCMs(f1,tms))}", {}, "strict", FAULT),
    (101, "{substring( alpha, 0, 4 )}", {}, "ignore", "ABCD"),
    (102, "{timeFormatUTCMs('HH:mm:ss',tms)}", {}, "any", "04:24:26"),
    (103, "{system.timestamp}", {}, "any", re.compile(r"\d{13}")),
    (
        104,
        "{request.header.cache-control}",
        {"header cache-control": "public, maxage=16544"},
        "any",
        "public",
    ),
    (
        105,
        "{request.header.cache-control.values.string}",
        {"header cache-control": "public, maxage=16544"},
        "any",
        "public, maxage=16544",
    ),
    (106, "{firstnonnull(request.queryparam.aud,defaultAud)}", {"defaultAud": "d"}, "any", "d"),
    (107, "{messageid}|||{apiproxy.name}", {}, "any", re.compile(r".+\|\|\|orders")),
]


def context(variables: dict[str, Any]) -> MessageContext:
    request = Message.request("GET", "/x")
    ctx = MessageContext(request, Deployment(proxy="orders"))
    for name, value in variables.items():
        if name.startswith("header "):
            request.headers.set(name.removeprefix("header "), value)
        else:
            ctx.variables[name] = value
    return ctx


def compiled(text: str, **options: Any) -> Template:
    return compile_template(text, getter, world=World(), **options)


def outcome(template: Template, ctx: MessageContext, mode: str) -> Any:
    try:
        return (template.strict if mode == "strict" else template.render)(ctx)
    except UnresolvedVariable:
        return FAULT


CASES = [
    pytest.param(text, variables, each, expected, id=f"{number}-{each}")
    for number, text, variables, mode, expected in ROWS
    for each in (("ignore", "strict") if mode == "any" else (mode,))
]


@pytest.mark.parametrize(("text", "variables", "mode", "expected"), CASES)
def test_row(text: str, variables: dict[str, Any], mode: str, expected: Any) -> None:
    result = outcome(compiled(text), context(VARIABLES | variables), mode)
    if isinstance(expected, re.Pattern):
        assert expected.fullmatch(result)
    else:
        assert result == expected


@pytest.mark.parametrize("mode", ["ignore", "strict"])
def test_row_6_quotes_around_a_header_are_not_part_of_it(mode: str) -> None:
    assert outcome(compiled('"Hello {user.name}"', quotes=True), context(VARIABLES), mode) == "Hello jdoe"
    assert outcome(compiled('"Hello {user.name}"'), context(VARIABLES), mode) == '"Hello jdoe"'


def test_row_21_unknown_function_stops_the_deployment() -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        compiled("ab{notARealfunction()}")
    assert caught.value.name == "entities.UnknownStringFunction"
    assert caught.value.offset == 2
    assert "notARealfunction" in str(caught.value)


@pytest.mark.parametrize("mode", ["ignore", "strict"])
def test_row_22_old_delimiters_replace_the_braces(mode: str) -> None:
    template = compiled('{"u":"@user.name#", "b":"{user.name}"}', prefix="@", suffix="#")
    assert outcome(template, context(VARIABLES), mode) == '{"u":"jdoe", "b":"{user.name}"}'


#: rows that the linter refuses although they deploy
@pytest.mark.parametrize(
    ("text", "offset", "about"),
    [
        ("{}", 0, "nothing"),
        ("x{3}", 1, "begins with a letter"),
        ("{environment.{name}}", 0, "inside a reference"),
        ("ab{user.name", 2, "never closed"),
        ("{createUuid( )}", 12, "between the parentheses"),
        ("{createUuid() }", 0, "must follow"),
        ("{a[]}", 0, "variable's name"),
        ("{timeFormatUTCMs()}", 0, "2 arguments"),
        ("{jsonPath('$.quota.[*].appname,jsondata)}", 0, "quote is never closed"),
        ("{toLowerCase(timeFormatUTCMs(f1,tms))}", 13, "nested"),
        ("{timeFormatUTCMs('HH:mm:ss',tms)}", 17, "colon"),
        ("{randomLong(10,1000)}", 12, "looked up as a variable"),
        ("{replaceAll(a,'(',b)}", 14, "regular expression"),
        ("{timeFormat('bogus',t)}", 12, "letter of date formats"),
        ("{jsonPath('$.a[',b)}", 10, "closed"),
        ("{user name}", 0, "variable's name"),
        ("x{return y;}", 1, "variable's name"),
    ],
)
def test_oddity_is_a_warning_with_its_place(text: str, offset: int, about: str) -> None:
    warnings = compiled(text).warnings
    assert [warning.offset for warning in warnings][:1] == [offset]
    assert about in warnings[0].message


@pytest.mark.parametrize(
    "text",
    [
        "{a}",
        "{{a}}",
        "}a",
        "}a{",
        "{a}.{b}",
        '{ "a": "{b}" }',
        "{createUuid()}",
        "{ createUuid() }",
        "{a:b c}",
        "{jsonPath('$.quota.[*].appname',jsondata)}",
        "{xeger('[0-9]{3}')}",
        '{"a":{"b":1}}',
        "",
    ],
)
def test_ordinary_templates_have_no_warnings(text: str) -> None:
    assert compiled(text).warnings == ()
