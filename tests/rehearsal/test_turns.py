"""Whose turn it is at a load balancer depends on the case alone, so that sides can be compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings, Place
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.targetserver import TargetServer
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.kong.runtime import load_kong
from apiproxy_runtime.rehearsal.exchange import Exchange, Request
from apiproxy_runtime.rehearsal.side import Side
from apiproxy_runtime.rehearsal.sides.bundle import BundleSide
from apiproxy_runtime.rehearsal.sides.kong import KongSide
from apiproxy_runtime.rehearsal.stubs import Policy
from tests.house import proxy, target, write_bundle

WEIGHTS = {"a": 2, "b": 1}


def bundle_side(folder: Path, algorithm: str) -> BundleSide:
    servers = "".join(
        f'<Server name="{name}"><Weight>{weight}</Weight></Server>' for name, weight in WEIGHTS.items()
    )
    connection = f"<LoadBalancer><Algorithm>{algorithm}</Algorithm>{servers}</LoadBalancer>"
    findings = Findings()
    bundle = read_bundle(
        write_bundle(
            folder,
            "t",
            {"proxies/default.xml": proxy("/t"), "targets/default.xml": target(connection=connection)},
        ),
        findings,
    )
    assert bundle is not None
    known = {
        name: TargetServer(name, f"{name}.test", 80, "HTTP", True, None, "", Place("targetservers.json"))
        for name in WEIGHTS
    }
    return BundleSide("old", [bundle], Environment(target_servers=known), TestData(), findings, Policy())


def kong_side(folder: Path, algorithm: str) -> KongSide:
    file = folder / "kong.yml"
    weights = WEIGHTS if algorithm == "Weighted" else dict.fromkeys(WEIGHTS, 100)
    targets = "".join(
        f'      - {{target: "{name}.test:80", weight: {weight}}}\n' for name, weight in weights.items()
    )
    file.write_text(
        '_format_version: "3.0"\nservices:\n  - {name: s, host: u, port: 80, protocol: http, '
        "routes: [{name: r, paths: [/t]}]}\nupstreams:\n  - name: u\n    targets:\n" + targets
    )
    findings = Findings()
    configuration = load_kong(file, findings)
    assert configuration is not None
    return KongSide("new", configuration, findings, Policy())


async def hosts(side: Side, numbers: list[int]) -> dict[int, str]:
    """The host that each case of these numbers is sent to."""
    await side.open()
    found = {}
    for number in numbers:
        outcome = await side.answer(
            number, 1_700_000_000.0 + number, Exchange(str(number), Request("GET", "/t/x"))
        )
        found[number] = outcome.calls[0].request.host.removesuffix(":80")
    await side.close()
    return found


@pytest.mark.parametrize(
    ("algorithm", "asked"),
    [
        ("RoundRobin", ["a.test", "b.test", "a.test", "b.test", "a.test", "b.test"]),
        ("Weighted", ["a.test", "b.test", "a.test", "a.test", "b.test", "a.test"]),
    ],
)
async def test_sides_that_saw_other_cases_before_ask_the_same_server(
    tmp_path: Path, algorithm: str, asked: list[str]
) -> None:
    expected = dict(enumerate(asked))
    assert await hosts(bundle_side(tmp_path, algorithm), list(range(6))) == expected
    some = [0, 3, 1, 5]
    assert await hosts(kong_side(tmp_path, algorithm), some) == {number: expected[number] for number in some}
