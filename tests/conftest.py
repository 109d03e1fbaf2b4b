"""What tests of several parts need: a real Redis, and property tests that find the same on every machine."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
from hypothesis import settings

#: `make test` draws the same examples each time; HYPOTHESIS_PROFILE=search draws new ones, and more.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


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
