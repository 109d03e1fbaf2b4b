"""The load (wrk) and the upstream (nginx) of a measurement."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from msgspec import Struct

from bench.machine import Process, free_port

_UPSTREAM = """worker_processes 1; daemon off; pid {run}/upstream.pid; error_log {run}/upstream.err error;
events {{ worker_connections 4096; multi_accept on; }}
http {{
  access_log off; default_type application/json; keepalive_timeout 300s; keepalive_requests 1000000000; tcp_nodelay on;
  client_max_body_size 64m;
  client_body_temp_path {run}/ub; proxy_temp_path {run}/up; fastcgi_temp_path {run}/uf; uwsgi_temp_path {run}/uu; scgi_temp_path {run}/us;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    add_header X-Upstream one;
    location / {{ return 200 '{small}'; }}
    location ~ /64k$ {{ alias {run}/64k.json; }}
    location ~ /1m$ {{ alias {run}/1m.json; }}
  }}
}}
"""
_LUA = """wrk.method = "{method}"
{headers}
{body}
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("\\nRESULT {{\\"requests\\":%d,\\"us\\":%d,\\"errors\\":%d,\\"p50\\":%d,\\"p99\\":%d}}\\n",
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


def order(size: int) -> str:
    """A JSON order of about `size` bytes."""
    items: list[str] = []
    length = 120
    while length < size:
        number = len(items)
        item = {"sku": f"A{number:05d}", "qty": number % 7 + 1, "price": round(3.5 + number * 1.25, 2)}
        items.append(json.dumps(item, separators=(",", ":")))
        length += len(items[-1]) + 1
    head = '{"id":"ord-20931","customer":{"name":"Ada Example","tier":"gold"},"items":['
    return f'{head}{",".join(items)}],"note":"fragile"}}'


def start_upstream(run: Path) -> tuple[Process, int]:
    """nginx that answers 1 KB, 64 KB or 1 MB."""
    port = free_port()
    (run / "64k.json").write_text(order(64 << 10))
    (run / "1m.json").write_text(order(1 << 20))
    config = run / "upstream.conf"
    config.write_text(_UPSTREAM.format(run=run, port=port, small=order(1024)))
    process = Process(
        ["nginx", "-p", str(run), "-e", str(run / "upstream.err"), "-c", str(config)], run / "upstream.log"
    )
    process.wait_until_answered(port, "/x", {})
    return process, port


class Scenario(Struct, frozen=True):
    """What is asked: method, path below the base path, bytes of the body (0 for none)."""

    name: str
    method: str = "GET"
    path: str = "/x"
    body: int = 0


class Load(Struct, frozen=True):
    """What one load brought: latencies in milliseconds."""

    requests: int
    seconds: float
    errors: int
    p50: float
    p99: float


def run_load(
    run: Path, url: str, scenario: Scenario, headers: dict[str, str], connections: int, seconds: float
) -> Load:
    """wrk with one thread. Raises RuntimeError when it tells nothing."""
    body = ""
    headers = dict(headers)
    if scenario.body:
        headers["Content-Type"] = "application/json"
        body = f"wrk.body = [==[{order(scenario.body)}]==]"
    script = run / "load.lua"
    lines = "\n".join(
        f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items()
    )
    script.write_text(_LUA.format(method=scenario.method, headers=lines, body=body))
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        "--timeout",
        "10s",
        "-s",
        str(script),
        url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    match = re.search(r"RESULT (\{.*\})", done.stdout)
    if match is None:
        raise RuntimeError(f"wrk failed: {done.stdout[-300:]}{done.stderr[-300:]}")
    told = json.loads(match.group(1))
    return Load(told["requests"], told["us"] / 1e6, told["errors"], told["p50"] / 1e3, told["p99"] / 1e3)
