"""Several processes, one host: the worker with the control port tells the others over a socket what to serve.

A message is its length (8 bytes) and a pickle; both ends are processes of one start, joined by a socket pair that was
made before they were forked.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import socket
from collections.abc import Callable, Mapping
from typing import Any

from apiproxy_runtime.bundle.finding import DeployError, Finding
from apiproxy_runtime.control.replica import LocalReplica, Plan, ReplicaGone
from apiproxy_runtime.state.store import StoreError

logger = logging.getLogger("apiproxy")

#: Seconds that a worker gets to compile or to swap.
PATIENCE = 120.0


class WorkerReplica:
    """A worker, seen from the process that has the control port.

    One that was silent for too long is given up, and ends when it notices: it may have missed a deploy, and a late
    answer would be taken for that to another question.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._gone = ""
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._lock = asyncio.Lock()

    async def prepare(self, plan: Plan) -> tuple[Finding, ...]:
        answer: tuple[Finding, ...] = await self._ask("prepare", plan)
        return answer

    async def commit(self) -> None:
        await self._ask("commit", None)

    async def abort(self) -> None:
        await self._ask("abort", None)

    async def ask(self, what: str, content: object = None) -> Any:
        """What the worker tells of itself: one of the `answers` it was given. Raises ReplicaGone."""
        return await self._ask(what, content)

    async def _ask(self, what: str, content: object) -> Any:
        """The worker's answer. Raises ReplicaGone when it has ended or is silent, or whatever it raised itself."""
        async with self._lock:
            if self._gone:
                raise ReplicaGone(self._gone)
            try:
                async with asyncio.timeout(PATIENCE):
                    if self._streams is None:
                        self._streams = await asyncio.open_connection(sock=self._socket)
                    reader, writer = self._streams
                    await _write(writer, (what, content))
                    kind, answer = await _read(reader)
            except (OSError, EOFError, TimeoutError) as error:
                self._give_up(str(error) or type(error).__name__)
                raise ReplicaGone(self._gone) from None
            except BaseException as error:
                # what it was asked is not answered yet
                self._give_up(type(error).__name__)
                raise
        if kind == "refused":
            raise DeployError(answer)
        if kind == "not kept":
            raise StoreError(f"in a worker: {answer}")
        if kind == "failed":
            raise RuntimeError(f"a worker failed: {answer}")
        return answer

    def _give_up(self, why: str) -> None:
        self._gone = why
        if self._streams is not None:
            self._streams[1].close()


async def obey(
    end: socket.socket,
    replica: LocalReplica,
    committed: Callable[[], None],
    answers: Mapping[str, Callable[[Any], object]],
) -> None:
    """Do what the process with the control port says, until it ends.

    `committed` is called after each commit; `answers` give what is asked for besides
    (counts of requests, transactions), made of what comes with the question.
    """
    reader, writer = await asyncio.open_connection(sock=end)
    while True:
        try:
            what, content = await _read(reader)
        except (OSError, EOFError):
            return
        answer: tuple[str, object]
        try:
            answer = ("done", ())
            if what == "prepare":
                answer = ("done", await replica.prepare(content))
            elif what == "commit":
                await replica.commit()
                committed()
            elif what in answers:
                answer = ("done", answers[what](content))
            else:
                await replica.abort()
        except DeployError as error:
            answer = ("refused", error.findings)
        except StoreError as error:
            answer = ("not kept", str(error))
        except Exception as error:
            logger.exception("A deploy failed in a worker")
            answer = ("failed", f"{type(error).__name__}: {error}")
        await _write(writer, answer)


async def _write(writer: asyncio.StreamWriter, message: object) -> None:
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    writer.write(len(content).to_bytes(8, "big"))
    writer.write(content)
    await writer.drain()


async def _read(reader: asyncio.StreamReader) -> Any:
    """The next message. Raises EOFError when the other end is closed."""
    length = int.from_bytes(await reader.readexactly(8), "big")
    return pickle.loads(await reader.readexactly(length))
