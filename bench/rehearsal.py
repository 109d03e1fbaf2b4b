"""How many cases a second a rehearsal replays on one core: a small bundle against itself, `python -m bench.rehearsal`.

Processor time is what counts, so that other work on the machine does not. Each case runs through the old side, the new
side and, with noise learnt, the old side once more.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import process_time

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.rehearsal.exchange import Exchange, Request, Response, UpstreamCall
from apiproxy_runtime.rehearsal.journal import Journal
from apiproxy_runtime.rehearsal.judge import Judge
from apiproxy_runtime.rehearsal.run import rehearse
from apiproxy_runtime.rehearsal.sides.bundle import BundleSide
from apiproxy_runtime.rehearsal.stubs import Policy

FILES = {
    "small.xml": '<APIProxy name="small" revision="1"/>',
    "proxies/default.xml": """<ProxyEndpoint name="default">
<PreFlow name="PreFlow"><Request><Step><Name>AM-Request</Name></Step><Step><Name>Q</Name></Step></Request>
<Response><Step><Name>AM-Response</Name></Step></Response></PreFlow>
<HTTPProxyConnection><BasePath>/small</BasePath></HTTPProxyConnection>
<RouteRule name="default"><TargetEndpoint>default</TargetEndpoint></RouteRule></ProxyEndpoint>""",
    "targets/default.xml": '<TargetEndpoint name="default"><HTTPTargetConnection><URL>http://up.test</URL>'
    "</HTTPTargetConnection></TargetEndpoint>",
    "policies/AM-Request.xml": '<AssignMessage name="AM-Request"><Set><Headers><Header name="X-Id">{messageid}</Header>'
    "</Headers></Set></AssignMessage>",
    "policies/Q.xml": '<Quota name="Q"><Allow count="1000000"/><Interval>1</Interval><TimeUnit>hour</TimeUnit></Quota>',
    "policies/AM-Response.xml": '<AssignMessage name="AM-Response"><Set><Headers><Header name="X-Out">1</Header>'
    "</Headers></Set></AssignMessage>",
}
JSON = (("Content-Type", "application/json"),)


def cases(count: int) -> Iterator[Exchange]:
    """POSTs with a small JSON body, each with its recorded call."""
    for number in range(count):
        body = b'{"sku":"tea","number":%d}' % number
        request = Request("POST", f"/small/orders/{number}?a=b", (("Host", "x.test"), *JSON), body)
        upstream = Request("POST", f"http://up.test/orders/{number}?a=b", JSON, body)
        response = Response(200, JSON, b'{"ok":true}')
        call = UpstreamCall("target", upstream, response)
        yield Exchange(str(number), request, response, (call,), True, at=1_700_000_000.0 + number)


def side(folder: Path, seed: int = 0) -> BundleSide:
    findings = Findings()
    bundle = read_bundle(folder, findings)
    assert bundle is not None
    return BundleSide(
        "small", [bundle], Environment(), TestData(), findings, Policy(), None, seed, explains=not seed
    )


async def measure(folder: Path, count: int, noise: bool) -> float:
    """Cases for each second of processor time."""
    before, after = side(folder), side(folder)
    twin = side(folder, 1) if noise else None
    sides = [each for each in (before, after, twin) if each is not None]
    for each in sides:
        await each.open()
    with Journal(folder.parent / "journal", {}) as journal:
        begun = process_time()
        run = await rehearse(
            cases(count), before, after, twin, Judge([], [], datetime.now(UTC).date()), journal
        )
        seconds = process_time() - begun
    for each in sides:
        await each.close()
    assert run.tally.verdicts["identical"] == count
    return count / seconds


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "apiproxy"
        for name, text in FILES.items():
            (bundle / name).parent.mkdir(parents=True, exist_ok=True)
            (bundle / name).write_text(text)
        for noise in (False, True):
            rate = asyncio.run(measure(bundle, count, noise))
            print(f"{rate:,.0f} cases a second{', noise learnt' if noise else ''}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
