"""Calls that Python scripts and Java callouts make by themselves go where `--connect-to` says."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import ssl
import subprocess
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from apiproxy_runtime.scripting.java.jvm import SIDECAR, JavaMissing, find_java
from tests.house import house, proxy, steps, write_bundle
from tests.policies.security.certificates import certificate, pem
from tests.policies.security.tokens import private_pem, rsa_key

SOURCES = Path(__file__).with_name("calling")
NO_TARGET = '<RouteRule name="none"/>'
URL = '<AssignMessage name="AM-Url"><AssignVariable><Name>url</Name><Ref>request.queryparam.url</Ref></AssignVariable></AssignMessage>'
SHOW = """<AssignMessage name="AM-Show"><Set><Payload contentType="text/plain">{answer}</Payload></Set>
<AssignTo createNew="true" type="response"/></AssignMessage>"""
PYTHON = """
import ssl
import urllib2
try:
    context = ssl._create_unverified_context()
    call = urllib2.Request(flow.getVariable('url'), 'hello', {'X-Caller': 'python'})
    answer = urllib2.urlopen(call, None, 5, context=context).read()
except Exception, error:
    answer = str(error)
flow.setVariable('answer', answer)
"""


@contextlib.asynccontextmanager
async def tls_upstream(folder: Path) -> AsyncIterator[int]:
    """A server that speaks TLS and tells what it got; its port."""
    (folder / "cert.pem").write_text(pem(certificate("secure.test", "one")))
    (folder / "key.pem").write_text(private_pem(rsa_key("one")))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    async def tell(request: web.Request) -> web.Response:
        body = await request.text()
        return web.json_response({"host": request.headers["Host"], "path": request.path, "body": body})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", tell)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def python_bundle(folder: Path) -> Path:
    return write_bundle(
        folder,
        "calls",
        {
            "proxies/default.xml": proxy("/t", request=steps("AM-Url", "Code", "AM-Show"), routes=NO_TARGET),
            "policies/AM-Url.xml": URL,
            "policies/AM-Show.xml": SHOW,
            "policies/Code.xml": '<Script name="Code"><ResourceURL>py://call.py</ResourceURL></Script>',
            "resources/py/call.py": PYTHON,
        },
    )


def java_bundle(folder: Path) -> Path:
    classes = folder / "classes"
    classes.mkdir()
    sources = [str(path) for path in SOURCES.rglob("*.java")]
    options = ["--release", "8", "-Xlint:-options", "-nowarn"]
    subprocess.run(
        ["javac", *options, "-cp", SIDECAR, "-d", classes, *sources], check=True, capture_output=True
    )
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w") as archive:
        for path in classes.rglob("*.class"):
            archive.write(path, path.relative_to(classes).as_posix())
    bundle = write_bundle(
        folder,
        "calls",
        {
            "proxies/default.xml": proxy("/t", request=steps("AM-Url", "Code", "AM-Show"), routes=NO_TARGET),
            "policies/AM-Url.xml": URL,
            "policies/AM-Show.xml": SHOW,
            "policies/Code.xml": '<JavaCallout name="Code"><ClassName>org.example.Caller</ClassName>'
            "<ResourceURL>java://caller.jar</ResourceURL></JavaCallout>",
        },
    )
    (bundle / "resources/java").mkdir(parents=True)
    (bundle / "resources/java/caller.jar").write_bytes(jar.getvalue())
    return bundle


def java_is_missing() -> bool:
    try:
        find_java()
    except JavaMissing:
        return True
    return shutil.which("javac") is None


@pytest.fixture(
    params=[
        "python",
        pytest.param(
            "java", marks=pytest.mark.skipif(java_is_missing(), reason="there is no Java, or no javac")
        ),
    ]
)
def calls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """A bundle whose code calls the URL that a request names, and the language of the code."""
    make = python_bundle if request.param == "python" else java_bundle
    return request.param, make(tmp_path)


async def asked(gateway: Any, url: str) -> str:
    return str((await gateway.get("/t", params={"url": url})).text)


async def test_a_plain_call_is_led_elsewhere(calls: tuple[str, Path]) -> None:
    language, bundle = calls
    async with house(bundle) as gateway:
        told = json.loads(await asked(gateway, "http://UP.test/some/path?q=1"))
        assert (told["method"], told["path"], told["body"]) == ("POST", "/some/path?q=1", "hello")
        assert told["headers"]["host"].lower() == "up.test"
        assert told["headers"]["x-caller"] == language
        # one after the other, each by itself
        assert json.loads(await asked(gateway, "http://up.test/again"))["path"] == "/again"


async def test_a_port_can_be_named(calls: tuple[str, Path], tmp_path: Path) -> None:
    _, bundle = calls
    async with tls_upstream(tmp_path) as port:
        ways = {"far.test": "http://127.0.0.1:1", "far.test:8443": f"https://127.0.0.1:{port}"}
        async with house(bundle, connect_to=ways) as gateway:
            assert json.loads(await asked(gateway, "https://far.test:8443/x"))["host"] == "far.test:8443"


async def test_a_secure_call_is_led_to_a_server_that_speaks_tls(
    calls: tuple[str, Path], tmp_path: Path
) -> None:
    _, bundle = calls
    async with tls_upstream(tmp_path) as port:
        async with house(bundle, connect_to={"secure.test": f"https://127.0.0.1:{port}"}) as gateway:
            told = json.loads(await asked(gateway, "https://secure.test/x"))
            assert told == {"host": "secure.test", "path": "/x", "body": "hello"}


async def test_a_secure_call_led_to_a_plain_server(calls: tuple[str, Path]) -> None:
    """Scripts are led there; what is inside a callout's TLS cannot be read, and the callout gets an error."""
    language, bundle = calls
    async with house(bundle) as gateway:
        answer = await asked(gateway, "https://up.test/x")
        if language == "python":
            assert json.loads(answer)["path"] == "/x"
        else:
            assert "502" in answer
            assert gateway.upstream.seen == []


async def test_other_calls_go_their_own_way(calls: tuple[str, Path]) -> None:
    _, bundle = calls
    async with house(bundle) as gateway:
        direct = f"http://127.0.0.1:{gateway.upstream.port}/direct"
        assert json.loads(await asked(gateway, direct))["path"] == "/direct"


async def test_a_server_that_is_not_there(calls: tuple[str, Path]) -> None:
    language, bundle = calls
    async with house(bundle, connect_to={"gone.test": "http://127.0.0.1:1"}) as gateway:
        answer = await asked(gateway, "http://gone.test/")
        assert ("refused" if language == "python" else "127.0.0.1:1 cannot be reached") in answer
