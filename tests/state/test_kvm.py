import base64
from pathlib import Path

import pytest

from apiproxy_runtime.state.kvm import KeyValueMaps
from apiproxy_runtime.state.open import open_store
from apiproxy_runtime.state.store import Store, StoreError, settled


@pytest.fixture
def maps(store: Store, monkeypatch: pytest.MonkeyPatch) -> KeyValueMaps:
    monkeypatch.setenv("APIPROXY_STATE_KEY", base64.b64encode(bytes(32)).decode())
    return KeyValueMaps(store, "org", "test")


@pytest.mark.parametrize("values", [["v"], [""], ["a", "b", ""], [], ["=x"], ['["x"]'], ["ä€😀\ud800"]])
@pytest.mark.parametrize("encrypted", [False, True])
async def test_values_come_back_in_order(maps: KeyValueMaps, values: list[str], encrypted: bool) -> None:
    kvm = maps.map("environment", "settings")
    await settled(kvm.create(encrypted=encrypted))
    assert await settled(kvm.put("key", values))
    assert await settled(kvm.get("key")) == values
    assert await settled(kvm.entries()) == [("key", values)]


async def test_a_missing_entry_or_map_is_none(maps: KeyValueMaps) -> None:
    kvm = maps.map("environment", "settings")
    assert await settled(kvm.get("key")) is None
    assert await settled(maps.names("environment")) == {}
    await settled(kvm.put("other", ["v"]))
    assert await settled(kvm.get("key")) is None


async def test_put_without_override_keeps_what_is_there(maps: KeyValueMaps) -> None:
    kvm = maps.map("environment", "settings")
    assert await settled(kvm.put("key", ["first"], override=False))
    assert not await settled(kvm.put("key", ["second"], override=False))
    assert await settled(kvm.get("key")) == ["first"]
    assert await settled(kvm.put("key", ["third"]))
    assert await settled(kvm.get("key")) == ["third"]


async def test_a_map_comes_into_being_with_its_first_entry_and_stays_without_entries(
    maps: KeyValueMaps,
) -> None:
    kvm = maps.map("environment", "settings")
    await settled(kvm.put("key", ["v"]))
    assert await settled(kvm.delete("key"))
    assert not await settled(kvm.delete("key"))
    assert await settled(kvm.get("key")) is None
    assert await settled(maps.names("environment")) == {"settings": False}


async def test_maps_are_listed_created_and_dropped(maps: KeyValueMaps) -> None:
    assert await settled(maps.map("environment", "b").create(encrypted=True))
    assert await settled(maps.map("environment", "a/b").create())
    assert not await settled(maps.map("environment", "b").create())
    await settled(maps.map("environment", "b").put("key", ["v"]))
    assert await settled(maps.names("environment")) == {"a/b": False, "b": True}
    assert await settled(maps.map("environment", "b").drop())
    assert not await settled(maps.map("environment", "b").drop())
    assert await settled(maps.map("environment", "b").get("key")) is None
    assert await settled(maps.names("environment")) == {"a/b": False}


async def test_each_scope_has_its_own_maps(store: Store, maps: KeyValueMaps) -> None:
    other = KeyValueMaps(store, "org", "prod")
    own = [
        maps.map("organization", "m"),
        maps.map("environment", "m"),
        other.map("environment", "m"),
        maps.map("apiproxy", "m", proxy="p1"),
        maps.map("apiproxy", "m", proxy="p2"),
        maps.map("policy", "m", proxy="p1", policy="KVM-1"),
        maps.map("policy", "m", proxy="p1", policy="KVM-2"),
        KeyValueMaps(store, "org2", "test").map("environment", "m"),
    ]
    for number, kvm in enumerate(own):
        assert await settled(kvm.put("key", [str(number)], override=False)), number
    for number, kvm in enumerate(own):
        assert await settled(kvm.get("key")) == [str(number)]
    # What environments share:
    assert await settled(other.map("organization", "m").get("key")) == ["0"]
    assert await settled(other.map("apiproxy", "m", proxy="p1").get("key")) == ["3"]
    assert await settled(maps.names("apiproxy", proxy="p2")) == {"m": False}


def test_an_unknown_scope_is_refused() -> None:
    maps = KeyValueMaps(open_store("memory"), "org", "test")
    with pytest.raises(
        ValueError, match="is not a scope of key value maps: use organization, environment, apiproxy"
    ):
        maps.map("proxy", "m")


async def test_seeding_sets_what_it_names_and_leaves_the_rest(maps: KeyValueMaps) -> None:
    kvm = maps.map("environment", "settings")
    await settled(kvm.put("mine", ["v"]))
    await settled(kvm.put("changed", ["old"]))
    entries = {"changed": "new", "several": ["a", "b"], "one": "x"}
    assert await settled(kvm.seed(entries)) == 3
    assert await settled(kvm.seed(entries)) == 0
    assert await settled(kvm.entries()) == [
        ("changed", ["new"]),
        ("mine", ["v"]),
        ("one", ["x"]),
        ("several", ["a", "b"]),
    ]
    assert await settled(maps.map("organization", "empty").seed({}, encrypted=True)) == 0
    assert await settled(maps.names("organization")) == {"empty": True}


async def test_entries_are_paged(maps: KeyValueMaps) -> None:
    kvm = maps.map("environment", "settings")
    await settled(kvm.seed({f"k{number}": str(number) for number in range(5)}))
    assert await settled(kvm.entries(limit=2)) == [("k0", ["0"]), ("k1", ["1"])]
    assert await settled(kvm.entries(after="k1", limit=2)) == [("k2", ["2"]), ("k3", ["3"])]


def test_encrypted_values_never_reach_the_disk_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APIPROXY_STATE_KEY", raising=False)
    store = open_store(f"sqlite:{tmp_path}/state.db")
    maps = KeyValueMaps(store, "org", "test")
    maps.map("environment", "hidden").seed({"key": "correct horse"}, encrypted=True)
    maps.map("environment", "hidden").put("second", ["battery staple"])
    maps.map("environment", "open").seed({"key": "plain text"})
    assert maps.map("environment", "hidden").get("second") == ["battery staple"]
    store.close()
    assert (tmp_path / "state.db.key").exists()
    data = (tmp_path / "state.db").read_bytes()
    assert b"plain text" in data
    assert b"correct horse" not in data
    assert b"battery staple" not in data


async def test_redis_keeps_plain_maps_without_a_key_but_no_encrypted_ones(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APIPROXY_STATE_KEY", raising=False)
    store = open_store(redis_url)
    await settled(store.clear())
    maps = KeyValueMaps(store, "org", "test")
    await settled(maps.map("environment", "open").put("key", ["v"]))
    await settled(maps.map("environment", "hidden").create(encrypted=True))
    with pytest.raises(StoreError, match="set APIPROXY_STATE_KEY"):
        await settled(maps.map("environment", "hidden").put("key", ["v"]))
    assert await settled(maps.map("environment", "open").get("key")) == ["v"]
    await settled(store.close())


def test_memory_keeps_encrypted_maps_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APIPROXY_STATE_KEY", raising=False)
    kvm = KeyValueMaps(open_store("memory"), "org", "test").map("environment", "hidden")
    assert kvm.seed({"key": "v"}, encrypted=True) == 1
    assert kvm.get("key") == ["v"]
