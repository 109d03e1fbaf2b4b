"""A host and a worker over a real socket: what one process refuses, none serves."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import socket
from collections.abc import AsyncIterator

import pytest

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.control import workers
from apiproxy_runtime.control.content import Content
from apiproxy_runtime.control.documents import Documents
from apiproxy_runtime.control.files import Files
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.control.organization import Deployment
from apiproxy_runtime.control.replica import LocalReplica, ReplicaGone
from apiproxy_runtime.control.workers import WorkerReplica, obey
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.state.open import open_store
from apiproxy_runtime.state.store import StoreError
from tests.control.house import says

#: A port of this machine on which nothing listens.
NOWHERE = "redis://127.0.0.1:1/0"


def replica(state: str) -> LocalReplica:
    store = open_store(state)
    return LocalReplica(store, lambda environment: Runtime(environment, TestData(), store))


@contextlib.asynccontextmanager
async def two(state_of_worker: str) -> AsyncIterator[tuple[Host, LocalReplica, socket.socket]]:
    """A host with one worker, which has a state of its own, and the worker's end of the socket."""
    here, there = socket.socketpair()
    worker = replica(state_of_worker)
    obeying = asyncio.get_running_loop().create_task(obey(there, worker, lambda: None, {}))
    host = Host("hybrid", "test", replica("memory"), [WorkerReplica(here)])
    await host.start(Content())
    try:
        yield host, worker, there
    finally:
        here.close()
        there.close()
        obeying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await obeying
        await host.here.close(0)
        await worker.close(0)


async def deploy(host: Host, text: str) -> None:
    files = Files({path: content.encode() for path, content in says("hello", text).items()}, "hello")
    async with host.change() as draft:
        revision = draft.import_revision("apiproxy", "hello", files, created_at=1)
        draft.deploy("test", [Deployment(revision)])


def served(of: LocalReplica) -> list[str]:
    runtime = of.runtime(Environment())
    return [f"{name} {program.deployment.revision}" for name, program in runtime.router.proxies.items()]


async def test_both_processes_serve_what_is_deployed() -> None:
    async with two("memory") as (host, worker, _):
        await deploy(host, "one")
        assert served(worker) == served(host.here) == ["hello 1"]


async def test_what_a_worker_cannot_take_nobody_serves() -> None:
    """The worker's store is out of reach, which it notices when an app needs a key drawn."""

    async def revise(host: Host) -> None:
        async with host.change() as draft:
            draft.documents.put("developerapps", "a@b.c/a", {"name": "a", "developerEmail": "a@b.c"})
            draft.undeploy("test", "apiproxy", "hello")

    async with two(NOWHERE) as (host, worker, _):
        await deploy(host, "one")
        with pytest.raises(StoreError, match="in a worker"):
            await revise(host)
        assert served(worker) == served(host.here) == ["hello 1"]
        assert host.organization.documents == Documents()
        await deploy(host, "two")
        assert served(worker) == served(host.here) == ["hello 2"]


@pytest.mark.parametrize("how", ["silent", "cancelled"])
async def test_a_worker_that_does_not_answer_is_given_up_and_told_so(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late answer would be taken for that to the next question, which is why there is none."""
    monkeypatch.setattr(workers, "PATIENCE", 0.2 if how == "silent" else 30)
    here, there = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=there)
    worker = WorkerReplica(here)
    asking = asyncio.ensure_future(worker.ask("tally"))
    await reader.readexactly(8)
    if how == "cancelled":
        asking.cancel()
    with pytest.raises((ReplicaGone, asyncio.CancelledError)):
        await asking
    with pytest.raises(ReplicaGone):
        await worker.ask("trace")
    async with asyncio.timeout(5):
        assert pickle.loads(await reader.read()) == ("tally", None)
        assert reader.at_eof()
    writer.close()


async def test_a_worker_that_has_ended_is_left_out() -> None:
    async with two("memory") as (host, _, end):
        await deploy(host, "one")
        end.shutdown(socket.SHUT_RDWR)
        await deploy(host, "two")
        assert host.others == []
        assert served(host.here) == ["hello 2"]
