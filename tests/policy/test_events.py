"""Published events, emitters and listeners."""

from __future__ import annotations

import pytest

from apiproxy_runtime.policy.events import Data, EventKind, Events

SOLD = EventKind("shop", "sold", ("item", "price"), ("item",), "Something was sold")


def test_emitter_is_false_and_silent_while_nobody_listens() -> None:
    sold = Events().publish(SOLD)

    sold({"item": "cup"})

    assert not sold


def test_listener_hears_what_it_wants_and_nothing_else() -> None:
    events, told = Events(), []
    sold, lost = events.publish(SOLD), events.publish(EventKind("shop", "lost"))
    events.listen(lambda kind, data: told.append((kind.name, data)), lambda kind: kind.name == "sold")

    sold({"item": "cup"})
    lost({"item": "key"})

    assert (bool(sold), bool(lost)) == (True, False)
    assert told == [("sold", {"item": "cup"})]


def test_listener_that_comes_first_hears_what_is_published_later() -> None:
    events, told = Events(), []
    events.listen(lambda kind, data: told.append(data), lambda kind: True)

    events.publish(SOLD)({"item": "cup"})

    assert told == [{"item": "cup"}]


def test_listener_that_left_hears_nothing_more() -> None:
    events, told = Events(), []
    sold = events.publish(SOLD)
    end = events.listen(lambda kind, data: told.append(data), lambda kind: True)

    end()
    end()
    sold({"item": "cup"})

    assert (bool(sold), told) == (False, [])


def test_listener_that_changes_its_mind_is_asked_again_on_reconsider() -> None:
    events, wanted = Events(), set[str]()
    sold = events.publish(SOLD)
    events.listen(lambda kind, data: None, lambda kind: kind.name in wanted)
    before = bool(sold)

    wanted.add("sold")
    events.reconsider()

    assert (before, bool(sold)) == (False, True)


def test_failing_listener_harms_neither_the_emitter_nor_other_listeners(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events, told = Events(), []
    sold = events.publish(SOLD)

    def fail(kind: EventKind, data: Data) -> None:
        raise OSError("disk full")

    events.listen(fail, lambda kind: True)
    events.listen(lambda kind, data: told.append(data), lambda kind: True)
    sold({"item": "cup"})

    assert told == [{"item": "cup"}]
    assert "A listener to shop/sold failed" in caplog.text


def test_publishing_again_keeps_the_emitter_and_takes_the_new_fields() -> None:
    events = Events()
    first = events.publish(SOLD)
    newer = EventKind("shop", "sold", ("item", "price", "colour"))

    assert events.publish(newer) is first
    assert events.kinds() == [newer]


def test_event_is_emitted_by_its_name_and_must_be_published() -> None:
    events, told = Events(), []
    events.publish(SOLD)
    events.listen(lambda kind, data: told.append(data), lambda kind: True)

    events.emit("shop", "sold", {"item": "cup"})

    assert told == [{"item": "cup"}]
    with pytest.raises(LookupError, match="shop/stolen was not published"):
        events.emit("shop", "stolen", {})
