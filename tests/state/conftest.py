import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from apiproxy_runtime.state.open import open_store
from apiproxy_runtime.state.store import Store, settled
from apiproxy_runtime.world import FrozenWorld


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server on a free port that keeps nothing on disk."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.fail("these tests need redis-server (or valkey-server) on PATH: apt-get install redis-server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    log = tmp_path_factory.mktemp("redis") / "log"
    with log.open("wb") as output:
        server = subprocess.Popen([program, *options, "--dir", str(log.parent)], stdout=output, stderr=output)
    try:
        patience = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > patience:
                    pytest.fail(f"redis-server did not start:\n{log.read_text()}")
                time.sleep(0.01)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def world() -> FrozenWorld:
    return FrozenWorld()


@pytest.fixture(params=["memory", "sqlite", "redis"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "redis":
        url: str = request.getfixturevalue("redis_url")
        return url
    return "memory" if request.param == "memory" else f"sqlite:{tmp_path}/state.db"


@pytest.fixture
async def store(address: str, world: FrozenWorld) -> AsyncIterator[Store]:
    """Each kind of store in turn, empty."""
    opened = open_store(address, world)
    await settled(opened.clear())
    yield opened
    await settled(opened.close())


@pytest.fixture(params=["sqlite", "redis"])
def shared_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The stores that several processes can share."""
    if request.param == "redis":
        url: str = request.getfixturevalue("redis_url")
        return url
    return f"sqlite:{tmp_path}/state.db"


@pytest.fixture
def open_all(tmp_path: Path, redis_url: str) -> Callable[[FrozenWorld], list[Store]]:
    """One store of each kind on one clock."""

    def opened(world: FrozenWorld) -> list[Store]:
        return [open_store(address, world) for address in ("memory", f"sqlite:{tmp_path}/all.db", redis_url)]

    return opened
