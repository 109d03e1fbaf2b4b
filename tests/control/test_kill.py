"""A process killed at any moment under load loses nothing that it has acknowledged, on SQLite and on Redis."""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_serve_control import Running, request, serving
from tests.control.house import archive, says, workspace
from tests.house import proxy, steps

KEY = base64.b64encode(bytes(range(32))).decode()
SECRET = "the-consumer-secret-of-ada"
SEALED = "a value that must not be readable at rest"

POLICIES = {
    "kvm-put": """<KeyValueMapOperations name='kvm-put' mapIdentifier='m'><Scope>environment</Scope><Put override='true'>
        <Key><Parameter ref='request.queryparam.k'/></Key><Value ref='request.queryparam.v'/></Put></KeyValueMapOperations>""",
    "kvm-get": """<KeyValueMapOperations name='kvm-get' mapIdentifier='m'><Scope>environment</Scope><Get assignTo='shown'>
        <Key><Parameter ref='request.queryparam.k'/></Key></Get></KeyValueMapOperations>""",
    "sealed-get": """<KeyValueMapOperations name='sealed-get' mapIdentifier='sealed'><Scope>environment</Scope>
        <Get assignTo='private.shown'><Key><Parameter>k1</Parameter></Key></Get></KeyValueMapOperations>""",
    "cache-put": """<PopulateCache name='cache-put'><CacheKey><KeyFragment ref='request.queryparam.k'/></CacheKey>
        <ExpirySettings><TimeoutInSeconds>3000</TimeoutInSeconds></ExpirySettings>
        <Source>request.queryparam.v</Source></PopulateCache>""",
    "cache-get": """<LookupCache name='cache-get'><CacheKey><KeyFragment ref='request.queryparam.k'/></CacheKey>
        <AssignTo>shown</AssignTo></LookupCache>""",
    "count": """<Quota name='count'><Allow count='1000000'/><Interval>10</Interval><TimeUnit>day</TimeUnit>
        <Distributed>true</Distributed><Synchronous>true</Synchronous></Quota>""",
    "issue": """<OAuthV2 name='issue'><Operation>GenerateAccessToken</Operation><ExpiresIn>3600000</ExpiresIn>
        <SupportedGrantTypes><GrantType>client_credentials</GrantType></SupportedGrantTypes>
        <GrantType>request.queryparam.grant_type</GrantType><GenerateResponse enabled='true'/></OAuthV2>""",
    "verify": "<OAuthV2 name='verify'><Operation>VerifyAccessToken</Operation></OAuthV2>",
    "show": """<AssignMessage name='show'><Set><Payload contentType='text/plain'>{shown}{private.shown}</Payload></Set>
        <IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables></AssignMessage>""",
    "show-count": """<AssignMessage name='show-count'><Set>
        <Payload contentType='text/plain'>{ratelimit.count.used.count}</Payload></Set></AssignMessage>""",
}
FLOWS = {
    "kvm-put": ("kvm-put",),
    "kvm-get": ("kvm-get", "show"),
    "sealed": ("sealed-get", "show"),
    "cache-put": ("cache-put",),
    "cache-get": ("cache-get", "show"),
    "count": ("count", "show-count"),
    "issue": ("issue",),
    "verify": ("verify",),
}


def state_proxy() -> dict[str, str]:
    """A proxy with a path for each thing that is kept."""
    flows = "".join(
        f"<Flow name='{name}'><Condition>proxy.pathsuffix = \"/{name}\"</Condition>"
        f"<Request>{steps(*(step for step in policies if not step.startswith('show')))}</Request>"
        f"<Response>{steps(*(step for step in policies if step.startswith('show')))}</Response></Flow>"
        for name, policies in FLOWS.items()
    )
    return {
        "apiproxy/s.xml": "<APIProxy name='s' revision='4'/>",
        "apiproxy/proxies/default.xml": proxy("/s", flows=flows, routes="<RouteRule name='none'/>"),
        **{f"apiproxy/policies/{name}.xml": xml for name, xml in POLICIES.items()},
    }


def consumers() -> bytes:
    credentials = [{"consumerKey": "ada", "consumerSecret": SECRET, "apiProducts": ["basic"]}]
    return archive(
        {
            "products.json": [{"name": "basic", "proxies": ["s"], "scopes": []}],
            "developers.json": [{"email": "a@b.c", "firstName": "A", "lastName": "B", "userName": "ab"}],
            "developerapps.json": [
                {
                    "name": "app",
                    "developerEmail": "a@b.c",
                    "apiProducts": ["basic"],
                    "credentials": credentials,
                },
                {"name": "drawn", "developerEmail": "a@b.c", "apiProducts": ["basic"]},
            ],
            "maps.json": [{"name": "sealed", "encrypted": True, "entries": {"k1": SEALED}}],
        }
    )


class Load:
    """Threads that write until the server is gone. What it has answered is noted as acknowledged."""

    def __init__(self, running: Running) -> None:
        self.url = f"{running.traffic}/s"
        self.kvm: dict[str, str] = {}
        self.cache: dict[str, str] = {}
        self.tokens: list[str] = []
        self.counted = self.sent = 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.write, args=(number,)) for number in range(4)]
        for thread in self.threads:
            thread.start()

    def write(self, number: int) -> None:
        basic = base64.b64encode(f"ada:{SECRET}".encode()).decode()
        for turn in range(100_000):
            key, value = f"{number}-{turn % 7}", f"value {number} {turn}"
            query = urllib.parse.urlencode({"k": key, "v": value})
            try:
                if request(f"{self.url}/kvm-put?{query}")[0] == 200:
                    self.kvm[key] = value
                if request(f"{self.url}/cache-put?{query}")[0] == 200:
                    self.cache[key] = value
                with self.lock:
                    self.sent += 1
                status, _ = request(f"{self.url}/count")
                with self.lock:
                    self.counted += status == 200
                status, text = basic_post(f"{self.url}/issue?grant_type=client_credentials", basic)
                assert status == 200, text
                self.tokens.append(json.loads(text)["access_token"])
            except OSError:
                return

    def wait(self) -> None:
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive()


def basic_post(url: str, basic: str) -> tuple[int, str]:
    call = urllib.request.Request(url, b"", {"Authorization": f"Basic {basic}"}, method="POST")
    with urllib.request.urlopen(call, timeout=30) as reply:
        return reply.status, reply.read().decode()


def described(running: Running) -> dict[str, Any]:
    """What the control port says of deployments and test data."""
    paths = ("tree", "test/products", "test/developers", "test/developerapps", "version")
    return {path: json.loads(request(f"{running.control}/v1/emulator/{path}")[1]) for path in paths}


@pytest.fixture(params=["sqlite", "redis"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path}/kill.db"
    else:
        url: str = request.getfixturevalue("redis_url")
        yield url.rpartition("/")[0] + "/7"


@pytest.mark.parametrize("after", [0.3, 1.2])
def test_nothing_acknowledged_is_lost_when_the_process_is_killed(
    state: str, after: float, tmp_path: Path
) -> None:
    options = ("--state", state, "--organization", f"kill-{after}")
    with serving(*options, cwd=tmp_path, APIPROXY_STATE_KEY=KEY) as running:
        assert running.deploy(workspace({"s": state_proxy()}))[0] == 200
        assert request(f"{running.control}/v1/emulator/setup/tests", consumers())[0] == 200
        before = described(running)
        load = Load(running)
        patience = time.monotonic() + 60
        while len(load.tokens) < 8 and time.monotonic() < patience:
            time.sleep(0.01)
        time.sleep(after)
        running.process.kill()
        load.wait()
    assert load.kvm
    assert load.tokens
    with serving(*options, cwd=tmp_path, APIPROXY_STATE_KEY=KEY) as running:
        url = f"{running.traffic}/s"
        assert described(running) == before
        # a write that was under way when the process died may have been done, unanswered
        for name, acknowledged in (("kvm", load.kvm), ("cache", load.cache)):
            for key, value in acknowledged.items():
                found = request(f"{url}/{name}-get?k={key}")[1]
                number, turn = value.split()[1:]
                assert found in (value, f"value {number} {int(turn) + 7}")
        for token in load.tokens:
            assert request(f"{url}/verify", token=token)[0] == 200
        used = int(request(f"{url}/count")[1])
        assert load.counted < used <= load.sent + 1
        assert request(f"{url}/sealed") == (200, SEALED)
        keys = [app["credentials"][0]["consumerKey"] for app in before["test/developerapps"]]
        assert keys[0] == "ada"
        assert len(keys[1]) == 48


def test_secrets_are_not_readable_in_the_database(tmp_path: Path) -> None:
    with serving("--state", f"sqlite:{tmp_path}/s.db", cwd=tmp_path, APIPROXY_STATE_KEY=KEY) as running:
        assert running.deploy(workspace({"s": state_proxy()}))[0] == 200
        assert request(f"{running.control}/v1/emulator/setup/tests", consumers())[0] == 200
        apps = described(running)["test/developerapps"]
        secrets = [app["credentials"][0]["consumerSecret"] for app in apps]
        running.process.kill()
        running.process.wait()
    at_rest = b"".join(file.read_bytes() for file in tmp_path.glob("s.db*"))
    for secret in (SEALED, *secrets):
        assert secret.encode() not in at_rest, secret


def test_without_a_key_redis_refuses_to_keep_credentials(redis_url: str, tmp_path: Path) -> None:
    state = redis_url.rpartition("/")[0] + "/8"
    with serving("--state", state, cwd=tmp_path, APIPROXY_STATE_KEY="") as running:
        assert running.deploy(workspace({"s": state_proxy()}))[0] == 200
        status, text = request(f"{running.control}/v1/emulator/setup/tests", consumers())
        assert (status, json.loads(text)["code"]) == (503, "StateUnavailable")
        assert "APIPROXY_STATE_KEY" in text
        assert described(running)["test/products"] == []


def test_a_process_killed_while_it_deploys_comes_back_with_one_deploy_whole(
    state: str, tmp_path: Path
) -> None:
    options = ("--state", state, "--organization", "kill-deploys")
    answered = [0]

    def deploy(running: Running) -> None:
        for number in range(1, 10_000):
            bundles = {name: says(name, f"deploy {number}") for name in ("a", "b")}
            try:
                assert running.deploy(workspace(bundles, targetservers=[server(number)]))[0] == 200
            except OSError:
                return
            answered[0] = number

    with serving(*options, cwd=tmp_path, APIPROXY_STATE_KEY=KEY) as running:
        deploying = threading.Thread(target=deploy, args=(running,))
        deploying.start()
        patience = time.monotonic() + 60
        while answered[0] < 5 and time.monotonic() < patience:
            time.sleep(0.007)
        running.process.kill()
        deploying.join(30)
        assert not deploying.is_alive()
    assert answered[0] >= 5
    with serving(*options, cwd=tmp_path, APIPROXY_STATE_KEY=KEY) as running:
        found = {request(f"{running.traffic}/{name}")[1] for name in ("a", "b")}
        # the deploy under way may have been kept, unanswered
        assert found in ({f"deploy {answered[0]}"}, {f"deploy {answered[0] + 1}"})
        version = json.loads(request(f"{running.control}/v1/emulator/version")[1])
        assert found == {f"deploy {version['revision']}"}


def server(number: int) -> dict[str, Any]:
    return {"name": f"t{number}", "host": "example.com", "port": 443}
