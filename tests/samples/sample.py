"""A copy of the samples on free ports, so that tests neither disturb one another nor a `make serve` beside them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

REPOSITORY = Path(__file__).resolve().parents[2]
SERVERS = "environment/src/main/apigee/environments/test/targetservers.json"
#: the ports that the samples and the documentation name
TRAFFIC, CONTROL, UPSTREAM = 8998, 8080, (8901, 8902, 8903)


@dataclass(frozen=True)
class Copy:
    """`folder` holds samples/; `ports` says which free port stands for which documented one."""

    folder: Path
    ports: dict[int, int]

    def here(self, text: str) -> str:
        """A text of the documentation with the ports of this copy."""
        for documented, port in self.ports.items():
            text = text.replace(str(documented), str(port))
        return text

    def documented(self, text: str) -> str:
        """What was printed here, as the documentation would show it."""
        for documented, port in self.ports.items():
            text = text.replace(str(port), str(documented))
        return text

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[TRAFFIC]}"


def copy_samples(folder: Path) -> Copy:
    """Copy samples/ into a folder and give it ports that are free now."""
    shutil.copytree(REPOSITORY / "samples", folder / "samples", ignore=shutil.ignore_patterns("__pycache__"))
    copy = Copy(folder, dict(zip(sorted((TRAFFIC, CONTROL, *UPSTREAM)), free_ports(5), strict=True)))
    servers = folder / "samples" / SERVERS
    servers.write_text(copy.here(servers.read_text()))
    return copy


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, in order, of five digits, so that no other number looks like one."""
    ports: list[int] = []
    with ExitStack() as held:
        while len(ports) < count:
            port = held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            if port > 9999:
                ports.append(port)
    return sorted(ports)


class Started:
    """A program under way whose output goes to a file."""

    def __init__(
        self, command: list[str] | str, folder: Path, environment: dict[str, str], log: Path
    ) -> None:
        self.log = log
        self._output: IO[bytes] = log.open("wb")
        self.process = subprocess.Popen(
            command,
            shell=isinstance(command, str),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, words: str, seconds: float = 30) -> None:
        """Until the words are printed. Fails with what was printed instead."""
        patience = time.monotonic() + seconds
        while words not in self.text():
            if self.process.poll() is not None or time.monotonic() > patience:
                raise AssertionError(f"no {words!r} in the output:\n{self.text()}")
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal to the whole group, as Ctrl-C does; its exit code."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise AssertionError(f"did not stop:\n{self.text()}") from None
        finally:
            self._output.close()
        return code


def environment() -> dict[str, str]:
    """The environment of a user whose virtual environment is active."""
    scripts = Path(sys.executable).parent
    return {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}", "COLUMNS": "110"}


@contextmanager
def running_sample(folder: Path, *options: str) -> Iterator[tuple[Copy, Started]]:
    """`make serve` on a copy of the samples, ready for requests."""
    copy = copy_samples(folder)
    command = [sys.executable, "samples/run.py", "--port", str(copy.ports[TRAFFIC]), *options]
    started = Started(command, folder, environment(), folder / "log")
    try:
        started.wait_for("Ctrl-C stops everything.")
        yield copy, started
    finally:
        started.stop()
