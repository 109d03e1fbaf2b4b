"""XSLT 2.0 and 3.0 on Saxon, which is what Apigee runs stylesheets with."""

from __future__ import annotations

import atexit
import base64
import itertools
import marshal
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from lxml import etree

from apiproxy_policies.xslt import saxon_worker
from apiproxy_policies.xslt.engine import Engine, Job, TransformFailed
from apiproxy_policies.xslt.saxon_worker import LENGTH
from apiproxy_policies.xslt.stylesheet import XSL, Stylesheet, StylesheetError
from apiproxy_runtime.policy.api import Message

_XSL = f"{{{XSL}}}"
_LINE = re.compile(r"on line (\d+)")
_PLACE = re.compile(r"\s*\bof file:\S*")
#: idle processes that are kept; each takes some 70 MB
_KEPT = 2
_numbers = itertools.count(1)


def available() -> bool:
    """Whether the package `saxonche` is installed."""
    return find_spec("saxonche") is not None


def compile_saxon(sheet: Stylesheet) -> Engine:
    """Compile a stylesheet, here to know that it is sound, and in each process when it first runs there.

    Raises StylesheetError.
    """
    text = _whole(sheet.root, sheet.parts)
    try:
        saxon_worker.Saxon().compile(text)
    except Exception as error:  # the package's exception class is not importable by a stable name
        reason = _PLACE.sub("", str(error)).strip()
        line = _LINE.search(reason)
        raise StylesheetError(reason, sheet.name, int(line[1]) if line else 0) from None
    number = next(_numbers)

    def job(message: Message, parameters: Mapping[str, str]) -> Job:
        return _Job(number, text, message, dict(parameters))

    return Engine(job, "utf-8", 0)


def _whole(root: etree._Element, parts: dict[str, etree._Element]) -> str:
    """The text of a stylesheet with its parts in `data:` addresses, the only ones that Saxon may read here."""
    root = etree.fromstring(etree.tostring(root))
    for part in root.iterchildren(f"{_XSL}include", f"{_XSL}import"):
        inner = _whole(parts[str(part.get("href"))], parts).encode()
        part.set("href", f"data:application/xml;base64,{base64.b64encode(inner).decode()}")
    return etree.tostring(root, encoding="unicode")


class _Process:
    """A worker process and the stylesheets it has."""

    def __init__(self) -> None:
        self.known: set[int] = set()
        self.child = subprocess.Popen(
            (sys.executable, "-I", "-X", "utf8", str(Path(saxon_worker.__file__))),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Ctrl+C is the gateway's business, which lets transactions finish first
            start_new_session=True,
        )

    def ask(self, number: int, text: str, parameters: dict[str, str], source: str) -> tuple[bool, str]:
        """Run a stylesheet. Raises OSError or EOFError when the process has ended."""
        given, answers = self.child.stdin, self.child.stdout
        assert given is not None
        assert answers is not None
        job = (number, None if number in self.known else text, parameters, source)
        data = marshal.dumps(job)
        given.write(LENGTH.pack(len(data)) + data)
        given.flush()
        head = answers.read(4)
        if len(head) < 4:
            raise EOFError("the process ended")
        answer: tuple[bool, str] = marshal.loads(answers.read(LENGTH.unpack(head)[0]))
        if answer[0]:
            self.known.add(number)
        return answer

    def end(self) -> None:
        self.child.kill()
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was not yet written cannot be any more
                    continue


class _Processes:
    """The idle processes of this gateway."""

    def __init__(self) -> None:
        self.idle: list[_Process] = []
        self.lock = threading.Lock()
        atexit.register(self.close)

    def take(self) -> _Process:
        with self.lock:
            if self.idle:
                return self.idle.pop()
        return _Process()

    def give_back(self, process: _Process) -> None:
        with self.lock:
            if len(self.idle) < _KEPT:
                self.idle.append(process)
                return
        process.end()

    def close(self) -> None:
        with self.lock:
            idle, self.idle = self.idle, []
        for process in idle:
            process.end()


_processes = _Processes()


class _Job:
    """One transformation. It occupies a process while it runs."""

    def __init__(self, number: int, text: str, message: Message, parameters: dict[str, str]) -> None:
        self.number = number
        self.text = text
        self.message = message
        self.parameters = parameters
        self.process: _Process | None = None
        self.stopped = False

    def run(self) -> bytes:
        try:
            tree = self.message.xml()
        except (etree.XMLSyntaxError, ValueError) as error:
            raise TransformFailed(str(error)) from None
        # from the tree, not the body: so entities, depth and size are judged by one parser, and encodings settled
        source = etree.tostring(tree, encoding="unicode")
        self.process = process = _processes.take()
        if self.stopped:
            process.end()
            raise TransformFailed("stopped")
        try:
            done, text = process.ask(self.number, self.text, self.parameters, source)
        except (OSError, EOFError, ValueError):
            process.end()
            raise TransformFailed("the process that runs Saxon has ended") from None
        self.process = None
        _processes.give_back(process)
        if not done:
            raise TransformFailed(_PLACE.sub("", text))
        return text.encode()

    def stop(self) -> None:
        self.stopped = True
        if self.process is not None:
            self.process.child.kill()
