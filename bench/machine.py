"""Processes under measurement: started, watched through /proc, stopped."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """A server in the foreground; stopped with all its children."""

    def __init__(
        self, command: Sequence[str], log: Path, *, env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        self.started = time.monotonic()
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                command,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **(env or {})},
                cwd=cwd,
            )

    def wait_until_answered(
        self, port: int, path: str, headers: dict[str, str], seconds: float = 60
    ) -> float:
        """Seconds from the start to the first answer below 400. Raises RuntimeError with the end of the log."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                connection.request("GET", path, headers=headers)
                if connection.getresponse().status < 400:
                    return time.monotonic() - self.started
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(0.01)
        raise RuntimeError(f"no answer from {path}: {self.log.read_text(errors='replace')[-800:]}")

    def tree(self) -> Iterator[int]:
        """The process and its descendants."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                fields = _stat(int(entry.name))
                if fields is not None:
                    children.setdefault(int(fields[1]), []).append(int(entry.name))
        todo = [self.process.pid]
        while todo:
            pid = todo.pop()
            yield pid
            todo += children.get(pid, [])

    def cpu(self) -> float:
        """CPU seconds of the tree, user and system, children that have ended included."""
        total = 0
        for pid in self.tree():
            fields = _stat(pid)
            if fields is not None:
                total += sum(int(value) for value in fields[11:15])
        return total / TICK

    def memory(self) -> float:
        """Resident megabytes of the tree."""
        kilobytes = 0
        for pid in self.tree():
            try:
                text = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            for line in text.splitlines():
                if line.startswith("VmRSS:"):
                    kilobytes += int(line.split()[1])
        return kilobytes / 1024

    def stop(self) -> None:
        pids = list(self.tree())
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in pids[1:]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat behind the name: state, parent, …; CPU ticks are 11 to 14."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()
