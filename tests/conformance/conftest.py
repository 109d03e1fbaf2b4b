"""Real clients from npm, installed once on a machine and kept among its caches."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

CLIENTS = {"apigeetool": "0.16.5", "apigee-edge-js": "0.4.40"}
#: Seconds that npm may take to install them.
PATIENCE = 180


@pytest.fixture(scope="session")
def npm_clients() -> Path:
    """The folder `node_modules` with the clients. Skips where node is missing, or npm cannot fetch them."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node or npm is not installed (Debian: apt-get install nodejs npm)")
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "apiproxy-runtime"
    folder = caches / "-".join(("npm", *(f"{name}-{version}" for name, version in CLIENTS.items())))
    if not folder.is_dir():
        caches.mkdir(parents=True, exist_ok=True)
        # moved into place when it is complete: another run may be installing too
        with tempfile.TemporaryDirectory(dir=caches) as temporary:
            _install(Path(temporary, "npm"))
            try:
                Path(temporary, "npm").rename(folder)
            except OSError:
                assert folder.is_dir()
    return folder / "node_modules"


def _install(folder: Path) -> None:
    folder.mkdir()
    (folder / "package.json").write_text('{"private": true}\n')
    wanted = [f"{name}@{version}" for name, version in CLIENTS.items()]
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    try:
        result = subprocess.run(
            ["npm", "install", *options, *wanted],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install {', '.join(wanted)} within {PATIENCE} seconds")
    if result.returncode != 0:
        why = (result.stderr.strip() or result.stdout.strip()).splitlines()
        pytest.skip(f"npm cannot install {', '.join(wanted)}: {why[0] if why else 'it did not say why'}")
