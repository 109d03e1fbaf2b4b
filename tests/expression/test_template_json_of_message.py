"""jsonPath over a message's content reads the message; it must answer as over the text."""

import contextlib
import time

import pytest

from apiproxy_runtime.expression.template.compiler import compile_template
from apiproxy_runtime.message import message as messages
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.jsontext import read_members
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.message.variables import getter
from apiproxy_runtime.world import World
from tests.policies.kit import context


def expand(template: str, message: Message | None, *, plain: str | None = None) -> str:
    ctx: MessageContext = context()
    if message is not None:
        ctx.variables["mine"] = message
    if plain is not None:
        ctx.variables["mine.content"] = plain
    return compile_template(template, getter, world=World()).render(ctx)


def message(body: bytes, content_type: str = "application/json") -> Message:
    made = Message.response()
    made.headers.set("Content-Type", content_type)
    made.body = body
    return made


@pytest.mark.parametrize(
    ("path", "body", "found"),
    [
        ("'$.id'", b'{"id":"7"}', "7"),
        ("'$.id'", b'{"id":7.0}', "7.0"),
        ("'$.id'", b'{"id":null}', ""),
        ("'$.ids'", b'{"ids":[1,2]}', "1"),
        ("'$.ids','true'", b'{"ids":[1,2]}', "[1,2]"),
        ("'$.no'", b'{"id":7}', ""),
        ("'$.id'", b"no json", ""),
        ("'$.id'", b"", ""),
    ],
)
def test_a_message_answers_as_its_text(path, body, found):
    first, _, rest = path.partition(",")
    template = f"{{jsonPath({first},mine.content{',' + rest if rest else ''})}}"
    assert expand(template, message(body)) == found
    assert expand(template, None, plain=body.decode()) == found


def test_another_charset_is_read_as_its_text():
    body = '{"name":"Zoë"}'.encode("latin-1")
    assert (
        expand("{jsonPath('$.name',mine.content)}", message(body, "application/json; charset=iso-8859-1"))
        == "Zoë"
    )


def test_the_body_is_parsed_once(monkeypatch):
    read = []
    monkeypatch.setattr(messages, "read_members", lambda body: read.append(body) or read_members(body))
    answer = message(b'{"a":1,"b":2}')
    assert expand("{jsonPath('$.a',mine.content)} {jsonPath('$.b',mine.content)}", answer) == "1 2"
    assert read == [b'{"a":1,"b":2}']


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"a":1,"a":2}', "2"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":[7,8]}', "7"),
        (b'{"a":{"x":1.50}}', '{"x":1.5}'),
        (b'{"b":1e999,"a":"\\u00e9"}', "é"),
        (b"[1]", ""),
        (b'{"a":1', ""),
        (b'{"b":"\xff","a":1}', "1"),
    ],
)
def test_a_path_to_one_member_finds_what_reading_everything_finds(body, found):
    assert expand("{jsonPath('$.a',mine.content)}", message(body)) == found
    whole = message(body)
    with contextlib.suppress(ValueError):
        whole.json()
    assert expand("{jsonPath('$.a',mine.content)}", whole) == found


@pytest.mark.parametrize(
    "template",
    [
        "[{replaceAll(mine.text,'(a|aa)+b','x')}]",
        "[{jsonPath('$[?(@.v =~ /(a|aa)+b/)]',mine.content)}]",
    ],
)
def test_an_expression_that_would_try_for_ever_fails_its_call(template):
    text = "a" * 4000
    ctx = context()
    ctx.variables["mine.text"] = text
    ctx.variables["mine"] = message(f'[{{"v":"{text}"}}]'.encode())
    started = time.monotonic()
    assert compile_template(template, getter, world=World()).render(ctx) == "[]"
    assert time.monotonic() - started < 5
