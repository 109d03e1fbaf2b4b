"""Runs the sample: its upstream, its gRPC callout server, and the proxy in front of them. Ctrl-C stops all three.

    python samples/run.py [OPTIONS of apiproxy serve]

Where upstream and callout listen is what the environment's targetservers.json says.
"""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SERVERS = HERE / "environment/src/main/apigee/environments/test/targetservers.json"

#: what to try, and what comes of it
TRY = (
    ("-i {url}/1001", "200, from two servers in turn"),
    ("-i {url}/L-7", "200, from the legacy desk: XML made JSON"),
    ("'{url}?customer=ada'", "200, the orders of a customer"),
    ("'{url}/quote?sku=tea&quantity=2&customer=ada'", "200, a gold customer pays 27.40"),
    ("'{url}/quote?sku=tea&quantity=2&customer=mallory'", "403, the gRPC server refuses"),
    ("'{url}/quote?sku=tea&quantity=many'", "400, a RaiseFault"),
    (
        """{url} -H 'Content-Type: application/json' -d '{{"sku":"cup","quantity":2,"customer":"bob"}}'""",
        "201",
    ),
    (
        """{url} -H 'Content-Type: application/json' -d '{{"sku":"cup","quantity":9,"customer":"bob"}}'""",
        "409",
    ),
    ("-i {url}/9999", "404, a fault rule of the target"),
)


def main() -> int:
    """The exit code of the proxy, or 1 when something else stopped first."""
    parser = argparse.ArgumentParser(description="Run the sample; other options go to apiproxy serve.")
    parser.add_argument("--port", default="8998", help="traffic port (default: 8998)")
    options, further = parser.parse_known_args()
    servers = {entry["name"]: entry for entry in json.loads(SERVERS.read_text())}
    http = sorted({server["port"] for server in servers.values() if server.get("protocol", "HTTP") == "HTTP"})
    upstream = [sys.executable, str(HERE / "upstream/orders.py"), *map(str, http)]
    callout = [sys.executable, str(HERE / "callout/loyalty.py"), str(servers["loyalty"]["port"])]
    proxy = [
        *("serve", _shown(HERE / "apiproxy"), _shown(HERE / "sharedflowbundle")),
        *("--env-dir", _shown(HERE / "environment")),
        *("--connect-to", f"legacy.example.com=http://127.0.0.1:{servers['orders-1']['port']}"),
        *("--port", options.port, *further),
    ]
    running: list[subprocess.Popen[str]] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        running.append(_start("upstream", upstream))
        running.append(_start("callout", callout))
        print(f"Running: apiproxy {shlex.join(proxy)}", flush=True)
        running.append(_start_proxy([sys.executable, "-m", "apiproxy_runtime", *proxy]))
        while all(process.poll() is None for process in running):
            time.sleep(0.2)
        stopped = next(process for process in running if process.poll() is not None)
        print("The sample stopped, because one of its parts did.", file=sys.stderr)
        return stopped.returncode or 1
    finally:
        _stop(running)


def _shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _start(name: str, command: list[str]) -> subprocess.Popen[str]:
    """Start a server and wait until it says that it is ready. Exits when it ends instead."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line.endswith("ready"):
        process.wait()
        sys.exit(f"The sample's {name} does not start: is a port of {_shown(SERVERS)} taken?")
    print(f"Started {name} on {', '.join(part for part in command if part.isdigit())}", flush=True)
    return process


def _start_proxy(command: list[str]) -> subprocess.Popen[str]:
    """Start the proxy, pass on what it prints, and tell what to try once it is ready."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def pass_on() -> None:
        assert process.stdout is not None
        told = False
        for line in process.stdout:
            print(line, end="", flush=True)
            # with several workers each of them says so
            if line.startswith("Ready: ") and not told:
                told = True
                _tell(line.split()[1])

    threading.Thread(target=pass_on, daemon=True).start()
    return process


def _tell(address: str) -> None:
    print("\nTry, in another terminal:")
    for arguments, outcome in TRY:
        print(f"  curl {arguments.format(url=f'{address}/orders/v1')}\n      # {outcome}")
    print("\nCtrl-C stops everything.", flush=True)


def _stop(processes: list[subprocess.Popen[str]]) -> None:
    """Ask all to stop, the proxy first; end what does not within some seconds."""
    for process in reversed(processes):
        process.terminate()
    for process in processes:
        try:
            process.wait(12)
        except subprocess.TimeoutExpired:
            process.kill()


if __name__ == "__main__":
    sys.exit(main())
