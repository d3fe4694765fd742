"""Readers take turns at the store, and who waits too long is told so."""

from __future__ import annotations

from typing import Any

import pytest

from mcptelemetry.collector import Filter, Questions, SqliteStore, StoreError
from mcptelemetry.collector._requests import Refusal
from mcptelemetry.collector._turns import NoTurn, Turns


def fail(error: StoreError) -> None:
    """Fail: nothing is to be noted."""
    pytest.fail(f"noted as an outage: {error}")


def test_questions_are_asked_one_at_a_time(store: SqliteStore) -> None:
    """While one question is asked no other is, and after it the turn is free, however it ended."""
    turns = Turns(wait_secs=0.01)
    asked = turns.asked_in_turn(store, fail)
    assert asked.apps(Filter()) == {}
    with turns.turn(), pytest.raises(NoTurn, match="others are reading"):
        asked.apps(Filter())
    with pytest.raises(TypeError):
        asked.apps()  # type: ignore[call-arg]  # on purpose
    assert asked.apps(Filter()) == {}


def test_wait_that_is_too_long_is_refused_with_the_seconds_to_wait() -> None:
    """A reader for whom there is no turn in time is asked to come again."""
    turns = Turns(wait_secs=0.01)
    with turns.turn(), pytest.raises(Refusal) as caught, turns.turn():
        pass
    assert (caught.value.response.status, dict(caught.value.response.headers)) == (503, {"Retry-After": "5"})
    with turns.turn():
        pass


def test_outage_is_noted_and_passed_on(store: SqliteStore) -> None:
    """A store that cannot be used is told to whoever looks after it, and to whoever asked."""
    noted: list[StoreError] = []
    asked = Turns().asked_in_turn(store, noted.append)
    with open(store.path, "wb") as file:
        file.write(b"x" * 4096)
    with pytest.raises(StoreError) as caught:
        asked.apps(Filter())
    assert noted == [caught.value]


def test_whoever_asks_finds_what_the_store_can_answer(store: SqliteStore) -> None:
    """The questions are those of the store, no more and no fewer, and nothing can be taken in through them."""
    asked: Any = Turns().asked_in_turn(store, fail)
    assert isinstance(asked, Questions)
    assert not any(hasattr(asked, name) for name in ("add_events", "mark_read", "prune"))

    class Few:
        def apps(self, _asked: Filter) -> dict[str, int]:
            return {"a": 1}

    few: Any = Turns().asked_in_turn(Few(), fail)  # type: ignore[arg-type]  # a store of events only
    assert (few.apps(Filter()), hasattr(few, "inbox"), isinstance(few, Questions)) == ({"a": 1}, False, False)
