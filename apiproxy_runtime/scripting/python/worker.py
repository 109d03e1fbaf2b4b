"""The worker process: runs the scripts it is given, one at a time. Started by the host in a process of its own.

Frames are marshalled tuples.

from the host   ("load", number, codes)   code objects of a program, in the order in which they run
                ("forget", number)
                ("run", number, known, messages, seconds)   known: variables that the program has asked for before;
                                                            messages: names that are messages now
                ("value", value)          the answer to "get"
to the host     ("get", writes, printed, name)
                ("done", writes, printed)
                ("failed", writes, printed, kind, text, file, line)

`writes` is what the script has done to flow variables since the last frame: (name, value) to set, (name,) to remove.
A message crosses as the tuple ("message", name).
"""

from __future__ import annotations

import marshal
import os
import re
import signal
import struct
import sys
import threading
from types import CodeType
from typing import Any

from apiproxy_runtime.scripting.python import python2

MOST_PRINTED = 65536
#: First parts of names behind which one write may change what several names read.
_BUILT_IN = frozenset(
    ("request", "response", "message", "error", "target", "proxy", "client", "route", "variable")
)
_PLAIN = (str, int, float, bool, bytes, type(None))


class SecurityError(Exception):
    """What a script gets that tries to leave its process."""


class Transaction:
    """What one run reads and writes; afterwards it refuses to."""

    def __init__(self, channel: Channel, known: dict[str, Any]) -> None:
        self.channel = channel
        self.known = known
        self.writes: list[tuple[Any, ...]] = []
        self.printed: list[str] = []
        self.room = MOST_PRINTED
        self.ended = False
        self.lock = threading.Lock()

    def get(self, name: str) -> Any:
        with self.lock:
            self.check()
            try:
                value = self.known[name]
            except KeyError:
                self.channel.send(("get", *self.take(), name))
                value = self.known[name] = self.channel.receive()[1]
        if value.__class__ is tuple:
            return Message(self, name)
        return value.copy() if value.__class__ in (list, dict) else value

    def set(self, name: str, value: Any) -> None:
        with self.lock:
            self.check()
            self.writes.append((name, exported(value)))
            self.outdate(name)

    def remove(self, name: str) -> None:
        with self.lock:
            self.check()
            self.writes.append((name,))
            self.outdate(name)

    def outdate(self, name: str) -> None:
        """Forget what a write to `name` may have changed."""
        known, root = self.known, name.partition(".")[0]
        roots = _BUILT_IN if root in _BUILT_IN else (root,)
        for other in [other for other in known if other.partition(".")[0] in roots]:
            del known[other]

    def check(self) -> None:
        if self.ended:
            raise RuntimeError("the script has ended")

    def take(self) -> tuple[list[tuple[Any, ...]], str]:
        """What is to be told with the next frame."""
        taken = self.writes, "".join(self.printed)
        self.writes, self.printed = [], []
        return taken


def exported(value: Any) -> Any:
    """A value for a flow variable."""
    if isinstance(value, str):
        return python2.as_text(value) if value.__class__ is not str else value
    if value.__class__ in _PLAIN:
        return value
    if isinstance(value, Message):
        return ("message", value.name)
    if isinstance(value, list | tuple):
        return [exported(item) for item in value]
    if isinstance(value, dict):
        return {str(key): exported(item) for key, item in value.items()}
    return str(value)


class Flow:
    """`flow`: the message context."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def getVariable(self, name: str) -> Any:
        return self._transaction.get(str(name))

    def setVariable(self, name: str, value: Any) -> bool:
        self._transaction.set(str(name), value)
        return True

    def removeVariable(self, name: str) -> bool:
        self._transaction.remove(str(name))
        return True

    def getMessage(self) -> Message:
        return Message(self._transaction, "message")

    def getRequestMessage(self) -> Message:
        return Message(self._transaction, "request")

    def getResponseMessage(self) -> Message | None:
        found = self._transaction.get("response")
        return found if isinstance(found, Message) else None

    def getErrorMessage(self) -> Message | None:
        found = self._transaction.get("error")
        return found if isinstance(found, Message) else None


class Message:
    """A message, by the name of the variable that holds it."""

    def __init__(self, transaction: Transaction, name: str) -> None:
        self._transaction = transaction
        self.name = name

    def getVariable(self, name: str) -> Any:
        return self._transaction.get(f"{self.name}.{name}")

    def setVariable(self, name: str, value: Any) -> bool:
        self._transaction.set(f"{self.name}.{name}", value)
        return True

    def removeVariable(self, name: str) -> bool:
        self._transaction.remove(f"{self.name}.{name}")
        return True

    def getContent(self) -> Any:
        return self.getVariable("content")

    def setContent(self, content: Any) -> None:
        self.setVariable("content", content)

    def getHeader(self, name: str) -> Any:
        return self.getVariable(f"header.{name}")

    def getHeaders(self, name: str) -> Any:
        return self.getVariable(f"header.{name}.values")

    def setHeader(self, name: str, value: Any) -> bool:
        return self.setVariable(f"header.{name}", value)

    def removeHeader(self, name: str) -> bool:
        return self.removeVariable(f"header.{name}")

    def getHeaderNames(self) -> Any:
        return self.getVariable("headers.names")

    def getQueryParam(self, name: str) -> Any:
        return self.getVariable(f"queryparam.{name}")

    def getQueryParams(self, name: str) -> Any:
        return self.getVariable(f"queryparam.{name}.values")

    def setQueryParam(self, name: str, value: Any) -> bool:
        return self.setVariable(f"queryparam.{name}", value)

    def removeQueryParam(self, name: str) -> bool:
        return self.removeVariable(f"queryparam.{name}")

    def getQueryParamNames(self) -> Any:
        return self.getVariable("queryparams.names")

    # Jython offers getters and setters as attributes too
    content = property(getContent, setContent)

    def __str__(self) -> str:
        return str(self.getContent() or "")


class Printer:
    """Standard output of a script: lines for the trace."""

    encoding = "utf-8"

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def write(self, text: str) -> int:
        transaction = self._transaction
        kept = python2.as_text(str(text))[: transaction.room]
        transaction.room -= len(kept)
        transaction.printed.append(kept)
        return len(text)

    def flush(self) -> None:
        """Nothing waits: lines go with the next frame."""

    def isatty(self) -> bool:
        return False


class Channel:
    """The pipes to the host, which scripts cannot get at through standard input and output."""

    def __init__(self) -> None:
        self._input = os.fdopen(os.dup(0), "rb")
        self._output = os.dup(1)
        nowhere = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nowhere, 0)
        os.close(nowhere)
        os.dup2(2, 1)

    def receive(self) -> Any:
        """The next frame. The process ends with the host."""
        head = self._input.read(4)
        if len(head) < 4:
            os._exit(0)
        return marshal.loads(self._input.read(struct.unpack(">I", head)[0]))

    def send(self, frame: Any) -> None:
        data = marshal.dumps(frame)
        data = struct.pack(">I", len(data)) + data
        while data:
            data = data[os.write(self._output, data) :]


def run(
    channel: Channel,
    codes: tuple[CodeType, ...],
    names: dict[str, Any],
    known: dict[str, Any],
    found: list[str],
) -> None:
    """Run a program and tell how it went."""
    transaction = Transaction(channel, known)
    scope = {"__name__": "__main__", "__builtins__": names.copy(), "flow": Flow(transaction)}
    scope.update((name, Message(transaction, name)) for name in found)
    sys.stdout = Printer(transaction)
    try:
        for code in codes:
            exec(code, scope)
        outcome: tuple[Any, ...] = ("done",)
    except BaseException as error:
        outcome = ("failed", *told(error, {code.co_filename for code in codes}))
    with transaction.lock:
        transaction.ended = True
        channel.send((outcome[0], *transaction.take(), *outcome[1:]))


def told(error: BaseException, files: set[str]) -> tuple[str, str, str, int]:
    """(kind, text, file, line) of an exception; file and line are the script's innermost."""
    file, line = "", 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in files:
            file, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    try:
        text = str(error)
    except Exception:
        text = "an exception that cannot be printed"
    return type(error).__name__, text, file, line


#: What Apigee's security model keeps from scripts: processes and the file system.
_GUARDED = re.compile(
    r"os\.(system|exec|fork|forkpty|spawn|posix_spawn|startfile|kill|killpg|remove|rename|mkdir|rmdir|chmod|chown"
    r"|link|symlink|truncate|putenv|unsetenv)|subprocess\.Popen|shutil\.(rmtree|move)|pty\.spawn|ctypes\.dlopen"
)


def guard(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse what scripts must not do. Set as audit hook."""
    if _GUARDED.fullmatch(event):
        raise SecurityError(f"{event} is not permitted")
    if event == "open" and (
        (isinstance(arguments[1], str) and not set("wax+").isdisjoint(arguments[1]))
        or (arguments[2] and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    ):
        raise SecurityError(f"writing {arguments[0]} is not permitted")


def lead(detours: str = "") -> None:
    """Lead connections of scripts elsewhere: JSON of what `detours.install` takes."""
    if detours:
        # loaded only when something is to be led: http.client takes longer than all the rest
        import json

        from apiproxy_runtime.scripting.python.detours import install

        install(json.loads(detours))


def main() -> None:
    """Serve the host until it goes."""
    channel = Channel()
    names = python2.functions(python2.importer())
    programs: dict[int, tuple[CodeType, ...]] = {}
    # a script that loops while the host dies must not be left behind
    timer = getattr(signal, "setitimer", None)
    sys.addaudithook(guard)
    while True:
        frame = channel.receive()
        if frame[0] == "run":
            _, number, known, found, seconds = frame
            if timer is not None:
                timer(signal.ITIMER_REAL, seconds + 2)
            run(channel, programs[number], names, known, found)
            if timer is not None:
                timer(signal.ITIMER_REAL, 0)
        elif frame[0] == "load":
            programs[frame[1]] = frame[2]
        else:
            programs.pop(frame[1], None)
