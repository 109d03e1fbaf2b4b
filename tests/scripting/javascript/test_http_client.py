"""httpClient: calls, waiting, callbacks, and exchanges kept in the session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from apiproxy_runtime.message.message import Message
from apiproxy_runtime.scripting.javascript.program import ScriptFailed, ScriptTimedOut
from tests.scripting.javascript.scripts import ALONE, Network, answer, context, program, run


@pytest.mark.parametrize("prefix", ["", ALONE])
async def test_a_script_waits_for_an_answer(prefix: str) -> None:
    network = Network(lambda verb, url: answer(201, '{"a":[5]}', X_A="b"), seconds=0.01)
    ctx = await run(
        prefix
        + """
        var exchange = httpClient.get('http://api.example/x?y=1');
        context.setVariable('before', exchange.isComplete());
        exchange.waitForComplete();
        var r = exchange.getResponse();
        context.setVariable('after', [exchange.isComplete(), exchange.isSuccess(), exchange.isError()].join());
        context.setVariable('got', [r.status, r.content.asJSON.a[0], r.headers['x-a'], exchange.getError()].join());
        """,
        send=network.send,
    )
    assert ctx.variables == {"before": False, "after": "true,true,false", "got": "201,5,b,"}
    assert network.requests == [("GET", "http://api.example/x?y=1", {}, b"")]


async def test_a_request_has_verb_headers_and_body() -> None:
    network = Network(lambda verb, url: answer())
    ctx = context(headers={"X-Id": "7", "Host": "proxy", "Content-Length": "3"})
    await run(
        """
        var r = new Request('http://api.example/a', 'POST', {'X-A': 'b', 'X-L': ['1', '2']}, 'body ä');
        httpClient.send(r).waitForComplete();
        var s = new Request(); s.url = 'http://api.example/b'; s.method = 'PUT'; s.headers = request.headers;
        httpClient.send(s).waitForComplete();
        """,
        ctx,
        send=network.send,
    )
    assert network.requests == [
        ("POST", "http://api.example/a", {"X-A": "b", "X-L": "2"}, "body ä".encode()),
        ("PUT", "http://api.example/b", {"X-Id": "7"}, b""),
    ]


async def test_any_status_is_success_and_no_answer_is_an_error() -> None:
    def respond(verb: str, url: str) -> Message | Exception:
        return ConnectionError("nobody there") if "down" in url else answer(500)

    ctx = await run(
        """
        var a = httpClient.get('http://up.example'), b = httpClient.get('http://down.example');
        var c = httpClient.get('nonsense');
        a.waitForComplete(); b.waitForComplete(); c.waitForComplete();
        context.setVariable('a', a.isSuccess() + ' ' + a.getResponse().status);
        context.setVariable('b', [b.isSuccess(), b.isError(), b.getError(), b.getResponse()].join());
        context.setVariable('c', c.isError() + c.getError());
        """,
        send=Network(respond).send,
    )
    assert ctx.variables["a"] == "true 500"
    assert ctx.variables["b"] == "false,true,nobody there,"
    assert "nonsense" in ctx.variables["c"]


@pytest.mark.parametrize("prefix", ["", ALONE])
async def test_callbacks_run_after_the_script_in_the_order_of_the_answers(prefix: str) -> None:
    class Slow(Network):
        async def send(self, ctx: Any, request: Message, url: str) -> Message:
            self.seconds = 0.03 if "slow" in url else 0.0
            return await super().send(ctx, request, url)

    def respond(verb: str, url: str) -> Message | Exception:
        return ConnectionError("down") if "down" in url else answer(200, url)

    ctx = await run(
        prefix
        + """
        var log = [];
        function done(response, error) {
          log.push(error ? 'error ' + error : response.content);
          context.setVariable('log', log.join());
        }
        httpClient.get('http://slow.example/', done);
        httpClient.get('http://quick.example/', done);
        httpClient.send(new Request('http://down.example/'), done);
        log.push('script');
        """,
        send=Slow(respond).send,
    )
    assert ctx.variables["log"].startswith("script,")
    assert ctx.variables["log"].endswith("http://slow.example/")
    assert "error down" in ctx.variables["log"]


async def test_an_error_in_a_callback_fails_the_policy() -> None:
    script = "httpClient.get('http://a.example',\n function (r) { throw new Error('in callback'); });"
    with pytest.raises(ScriptFailed, match=r"Error: in callback\. \(a\.js:2\)"):
        await run(script, send=Network(lambda verb, url: answer()).send)


async def test_a_callback_may_wait_and_call_again() -> None:
    ctx = await run(
        """
        httpClient.get('http://a.example', function (r) {
          var e = httpClient.get('http://b.example');
          e.waitForComplete();
          httpClient.get('http://c.example', function (last) { context.setVariable('all', r.content + e.getResponse().content + last.content); });
        });
        """,
        send=Network(lambda verb, url: answer(200, url[7]), seconds=0.001).send,
    )
    assert ctx.variables["all"] == "abc"


async def test_waiting_does_not_count_as_the_scripts_time_and_holds_nobody_up() -> None:
    network = Network(lambda verb, url: answer(), seconds=0.05)
    compiled = program(
        "var e = httpClient.get('http://a.example'); e.waitForComplete(); e.getResponse().status.code;"
        "for (var i = 0; i < 1000; i++); context.setVariable('ok', 1);",
        time_limit_ms=20,
        send=network.send,
    )
    started = time.monotonic()
    contexts = await asyncio.gather(*(run(compiled) for _ in range(20)))
    assert [ctx.variables for ctx in contexts] == [{"ok": 1}] * 20
    assert time.monotonic() - started < 0.05 * 10


async def test_the_time_limit_holds_after_a_wait() -> None:
    script = "httpClient.get('http://a.example').waitForComplete(); while (true);"
    with pytest.raises(ScriptTimedOut):
        await run(script, send=Network(lambda verb, url: answer()).send, time_limit_ms=50)


async def test_a_wait_may_have_an_end_of_its_own() -> None:
    spawned: list[Coroutine[Any, Any, Any]] = []
    ctx = await run(
        "var e = httpClient.get('http://a.example'); e.waitForComplete(10);"
        "context.setVariable('done', e.isComplete() + '' + e.isSuccess() + e.getResponse());",
        send=Network(lambda verb, url: answer(), seconds=0.1).send,
        spawn=spawned.append,
    )
    assert ctx.variables["done"] == "falsefalseundefined"
    assert len(spawned) == 1
    await spawned[0]


@pytest.mark.parametrize("prefix", ["", ALONE])
async def test_a_cancelled_transaction_ends_a_script_that_waits(prefix: str) -> None:
    script = prefix + (
        "while (true) { try { httpClient.get('http://a.example').waitForComplete(); } catch (e) {}"
        "context.setVariable('n', (context.getVariable('n') || 0) + 1); }"
    )
    ctx = context()
    compiled = program(script, send=Network(lambda verb, url: answer(), seconds=30).send)
    task = asyncio.ensure_future(run(compiled, ctx))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 2)
    assert "n" not in ctx.variables


async def test_exchanges_and_objects_pass_through_the_session_from_policy_to_policy() -> None:
    network = Network(lambda verb, url: answer(200, '{"t":20}'), seconds=0.01)
    spawned: list[Coroutine[Any, Any, Any]] = []
    first = program(
        "var secret = 1; loose = 2; context.session['call'] = httpClient.get('http://a.example');"
        "context.session.shared = {f: function (n) { return n + 1; }};",
        send=network.send,
        spawn=spawned.append,
    )
    second = program(
        """
        var e = context.session['call'];
        e.waitForComplete();
        context.setVariable('t', e.getResponse().content.asJSON.t);
        context.setVariable('f', context.session.shared.f(1) + typeof secret + typeof loose);
        """,
        send=network.send,
    )
    ctx = context()
    await run(first, ctx)
    await run(second, ctx)
    await spawned[0]
    assert ctx.variables == {"t": 20, "f": "2undefinedundefined"}
    other = await run("context.setVariable('s', typeof context.session.shared);")
    assert other.variables["s"] == "undefined"


async def test_an_exchange_passes_through_a_flow_variable_to_a_later_policy() -> None:
    network = Network(lambda verb, url: answer(200, "late"), seconds=0.01)
    spawned: list[Coroutine[Any, Any, Any]] = []
    ctx = await run(
        "context.setVariable('call', httpClient.get('http://a.example'));",
        send=network.send,
        spawn=spawned.append,
    )
    await run(
        "var call = context.getVariable('call'); call.waitForComplete();"
        "context.setVariable('text', '' + call.getResponse().content);",
        ctx,
        send=network.send,
    )
    await spawned[0]
    assert ctx.variables["text"] == "late"
