"""What is done with the lines of a session, and with its end."""

from __future__ import annotations

import pytest

from mcptelemetry.wrap import Block, Recording, Watch

CALL = Block(b"", b'{"id":3,"method":"tools/call","params":{"name":"add"}}\n', has_gap=False)
ANSWER = Block(b"", b'{"id":3,"result":{"content":[]}}\n', has_gap=False)


class Doings:
    """A recording that notes what is done with it."""

    def __init__(self) -> None:
        self.done: list[object] = []

    def record(self, tool: str, *, latency_ms: int, error_type: str | None, **_fields: object) -> None:
        self.done.append((tool, error_type, latency_ms))

    def deliver(self) -> None:
        self.done.append("deliver")

    def close(self) -> None:
        self.done.append("close")


def test_watch_records_what_it_is_shown_and_delivers_at_the_end() -> None:
    """A call that was answered, one that was not, and then everything leaves."""
    doings = Doings()
    watch = Watch(lambda: doings, pytest.fail)
    watch.look(CALL, 1.0, is_client=True)
    watch.look(ANSWER, 1.5, is_client=False)
    watch.rest()
    watch.look(CALL, 2.0, is_client=True)
    watch.finish(3.0)
    assert doings.done == [("add", None, 500), ("add", "aborted", 1000), "close"]


def test_watch_delivers_at_once_when_the_client_is_leaving() -> None:
    """From the client's leaving on nothing waits for the end, which may come as a SIGKILL."""
    doings = Doings()
    watch = Watch(lambda: doings, pytest.fail)
    watch.look(CALL, 1.0, is_client=True)
    watch.hurry()
    watch.look(ANSWER, 1.5, is_client=False)
    watch.rest()
    assert doings.done == [("add", None, 500), "deliver"]


@pytest.mark.parametrize("is_broken", [True, False])
def test_watch_without_a_recording_looks_at_nothing(*, is_broken: bool) -> None:
    """When telemetry cannot be had, or may not record, the session goes on; only what is broken is said."""

    def open_recording() -> Recording | None:
        if is_broken:
            raise MemoryError("full")
        return None

    said: list[str] = []
    watch = Watch(open_recording, said.append)
    watch.look(CALL, 1.0, is_client=True)
    watch.hurry()
    watch.rest()
    watch.finish(2.0)
    assert said == (["mcptelemetry: this session is not recorded: MemoryError: full"] if is_broken else [])


def test_watch_survives_a_recording_that_fails() -> None:
    """Whatever raises while something is recorded, delivered or closed, nobody notices."""

    class Failing(Doings):
        def record(self, tool: str, **_fields: object) -> None:  # type: ignore[override]
            raise MemoryError

        def deliver(self) -> None:
            raise OSError

        close = deliver

    watch = Watch(Failing, pytest.fail)
    watch.look(CALL, 1.0, is_client=True)
    watch.look(ANSWER, 1.5, is_client=False)
    watch.hurry()
    watch.rest()
    watch.finish(2.0)
