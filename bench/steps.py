"""What each policy costs by itself: CPU µs of its step on a ready context, beside the bare library call where it parses."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml
from joserfc import jwt
from joserfc.jwk import OctKey
from lxml import etree

from apiproxy_runtime.bundle.environment import read_environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.testdata import read_test_data
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.message.context import Client, MessageContext
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.registry import find_policy
from apiproxy_runtime.policy.site import Site
from apiproxy_runtime.state.open import open_store
from bench.load import order

HERE = Path(__file__).parent
ORDER = order(2048).encode()
XML = (
    b"<order><id>7</id>"
    + b"".join(b"<item sku='A%d'><qty>%d</qty></item>" % (n, n) for n in range(40))
    + b"</order>"
)


def policy_table() -> str:
    """The policies of `bundles/steps` with their bare library calls."""
    return asyncio.run(_measure())


async def _measure() -> str:
    findings = Findings()
    environment = read_environment(HERE / "environment", None, findings)
    runtime = Runtime(environment, read_test_data(HERE / "environment", findings), open_store("memory"))
    await runtime.load_test_data()
    lines = [
        "### Policies alone",
        "",
        "| policy | CPU µs | bare library call µs | ratio |",
        "|---|--:|--:|--:|",
    ]
    for folder in ("ten", "steps"):
        bundle = read_bundle(HERE / "bundles" / folder / "apiproxy", findings)
        if bundle is None:
            continue
        program = runtime.deploy([bundle], findings).proxies[0]
        for name, source in bundle.policies.items():
            kind = find_policy(source.element)
            if kind is None:
                continue
            policy = kind.parse(source.node, findings)
            policy.name = name
            site = Site(bundle, program.deployment, runtime.services, findings, policy)
            step = policy.compile(site)
            used = await _cost(lambda s=step, d=program.deployment, n=name: _run(s, _context(d, n)))
            used -= await _cost(lambda d=program.deployment, n=name: _context(d, n))
            bare = BARE.get(source.element)
            if bare is None:
                lines.append(f"| {source.element} ({name}) | {used:.2f} | | |")
            else:
                floor = await _cost(bare)
                lines.append(f"| {source.element} ({name}) | {used:.2f} | {floor:.2f} | {used / floor:.2f} |")
    await runtime.close(0)
    return "\n".join(lines) + "\n"


def _context(deployment: Any, name: str) -> MessageContext:
    is_xml = "XML" in name
    request = Message.request("POST", "/v1/bench/x", "q=1")
    request.headers.set("Content-Type", "text/xml" if is_xml else "application/json")
    request.headers.set("X-API-Key", "k-123456")
    request.body = XML if is_xml else ORDER
    ctx = MessageContext(request, deployment, Client())
    ctx.path_suffix = "/x"
    ctx.variables["bench.token"] = TOKEN
    ctx.variables["private.secret"] = SECRET
    ctx.variables["verifyapikey.VA-Key.client_id"] = "k-123456"
    return ctx


def _run(step: Callable[[MessageContext], Any], ctx: MessageContext) -> Any:
    return step(ctx)


async def _cost(work: Callable[[], Any], seconds: float = 0.25) -> float:
    """CPU µs of one run, the least of three tries."""
    best = float("inf")
    for _ in range(3):
        count, start = 0, time.process_time()
        while time.process_time() - start < seconds / 3:
            for _ in range(20):
                waiting = work()
                if hasattr(waiting, "__await__"):
                    await waiting
            count += 20
        best = min(best, (time.process_time() - start) / count * 1e6)
    return best


def _object(element: etree._Element) -> Any:
    """The plainest conversion of XML to JSON."""
    if not len(element):
        return element.text
    made: dict[str, Any] = {}
    for child in element:
        made.setdefault(child.tag, []).append(_object(child))
    return made


def _element(name: str, value: Any) -> etree._Element:
    """The plainest conversion of JSON to XML."""
    made = etree.Element(name)
    if isinstance(value, dict):
        for key, inner in value.items():
            made.extend(
                [_element(key, each) for each in inner] if isinstance(inner, list) else [_element(key, inner)]
            )
    else:
        made.text = str(value)
    return made


SECRET = "0123456789abcdef0123456789abcdef"
KEY = OctKey.import_key(SECRET)
TOKEN = jwt.encode({"alg": "HS256"}, {"iss": "bench", "sub": "ada", "exp": int(time.time()) + 3600}, KEY)
RESOURCES = HERE / "bundles/steps/apiproxy/resources"
TRANSFORM = etree.XSLT(etree.parse(RESOURCES / "xsl/total.xsl"))
SCHEMA = jsonschema_rs.validator_for(
    yaml.safe_load((RESOURCES / "oas/orders.yaml").read_text())["paths"]["/x"]["post"]["requestBody"][
        "content"
    ]["application/json"]["schema"]
)
WORDS = re.compile(r"(?i)(drop|delete)\s+(table|from)")
#: A policy's type → the least that has to be done with the library: parse, and write what the policy writes.
BARE: dict[str, Callable[[], Any]] = {
    "JSONThreatProtection": lambda: json.loads(ORDER),
    "ExtractVariables": lambda: json.loads(ORDER),
    "XMLThreatProtection": lambda: etree.fromstring(XML),
    "XMLToJSON": lambda: json.dumps(_object(etree.fromstring(XML))),
    "JSONToXML": lambda: etree.tostring(_element("order", json.loads(ORDER))),
    "XSL": lambda: bytes(TRANSFORM(etree.fromstring(XML))),
    "RegularExpressionProtection": lambda: WORDS.search(ORDER.decode()),
    "GenerateJWT": lambda: jwt.encode({"alg": "HS256"}, {"iss": "bench", "sub": "ada"}, KEY),
    "VerifyJWT": lambda: jwt.decode(TOKEN, KEY),
    "HMAC": lambda: hmac.digest(SECRET.encode(), ORDER, "sha256").hex(),
    "OASValidation": lambda: SCHEMA.validate(json.loads(ORDER)),
}
