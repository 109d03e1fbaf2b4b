import base64
import stat
import threading
from pathlib import Path

import pytest

from apiproxy_runtime.state.open import open_store
from apiproxy_runtime.state.secret import SecretKey, secret_key
from apiproxy_runtime.state.store import Store, StoreError

KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.mark.parametrize("text", ["", "secret", "ä€😀\ud800", "x" * 100_000])
def test_what_is_sealed_opens_in_its_place_only(text: str) -> None:
    key = SecretKey(bytes(32))
    sealed = key.seal(text, "here")
    assert not text or text.encode("utf-8", "surrogatepass") not in sealed
    assert key.unseal(sealed, "here") == text
    assert key.seal(text, "here") != sealed
    with pytest.raises(StoreError, match="sealed with another key"):
        key.unseal(sealed, "there")


@pytest.mark.parametrize("damage", [b"", b"\x01", b"\x02" + bytes(60), b"\x01" + bytes(60)])
def test_another_key_or_damage_is_an_error(damage: bytes) -> None:
    with pytest.raises(StoreError, match="set APIPROXY_STATE_KEY to the key it was stored"):
        SecretKey(bytes(32)).unseal(damage, "here")
    with pytest.raises(StoreError, match="sealed with another key"):
        SecretKey(bytes(32)).unseal(SecretKey(bytes(31) + b"\x01").seal("text", "here"), "here")


async def test_the_key_of_the_environment_serves_every_store(store: Store) -> None:
    key = secret_key(store, {"APIPROXY_STATE_KEY": f" {KEY}\n"})
    assert key is not None
    assert key.unseal(SecretKey(bytes(range(32))).seal("text", "here"), "here") == "text"


@pytest.mark.parametrize("text", ["short", "not base64!", base64.b64encode(bytes(16)).decode()])
def test_a_malformed_key_is_refused(text: str) -> None:
    with pytest.raises(StoreError, match=r"APIPROXY_STATE_KEY must hold 32 bytes in base64"):
        secret_key(open_store("memory"), {"APIPROXY_STATE_KEY": text})


def test_memory_keeps_secrets_plain_without_a_key() -> None:
    assert secret_key(open_store("memory"), {}) is None


def test_redis_needs_a_key() -> None:
    with pytest.raises(
        StoreError, match="set APIPROXY_STATE_KEY to 32 bytes in base64, the same on every machine"
    ):
        secret_key(open_store("redis://127.0.0.1/0"), {})


def test_sqlite_makes_a_key_file_for_its_owner_and_uses_it_again(tmp_path: Path) -> None:
    for _ in range(2):
        store = open_store(f"sqlite:{tmp_path}/state.db")
        key = secret_key(store, {})
        assert key is not None
        if not (tmp_path / "sealed").exists():
            (tmp_path / "sealed").write_bytes(key.seal("text", "here"))
        assert key.unseal((tmp_path / "sealed").read_bytes(), "here") == "text"
        store.close()
    assert stat.S_IMODE((tmp_path / "state.db.key").stat().st_mode) == 0o600
    assert not list(tmp_path.glob("state.db.key.*"))


def test_workers_that_start_together_get_one_key(tmp_path: Path) -> None:
    store, sealed = open_store(f"sqlite:{tmp_path}/state.db"), []
    barrier = threading.Barrier(8)

    def start() -> None:
        barrier.wait()
        key = secret_key(store, {})
        assert key is not None
        sealed.append(key.seal("text", "here"))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    key = secret_key(store, {})
    assert key is not None
    assert [key.unseal(data, "here") for data in sealed] == ["text"] * 8
    store.close()


def test_a_damaged_key_file_is_named(tmp_path: Path) -> None:
    store = open_store(f"sqlite:{tmp_path}/state.db")
    (tmp_path / "state.db.key").write_text("rubbish")
    with pytest.raises(StoreError, match=r"state\.db\.key must hold 32 bytes in base64"):
        secret_key(store, {})
    store.close()
