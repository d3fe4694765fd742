"""Whether the application starts at login, read from the tray's file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mcptelemetry.environment import AutostartReader

HOUR = 3600.0


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def sidecar(tmp_path: Path) -> Path:
    return tmp_path / "tray-autostart.json"


def write(sidecar: Path, enabled: object) -> None:
    sidecar.write_text(json.dumps({"enabled": enabled, "updated_at": "2026-11-21T05:00:00Z"}))


@pytest.mark.parametrize("os_name", ["darwin", "windows"])
@pytest.mark.parametrize("enabled", [True, False])
def test_read_autostart_gives_what_the_tray_wrote(sidecar: Path, enabled: bool, os_name: str) -> None:
    """True and false come back as they were written."""
    write(sidecar, enabled)
    assert AutostartReader(sidecar, os_name=os_name).read() is enabled


def test_read_autostart_missing_file(sidecar: Path) -> None:
    """Without a file nothing is known."""
    assert AutostartReader(sidecar, os_name="darwin").read() is None


def test_read_autostart_boot_race_does_not_poison_cache(sidecar: Path) -> None:
    """A file that the tray writes just after the first look is seen at the second."""
    clock = Clock()
    reader = AutostartReader(sidecar, clock, "darwin")
    assert reader.read() is None
    write(sidecar, True)
    assert reader.read() is True
    assert clock.now == Clock().now


def test_read_autostart_keeps_an_answer_for_one_hour(sidecar: Path) -> None:
    """An answer stands for 3,600 seconds and is then read anew."""
    clock = Clock()
    reader = AutostartReader(sidecar, clock, "darwin")
    write(sidecar, True)
    assert reader.read() is True
    write(sidecar, False)
    clock.now += HOUR - 1
    assert reader.read() is True
    clock.now += 1
    assert reader.read() is False


def test_read_autostart_keeps_an_answer_when_the_file_goes_away(sidecar: Path) -> None:
    """Within the hour a deleted file changes nothing, after it nothing is known."""
    clock = Clock()
    reader = AutostartReader(sidecar, clock, "darwin")
    write(sidecar, True)
    assert reader.read() is True
    sidecar.unlink()
    assert reader.read() is True
    clock.now += HOUR
    assert reader.read() is None


def test_read_autostart_reads_anew_when_the_clock_was_set_back(sidecar: Path) -> None:
    """A clock that steps back does not make an answer live longer."""
    clock = Clock()
    reader = AutostartReader(sidecar, clock, "darwin")
    write(sidecar, True)
    assert reader.read() is True
    write(sidecar, False)
    clock.now -= 86_400
    assert reader.read() is False


MALFORMED = {
    "empty": b"",
    "half-written": b'{"enabled": tr',
    "not-json": b"enabled = true",
    "a-list": b"[true]",
    "a-bare-true": b"true",
    "no-enabled": b'{"updated_at": "2026-11-21T05:00:00Z"}',
    "enabled-null": b'{"enabled": null}',
    "enabled-a-string": b'{"enabled": "true"}',
    "enabled-a-number": b'{"enabled": 1}',
    "not-utf-8": b'{"enabled": \xff}',
    "not-a-number": b"NaN",
    "too-deep": b"[" * 50_000,
    "too-large": b'{"enabled": true, "x": "' + b"x" * 70_000 + b'"}',
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED.keys())
def test_read_autostart_malformed_is_unknown_and_kept(sidecar: Path, content: bytes) -> None:
    """A malformed file is unknown, and that answer is kept for the hour."""
    clock = Clock()
    reader = AutostartReader(sidecar, clock, "darwin")
    sidecar.write_bytes(content)
    assert reader.read() is None
    write(sidecar, True)
    assert reader.read() is None
    clock.now += HOUR
    assert reader.read() is True


def test_read_autostart_reads_a_file_with_a_byte_order_mark(sidecar: Path) -> None:
    """A file as some Windows programs write it is no malformed file."""
    sidecar.write_bytes(b'\xef\xbb\xbf{"enabled": true}')
    assert AutostartReader(sidecar, os_name="windows").read() is True


def test_read_autostart_unreadable_is_not_kept(sidecar: Path) -> None:
    """What cannot be read is unknown now and asked again at the next call."""
    sidecar.mkdir()
    reader = AutostartReader(sidecar, Clock(), "darwin")
    assert reader.read() is None
    sidecar.rmdir()
    write(sidecar, False)
    assert reader.read() is False


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.timeout(60)
def test_read_autostart_never_waits_for_a_pipe(sidecar: Path) -> None:
    """A named pipe in the file's place is unreadable, not something to wait for."""
    os.mkfifo(sidecar)
    assert AutostartReader(sidecar, os_name="darwin").read() is None


def test_read_autostart_path_that_cannot_be_one() -> None:
    """A path that no file system can hold is a file that is not there."""
    assert AutostartReader("\0", os_name="darwin").read() is None


def test_read_autostart_on_linux_never_touches_the_disk(sidecar: Path) -> None:
    """On Linux there is no tray: the answer is None, without a look at the clock or the file."""

    def no_clock() -> float:
        pytest.fail("the clock was read")

    write(sidecar, True)
    before = sidecar.stat().st_atime_ns
    assert AutostartReader(sidecar, no_clock, "linux").read() is None
    assert sidecar.stat().st_atime_ns == before


@pytest.mark.skipif(os.name != "posix" or os.uname().sysname != "Linux", reason="asks for this system's default")
def test_default_autostart_reader(sidecar: Path) -> None:
    """Without being told a system, the reader is this system's: on Linux it knows nothing."""
    write(sidecar, True)
    assert AutostartReader(sidecar).read() is None
