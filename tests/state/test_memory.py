"""What only the memory store does: forgetting what has expired."""

from apiproxy_runtime.state import memory
from apiproxy_runtime.state.memory import MemoryStore
from apiproxy_runtime.world import FrozenWorld


def test_expired_entries_are_swept_away_by_later_writes() -> None:
    world = FrozenWorld()
    store = MemoryStore(world)
    for number in range(1000):
        store.put("cache", str(number), "value", 10)
        store.count("quota", str(number), 1, 9, world.now() + 10)
        store.roll("roll", str(number), 1, 9, 10)
        store.spike("spike", str(number), 10)
    store.put("cache", "forever", "value")
    world.time += 10
    for number in range(2 * memory.SWEEP_AFTER):
        store.put("cache", "live", str(number), 10)
    assert store.delete_prefix("cache") == 2
    assert store.spaces() == []


def test_a_sweep_in_the_middle_of_a_new_counter_keeps_it() -> None:
    world = FrozenWorld()
    store = MemoryStore(world)
    for number in range(memory.SWEEP_AFTER + 10):
        for _ in range(2):
            count = store.count("quota", str(number), 1, 9, world.now() + 10)
            slots = store.roll("roll", str(number), 1, 9, 10)
        assert (count.used, slots.used) == (2, 2)
        assert store.spike("spike", str(number), 10)
        assert not store.spike("spike", str(number), 10)
