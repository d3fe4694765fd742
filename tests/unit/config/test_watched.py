"""A file that is asked about often: read again exactly when it is another one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mcptelemetry.config import Config, WatchedFile, load_config
from mcptelemetry.errors import ConfigError

LONG_AGO = 1_000_000_000


class Reader:
    """Reads a file, counts how often, and fails on the word bad."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, path: str) -> str:
        self.count += 1
        text = Path(path).read_text() if path and os.path.exists(path) else ""
        if text == "bad":
            raise ConfigError(text)
        return text


def write(path: Path, text: str, at: int = LONG_AGO) -> None:
    """Write *text* as of long ago, so that the file counts as settled."""
    path.write_text(text)
    os.utime(path, (at, at))


def test_watched_file_is_read_once_while_it_stays_the_same(tmp_path: Path) -> None:
    """A thousand questions about an old file, or a missing one, are one reading."""
    reader = Reader()
    watched = WatchedFile(str(tmp_path / "a"), reader)
    assert {watched.look() for _ in range(1000)} == {""}
    assert reader.count == 1
    write(tmp_path / "a", "one")
    assert {watched.look() for _ in range(1000)} == {"one"}
    assert reader.count == 2


def test_watched_file_is_read_again_when_it_changes_comes_or_goes(tmp_path: Path) -> None:
    """Another size, another time, another inode and no file at all are each noticed."""
    reader = Reader()
    watched = WatchedFile(str(tmp_path / "a"), reader)
    for text, at in [("one", LONG_AGO), ("three", LONG_AGO), ("seven", LONG_AGO + 1)]:
        write(tmp_path / "a", text, at)
        assert watched.look() == text
    write(tmp_path / "b", "eight", LONG_AGO + 1)
    os.replace(tmp_path / "b", tmp_path / "a")
    assert watched.look() == "eight"
    os.remove(tmp_path / "a")
    assert watched.look() == ""


def test_watched_file_does_not_trust_a_fresh_time_stamp(tmp_path: Path) -> None:
    """A file that changed just now is read each time: the next change may look the same."""
    reader = Reader()
    watched = WatchedFile(str(tmp_path / "a"), reader, clock=lambda: LONG_AGO + 1.0)
    write(tmp_path / "a", "one")
    watched.look()
    watched.look()
    assert reader.count == 2


def test_watched_file_gives_errors_as_values_and_keeps_none(tmp_path: Path) -> None:
    """What cannot be read is an error value each time, until it can be."""
    reader = Reader()
    watched = WatchedFile(str(tmp_path / "a"), reader)
    write(tmp_path / "a", "bad")
    first, second = watched.look(), watched.look()
    assert isinstance(first, ConfigError)
    assert isinstance(second, ConfigError)
    assert first.__traceback__ is None
    assert reader.count == 2
    write(tmp_path / "a", "good")
    assert watched.look() == "good"


def test_watched_file_that_is_broken_is_not_parsed_again_before_it_changes(tmp_path: Path) -> None:
    """What is wrong in the file itself is kept like any other reading; what is wrong around it is not."""
    count = 0

    def read(path: str) -> object:
        nonlocal count
        count += 1
        return load_config(path)

    watched = WatchedFile(str(tmp_path / "telemetry.toml"), read)
    write(tmp_path / "telemetry.toml", "a." * 10_000 + "a = 1")
    first = watched.look()
    assert isinstance(first, ConfigError)
    assert all(watched.look() is first for _ in range(100))
    assert count == 1
    write(tmp_path / "telemetry.toml", "[telemetry]\nenabled = 5", LONG_AGO + 1)
    assert "true or false" in str(watched.look())
    assert watched.look() is watched.look()
    assert count == 2
    write(tmp_path / "telemetry.toml", "[telemetry]\nenabled = true", LONG_AGO + 2)
    assert isinstance(watched.look(), Config)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_watched_file_that_is_not_obeyed_is_once_its_directory_is_mended(tmp_path: Path) -> None:
    """The file itself need not change for the doubt about it to pass."""
    (tmp_path / "d").mkdir(0o700)
    write(tmp_path / "d" / "telemetry.toml", "[telemetry]\nenabled = true")
    (tmp_path / "d").chmod(0o777)
    watched = WatchedFile(str(tmp_path / "d" / "telemetry.toml"), load_config)
    assert isinstance(watched.look(), ConfigError)
    (tmp_path / "d").chmod(0o700)
    assert isinstance(watched.look(), Config)


def test_young_file_that_is_broken_is_parsed_once(tmp_path: Path) -> None:
    """However young a broken file is, a thousand questions about it are one parse; its mend is seen at once."""
    path = tmp_path / "telemetry.toml"
    path.write_text("enabled = maybe")
    count = 0

    def load(name: str) -> Config:
        nonlocal count
        count += 1
        return load_config(name)

    watched = WatchedFile(str(path), load)
    assert all(isinstance(watched.look(), ConfigError) for _ in range(1000))
    assert count == 1
    path.write_text("")
    path.unlink()
    assert watched.look() == Config()
