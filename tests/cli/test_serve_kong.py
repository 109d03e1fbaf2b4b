"""`apiproxy serve kong.yml` as a process: starting, refusing, watching, tracing, several workers."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from pathlib import Path

from tests.cli.test_serve import APIPROXY, served
from tests.cli.test_serve_control import request, serving
from tests.house import Upstream, upstream_server
from tests.kong.house import write

SAMPLE = Path(__file__).parents[2] / "samples" / "kong" / "kong.yml"
TERMINATED = """
_format_version: "3.0"
routes:
  - name: gone
    paths: [/gone]
plugins:
  - name: request-termination
    route: gone
    config: {status_code: 410, message: %s}
"""


def check(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*APIPROXY, "serve", "--check", *arguments], capture_output=True, text=True, cwd=cwd, timeout=60
    )


def test_kong_file_is_served(tmp_path: Path) -> None:
    write(tmp_path, TERMINATED % "one")
    with served("kong.yml", "--state", "memory", cwd=tmp_path) as server:
        assert server.get("/gone") == (410, '{"message":"one"}')
        assert server.get("/other")[0] == 404
        assert "Deployed route gone: /gone -> no service\n" in server.lines
        assert "(1 route)" in server.lines[-1]


def test_kong_file_is_deployed_anew_when_it_changes(tmp_path: Path) -> None:
    path = write(tmp_path, TERMINATED % "one")
    with served("kong.yml", "--watch", "--state", "memory", cwd=tmp_path) as server:
        assert server.get("/gone") == (410, '{"message":"one"}')
        time.sleep(0.5)
        path.write_text(TERMINATED % "two")
        server.read_until("Deployed anew.")
        assert server.get("/gone") == (410, '{"message":"two"}')
        time.sleep(0.5)
        path.write_text((TERMINATED % "x").replace("request-termination", "request-terminatio"))
        server.read_until("the configuration before goes on serving")
        assert server.get("/gone") == (410, '{"message":"two"}')


def test_trace_shows_plugins_as_steps(tmp_path: Path) -> None:
    write(tmp_path, TERMINATED % "one")
    with served("kong.yml", "--trace", "--state", "memory", cwd=tmp_path) as server:
        server.get("/gone?a=1")
        server.read_until("GET /gone?a=1  gone/gone base path /gone")
        server.read_until("* request-termination (request-termination)")
        server.read_until("410 Gone")


def test_check_tells_what_would_be_deployed(tmp_path: Path) -> None:
    write(tmp_path, TERMINATED % "one")
    done = check("kong.yml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (
        0,
        "Deployed route gone: /gone -> no service\nPlugins: request-termination\n",
    )


def test_refusal_lists_every_error_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, TERMINATED % "one" + "  - name: nope\n  - name: acl\n")
    done = check("kong.yml", cwd=tmp_path)
    assert done.returncode == 2
    assert "error: kong.yml:10: UnknownPlugin: plugins[1]: plugin 'nope' is unknown" in done.stderr
    assert "error: kong.yml:11: plugins[2].config: at least one of these fields" in done.stderr
    assert done.stderr.endswith("nothing was deployed.\n")


def test_kong_file_is_served_alone(tmp_path: Path) -> None:
    write(tmp_path, TERMINATED % "one")
    (tmp_path / "apiproxy").mkdir()
    done = check("kong.yml", "apiproxy", cwd=tmp_path)
    assert done.returncode == 2
    assert "kong.yml is served alone, not together with apiproxy: run two servers" in done.stderr


def test_workers_share_port_and_counters(tmp_path: Path) -> None:
    text = TERMINATED % "one" + "  - {name: rate-limiting, config: {year: 5, limit_by: ip}}\n"
    write(tmp_path, text)
    port = free_port()
    with served("kong.yml", "--workers", "2", "--port", str(port), cwd=tmp_path) as server:
        answers = [server.get("/gone")[0] for _ in range(10)]
    assert answers.count(410) == 5
    assert answers.count(429) == 5


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_sample_runs_as_its_page_says(tmp_path: Path) -> None:
    async with upstream_server(Upstream()) as upstream:
        ways = [
            argument
            for host in ("orders", "loyalty", "catalogue-1", "catalogue-2")
            for argument in ("--connect-to", f"{host}.example.com=http://127.0.0.1:{upstream.port}")
        ]

        def run() -> list[tuple[int, str]]:
            with served(str(SAMPLE), "--state", "memory", *ways, cwd=tmp_path) as server:
                return [server.get(path) for path in ("/orders", "/products/a-1", "/products/a-1", "/legacy")]

        orders, first, second, legacy = await asyncio.get_running_loop().run_in_executor(None, run)
    assert orders[0] == 401
    assert first[0] == 200
    assert legacy == (410, '{"message":"This API is gone"}')
    assert '"path": "/items/a-1"' in first[1]
    assert second[0] == 200


def test_sample_is_valid() -> None:
    done = subprocess.run(
        [*APIPROXY, "serve", "--check", str(SAMPLE)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_access_log_has_a_line_for_each_request_without_keys(tmp_path: Path) -> None:
    keyed = (TERMINATED % "one") + "  - {name: key-auth, config: {key_names: [X-Pass, pass]}}\n"
    write(tmp_path, keyed)
    log = tmp_path / "access.log"
    with served("kong.yml", "--access-log", "access.log", "--state", "memory", cwd=tmp_path) as server:
        server.get("/gone?pass=s3cret")
        server.get("/other")
        for _ in range(100):
            if log.read_text().count("\n") == 2:
                break
            time.sleep(0.05)
    first, second = map(json.loads, log.read_text().splitlines())
    assert (first["uri"], first["status"], first["proxy"]) == ("/gone?pass=REDACTED", 401, "gone")
    assert (second["uri"], second["status"]) == ("/other", 404)


def test_control_port_reports_requests_and_tells_event_hooks(tmp_path: Path) -> None:
    keyed = (TERMINATED % "one") + "  - {name: key-auth, config: {key_names: [X-Pass, pass]}}\n"
    write(tmp_path, keyed)
    functions = "def note(data, event, source, pid):\n    print('told', data['request']['url'], flush=True)\n    return True\n"
    (tmp_path / "alarms.py").write_text(functions)
    (tmp_path / "hooks.yaml").write_text("lambdas: {note: 'alarms.py:note'}\n")
    with serving("kong.yml", "--event-hooks", "hooks.yaml", "--state", "memory", cwd=tmp_path) as server:
        hook = b"source=http-log-enterprise&handler=lambda&config.functions[]=note"
        assert request(f"{server.control}/event-hooks", hook)[0] == 201
        request(f"{server.traffic}/gone?pass=s3cret")
        assert server.read_until("told ").endswith("/gone?pass=REDACTED\n")
        assert request(f"{server.control}/ready")[0] == 200
        metrics = request(f"{server.control}/metrics")[1]
        assert (
            'apiproxy_requests_total{environment="test",method="GET",proxy="gone",status="401"} 1.0'
            in metrics
        )
        assert 'apiproxy_deployed{environment="test",kind="route"} 1.0' in metrics
        assert request(f"{server.control}/v1/emulator/tree")[0] == 404


def test_what_a_kong_file_cannot_have_is_refused(tmp_path: Path) -> None:
    write(tmp_path, TERMINATED % "one")
    for arguments in (["--record=a.har"], ["--workers=2", "--control-port=0", "--port=9"]):
        refused = check("kong.yml", *arguments, cwd=tmp_path)
        assert refused.returncode == 2
        assert "a kong.yml" in refused.stderr
