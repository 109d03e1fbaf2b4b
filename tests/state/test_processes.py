"""Several processes on one store: every count is exact."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from apiproxy_runtime.state.open import open_store
from apiproxy_runtime.state.store import settled
from apiproxy_runtime.world import World

PROCESSES = 4
CALLS = 150

WORKER = """
import asyncio, sys, time
from apiproxy_runtime.state.open import open_store
from apiproxy_runtime.state.store import settled

address, start, calls = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
END = 4e9

async def work():
    store = open_store(address)
    won = [0] * 5
    for call in range(calls):
        won[0] += (await settled(store.count("count", "free", 1, None, END))).allowed
        won[1] += (await settled(store.count("count", "limited", 1, calls + 7, END))).allowed
        won[2] += (await settled(store.roll("roll", "limited", 1, calls + 7, 3600))).allowed
        won[3] += await settled(store.compare_and_set("claim", str(call), None, "mine"))
        won[4] += await settled(store.spike("spike", str(call), 3600))
    print(*won)
    await settled(store.close())

time.sleep(max(start - time.time(), 0))
asyncio.run(work())
"""


def spawn(address: str, start: float) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WORKER, address, str(start), str(CALLS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def test_counts_of_several_processes_are_exact(shared_address: str) -> None:
    store = open_store(shared_address, World())
    await settled(store.clear())
    await settled(store.close())
    # All begin at one moment, so that they also meet while opening the store.
    start = time.time() + 1.5
    workers = [spawn(shared_address, start) for _ in range(PROCESSES)]
    won = [0] * 5
    for worker in workers:
        output, errors = worker.communicate(timeout=100)
        assert worker.returncode == 0, errors
        won = [one + int(other) for one, other in zip(won, output.split(), strict=True)]
    assert won == [PROCESSES * CALLS, CALLS + 7, CALLS + 7, CALLS, CALLS]

    store = open_store(shared_address, World())
    assert (await settled(store.count("count", "free", 0, None, 4e9))).used == PROCESSES * CALLS
    limited = await settled(store.count("count", "limited", 0, None, 4e9))
    assert (limited.used, limited.exceeded) == (CALLS + 7, (PROCESSES - 1) * CALLS - 7)
    assert (await settled(store.roll("roll", "limited", 0, None, 3600))).used == CALLS + 7
    await settled(store.close())


VICTIM = """
import sys
from apiproxy_runtime.state.open import open_store
store = open_store(sys.argv[1])
for number in range(10**9):
    store.put("space", "key", str(number))
    store.count("count", "key", 1, None, 4e9)
    print(number, flush=True)
"""


async def test_sqlite_keeps_everything_acknowledged_when_its_process_is_killed(tmp_path: Path) -> None:
    address = f"sqlite:{tmp_path}/state.db"
    victim = subprocess.Popen([sys.executable, "-c", VICTIM, address], stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    told = [victim.stdout.readline() for _ in range(200)]
    victim.kill()
    told += [line for line in victim.stdout if line.endswith("\n")]
    last = int(told[-1])
    victim.wait()
    store = open_store(address)
    kept = await settled(store.get("space", "key"))
    assert kept in (str(last), str(last + 1))
    assert (await settled(store.count("count", "key", 0, None, 4e9))).used in (last + 1, last + 2)
    await settled(store.close())


@pytest.mark.parametrize("durable", [False, True])
async def test_another_process_sees_a_write_at_once(shared_address: str, durable: bool) -> None:
    reader = "\n".join(
        (
            "import asyncio, sys",
            "from apiproxy_runtime.state.open import open_store",
            "from apiproxy_runtime.state.store import settled",
            "async def read():",
            "    print(await settled(open_store(sys.argv[1]).get('space', 'key')))",
            "asyncio.run(read())",
        )
    )
    store = open_store(shared_address)
    await settled(store.put("space", "key", f"durable={durable}", durable=durable))
    output = subprocess.run(
        [sys.executable, "-c", reader, shared_address], capture_output=True, text=True, check=True, timeout=60
    )
    assert output.stdout == f"durable={durable}\n"
    await settled(store.close())
