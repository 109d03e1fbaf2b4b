"""The gateways of a run: ours with a bundle, the yardstick, and the peers from Debian, npm and PyPI."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, field

HERE = Path(__file__).parent
PEERS = HERE / "peers"
BASE_PATH = "/v1/bench"
#: Versions of the peers, fixed so that tables of different days can be compared.
NPM = {"microgateway-core": "3.3.7", "express-gateway": "1.16.11"}
MITMPROXY = "mitmproxy==11.0.2"


class Gateway(Struct, frozen=True):
    """How to start one gateway: `command(port, upstream port, run folder)`; `prefix` stands before each path."""

    name: str
    command: Callable[[int, int, Path], list[str]]
    prefix: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    env: Callable[[int, int, Path], dict[str, str]] | None = None
    cwd: Path | None = None


def ours(
    name: str, bundle: str, *, headers: dict[str, str] | None = None, extra: tuple[str, ...] = ()
) -> Gateway:
    """`apiproxy serve` with a bundle of this folder."""

    def command(port: int, upstream: int, run: Path) -> list[str]:
        return [
            sys.executable,
            "-m",
            "apiproxy_runtime",
            "serve",
            str(HERE / "bundles" / bundle / "apiproxy"),
            "--no-control",
            "--state",
            "memory",
            "--port",
            str(port),
            "--env-dir",
            str(HERE / "environment"),
            "--connect-to",
            f"api.example.com=http://127.0.0.1:{upstream}",
            *extra,
        ]

    return Gateway(name, command, BASE_PATH, headers or {})


def yardstick(callout: str = "") -> Gateway:
    def command(port: int, upstream: int, run: Path) -> list[str]:
        return [
            sys.executable,
            "-m",
            "bench.yardstick",
            str(port),
            str(upstream),
            *([callout] if callout else []),
        ]

    return Gateway("yardstick", command, cwd=HERE.parent)


def nginx() -> Gateway:
    def command(port: int, upstream: int, run: Path) -> list[str]:
        config = run / "gateway-nginx.conf"
        text = (PEERS / "nginx.conf").read_text()
        for name, value in (("run", run), ("port", port), ("upstream", upstream)):
            text = text.replace(f"@{name}@", str(value))
        config.write_text(text)
        return ["nginx", "-p", str(run), "-e", str(run / "gateway-nginx.err"), "-c", str(config)]

    return Gateway("nginx 1.22 (C)", command)


def npm_folder(run: Path, package: str) -> Path:
    """The folder that holds an npm package; installed on first use."""
    folder = run / "npm" / package
    if not (folder / "node_modules" / package).is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text(
            json.dumps({"private": True, "dependencies": {package: NPM[package]}})
        )
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=folder,
            check=True,
            capture_output=True,
        )
    return folder


def microgateway() -> Gateway:
    def command(port: int, upstream: int, run: Path) -> list[str]:
        folder = npm_folder(run, "microgateway-core")
        (folder / "start.js").write_text((PEERS / "microgateway.js").read_text())
        return ["node", str(folder / "start.js"), str(port), str(upstream)]

    return Gateway("microgateway-core 3.3.7, logging off", command)


def express_gateway() -> Gateway:
    def command(port: int, upstream: int, run: Path) -> list[str]:
        folder = npm_folder(run, "express-gateway")
        config = folder / "config"
        package = folder / "node_modules" / "express-gateway" / "lib" / "config"
        if not config.is_dir():
            (config / "models").mkdir(parents=True)
            for model in (package / "models").glob("*.json"):
                (config / "models" / model.name).write_text(model.read_text())
        (config / "gateway.config.yml").write_text(
            (PEERS / "express-gateway.yml")
            .read_text()
            .replace("@port@", str(port))
            .replace("@upstream@", str(upstream))
        )
        (config / "system.config.yml").write_text((PEERS / "express-system.yml").read_text())
        (folder / "start.js").write_text(
            "require('express-gateway')().load(require('path').join(__dirname, 'config')).run();\n"
        )
        return ["node", str(folder / "start.js")]

    def env(port: int, upstream: int, run: Path) -> dict[str, str]:
        return {"LOG_LEVEL": "error", "EG_DISABLE_CONFIG_WATCH": "true", "EG_DB_EMULATE": "true"}

    return Gateway("express-gateway 1.16.11", command, env=env)


def mitmproxy() -> Gateway:
    def command(port: int, upstream: int, run: Path) -> list[str]:
        venv = run / "mitmproxy"
        if not (venv / "bin" / "mitmdump").exists():
            subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
            subprocess.run([str(venv / "bin" / "pip"), "install", "--quiet", MITMPROXY], check=True)
        mode = f"reverse:http://127.0.0.1:{upstream}@127.0.0.1:{port}"
        return [str(venv / "bin" / "mitmdump"), "-q", "--mode", mode, "--set", f"confdir={run / 'mitm'}"]

    return Gateway("mitmproxy 11.0.2, reverse mode", command)


def peers() -> list[Gateway]:
    return [nginx(), microgateway(), express_gateway(), mitmproxy()]
