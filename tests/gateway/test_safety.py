"""Requests that mean harm, one of each kind, while others want to be served: those are not held up.

A real server in a process of its own, so that what blocks it blocks nothing here.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator

import aiohttp
import pytest

from tests.house import proxy, show, steps, write_bundle

#: Seconds that a script, a stylesheet or an expression may take in this bundle's policies, at most.
LIMIT = 1.0
#: Seconds that any other request may wait in the meantime, at most: a document of ten megabytes is read in one go.
PATIENCE = 1.5

LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]><l>&a9;</l>"
)
ENDLESS_XSL = """<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:template match="/"><xsl:call-template name="again"><xsl:with-param name="n" select="1"/></xsl:call-template></xsl:template>
<xsl:template name="again"><xsl:param name="n"/>
<xsl:for-each select="//i"><xsl:for-each select="//i"><xsl:for-each select="//i"><xsl:for-each select="//i">
<x/></xsl:for-each></xsl:for-each></xsl:for-each></xsl:for-each></xsl:template></xsl:stylesheet>"""
POLICIES = {
    "loop": f'<Javascript name="loop" timeLimit="{LIMIT * 1000:.0f}"><Source>while (true) {{}}</Source></Javascript>',
    "memory": f'<Javascript name="memory" timeLimit="{LIMIT * 1000:.0f}"><Source>var a = []; while (true) a.push(new Array(1000).join("x") + a.length);</Source></Javascript>',
    "python": '<Script name="python" timeLimit="1000"><ResourceURL>py://loop.py</ResourceURL></Script>',
    "regex": '<RegularExpressionProtection name="regex"><QueryParam name="q"><Pattern>^(a+)+$</Pattern></QueryParam></RegularExpressionProtection>',
    "condition": '<AssertCondition name="condition"><Condition>request.queryparam.q ~~ "(a|aa)+b"</Condition></AssertCondition>',
    "xtp": '<XMLThreatProtection name="xtp"><StructureLimits><NodeDepth>5</NodeDepth></StructureLimits></XMLThreatProtection>',
    "x2j": '<XMLToJSON name="x2j"><Source>request</Source><OutputVariable>request</OutputVariable><Options/></XMLToJSON>',
    "xpath": '<ExtractVariables name="xpath"><Source>request</Source><XMLPayload><Variable name="n" type="string"><XPath>/l</XPath></Variable></XMLPayload></ExtractVariables>',
    "xsl": '<XSL name="xsl"><Source>request</Source><ResourceURL>xsl://endless.xsl</ResourceURL><OutputVariable>out</OutputVariable></XSL>',
    "jtp": "<JSONThreatProtection name='jtp'><ArrayElementCount>100000000</ArrayElementCount></JSONThreatProtection>",
    "jsonpath": '<ExtractVariables name="jsonpath"><Source>request</Source><JSONPayload><Variable name="n"><JSONPath>$.items[0].id</JSONPath></Variable></JSONPayload></ExtractVariables>',
}
#: Fifty megabytes, more than any endpoint may allow, and as much as one that sets nothing does.
HUGE = (
    b'{"items":['
    + b",".join(b'{"id":%d,"name":"a thing of some length"}' % n for n in range(1_200_000))
    + b"]}"
)
LARGE = HUGE[:10_400_000].rpartition(b",")[0] + b"]}"
ROWS = "<l>" + "<i/>" * 300 + "</l>"
XML = {"Content-Type": "text/xml"}
JSON = {"Content-Type": "application/json"}
#: What is sent to each policy: query, headers, body.
HARM = {
    "loop": ("", {}, b""),
    "memory": ("", {}, b""),
    "python": ("", {}, b""),
    "regex": (f"q={'a' * 60}!", {}, b""),
    "condition": (f"q={'a' * 4000}", {}, b""),
    "xtp": ("", XML, LAUGHS.encode()),
    "x2j": ("", XML, LAUGHS.encode()),
    "xpath": ("", XML, LAUGHS.encode()),
    "xsl": ("", XML, ROWS.encode()),
    "jtp": ("", JSON, LARGE),
    "jsonpath": ("", JSON, LARGE),
    "huge": ("", JSON, HUGE),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`apiproxy serve` with a bundle whose every policy can be harmed; its address."""
    folder = tmp_path_factory.mktemp("safety")
    conditions = {name: f'request.header.by = "{name}"' for name in POLICIES}
    files = {
        "proxies/default.xml": proxy(
            request=steps(**conditions),
            response=steps("show"),
            routes='<RouteRule name="none"/>',
        ),
        "policies/show.xml": show("show", X_Passed="yes"),
        "resources/xsl/endless.xsl": ENDLESS_XSL,
        "resources/py/loop.py": "while True:\n    pass\n",
        **{f"policies/{name}.xml": xml for name, xml in POLICIES.items()},
    }
    bundle = write_bundle(folder, "safety", files)
    command = [sys.executable, "-m", "apiproxy_runtime", "serve", str(bundle), "--no-control", "--port", "0"]
    server = subprocess.Popen(
        [*command, "--state", "memory"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
    )
    try:
        assert server.stdout is not None
        lines = []
        for line in server.stdout:
            lines.append(line)
            if line.startswith("Ready: "):
                break
        assert lines[-1].startswith("Ready: "), lines
        yield lines[-1].split()[1] + "/t"
    finally:
        server.terminate()
        server.communicate(timeout=30)
    assert server.returncode == 0


async def watch(session: aiohttp.ClientSession, url: str, done: asyncio.Event) -> list[float]:
    """The seconds that innocent requests take, one after the other, until the harm is over."""
    waited = []
    while not done.is_set():
        started = time.perf_counter()
        async with session.get(url) as reply:
            assert (reply.status, reply.headers["X-Passed"]) == (200, "yes")
        waited.append(time.perf_counter() - started)
        await asyncio.sleep(0.01)
    return waited


@pytest.mark.parametrize("kind", HARM)
async def test_one_request_does_not_stall_the_others(served: str, kind: str) -> None:
    query, headers, body = HARM[kind]
    done = asyncio.Event()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
        watching = asyncio.create_task(watch(session, served, done))
        await asyncio.sleep(0.05)
        started = time.perf_counter()
        url = f"{served}?{query}" if query else served
        async with session.post(url, data=body, headers={**headers, "by": kind}) as reply:
            await reply.read()
            status = reply.status
        took = time.perf_counter() - started
        done.set()
        waited = await watching
    assert status == 413 if kind == "huge" else status in (200, 400, 500)
    assert took < 30
    assert waited
    assert max(waited) < PATIENCE, f"an innocent request waited {max(waited):.2f} s"


async def test_all_of_them_at_once_do_not_either(served: str) -> None:
    done = asyncio.Event()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(120)) as session:
        watching = asyncio.create_task(watch(session, served, done))

        async def harm(kind: str) -> int:
            query, headers, body = HARM[kind]
            async with session.post(f"{served}?{query}", data=body, headers={**headers, "by": kind}) as reply:
                await reply.read()
                return reply.status

        small = [kind for kind, (_, _, body) in HARM.items() if len(body) < 1 << 20]
        statuses = await asyncio.gather(*(harm(kind) for kind in small))
        done.set()
        waited = await watching
    assert set(statuses) <= {200, 400, 500}
    assert max(waited) < PATIENCE * 2
