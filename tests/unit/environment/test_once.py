"""The remembered verdicts: found once, whoever asks and however many at a time."""

from __future__ import annotations

import os
import threading

import pytest

from mcptelemetry.environment import detect_env_kind_once, detect_launch_source_once
from mcptelemetry.environment._once import Once
from mcptelemetry.vocabulary import EnvKind, LaunchSource


def test_once_finds_an_answer_once_for_fifty_threads() -> None:
    """Fifty threads that ask at the same moment share one finding and one answer."""
    once: Once[str, object] = Once()
    barrier = threading.Barrier(50)
    found: list[int] = []
    answers: list[object] = []

    def find() -> object:
        found.append(1)
        return object()

    def ask() -> None:
        barrier.wait(10)
        answers.append(once.get("key", find))

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(found) == 1
    assert len(answers) == 50
    assert len(set(map(id, answers))) == 1


def test_once_keeps_an_answer_for_each_key() -> None:
    """Two keys have two answers, and neither is found again."""
    once: Once[str, str] = Once()
    assert [once.get(key, key.upper) for key in ("a", "b")] == ["A", "B"]
    assert [once.get(key, str) for key in ("a", "b")] == ["A", "B"]


def test_once_does_not_keep_a_failure() -> None:
    """A finding that raises is tried again at the next question."""
    once: Once[str, int] = Once()
    with pytest.raises(ZeroDivisionError):
        once.get("key", lambda: 1 // 0)
    assert once.get("key", lambda: 7) == 7


def test_once_may_be_asked_while_it_is_finding() -> None:
    """A question from within a finding, as a signal handler may put it, does not hang."""
    once: Once[str, int] = Once()
    assert once.get("key", lambda: once.get("key", lambda: 1) + 1) in (1, 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.timeout(60)
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_once_answers_in_a_child_forked_while_a_thread_was_finding() -> None:
    """A child forked in the middle of another thread's finding gets an answer of its own."""
    once: Once[str, int] = Once()
    begun, release = threading.Event(), threading.Event()

    def find_slowly() -> int:
        begun.set()
        release.wait(10)
        return 1

    thread = threading.Thread(target=once.get, args=("key", find_slowly), daemon=True)
    thread.start()
    assert begun.wait(10)
    child = os.fork()
    if child == 0:
        os._exit(once.get("key", lambda: 42))
    release.set()
    thread.join(10)
    _, status = os.waitpid(child, 0)
    assert status >> 8 == 42


def test_detect_env_kind_once_remembers() -> None:
    """The real verdict is one object for the life of the process."""
    first = detect_env_kind_once()
    assert first[0] in set(EnvKind)
    assert detect_env_kind_once() is first


def test_detect_launch_source_once_remembers_for_each_application() -> None:
    """A handshake that comes later does not change a remembered source, nor another application's."""

    class Tray:
        def launched_via_tray(self) -> bool:
            return True

    assert detect_launch_source_once(app="with-tray", handshake=Tray()) is LaunchSource.TRAY
    assert detect_launch_source_once(app="with-tray") is LaunchSource.TRAY
    without = detect_launch_source_once(app="without-tray")
    assert without is not LaunchSource.TRAY
    assert detect_launch_source_once(app="without-tray", handshake=Tray()) is without
