"""The mode files: what a person said, and since when."""

from __future__ import annotations

import os
import stat
import sys
from datetime import datetime
from pathlib import Path

import pytest

from mcptelemetry.config import Mode, ModeRecord, person_directory, read_mode, write_mode
from mcptelemetry.errors import ConfigError

NOON = 1_769_860_800.25  # 2026-01-31T12:00:00.25Z


def clock() -> float:
    """Return the same moment always."""
    return NOON


def test_mode_is_written_with_the_moment_it_was_said(tmp_path: Path) -> None:
    """The file holds mode and since, and nothing else."""
    path = tmp_path / "home" / ".acme-mcp" / "telemetry-state.toml"
    record = write_mode(str(path), Mode.OFF, clock=clock)
    assert record == ModeRecord(Mode.OFF, "2026-01-31T12:00:00.250000Z")
    assert path.read_text() == 'mode = "off"\nsince = "2026-01-31T12:00:00.250000Z"\n'
    assert read_mode(str(path)) == record


def test_mode_that_is_missing_says_nothing(tmp_path: Path) -> None:
    """Only a file that is not there says nothing."""
    assert read_mode(str(tmp_path / "gone" / "telemetry-state.toml")) is None
    assert read_mode("") is None


@pytest.mark.parametrize("mode", list(Mode))
def test_mode_that_is_said_twice_changes_nothing(mode: Mode, tmp_path: Path) -> None:
    """On when already on, and the others likewise, leave the file and its moment as they are."""
    path = str(tmp_path / "person.toml")
    first = write_mode(path, mode, clock=clock)
    before = os.stat(path)
    assert write_mode(path, str(mode), clock=lambda: NOON + 60) == first
    after = os.stat(path)
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_since_rises_with_each_change_whatever_the_clock_does(tmp_path: Path) -> None:
    """No two modes carry the same moment, though the clock stands still or is set back."""
    path = str(tmp_path / "person.toml")
    times = [NOON, NOON, NOON - 3600, NOON - 86_400 * 400, NOON]
    seen = [
        write_mode(path, mode, clock=lambda now=now: now).since  # type: ignore[misc]  # bound early
        for now, mode in zip(times, ["on", "off", "on", "off", "on"])
    ]
    assert seen == sorted(set(seen))
    assert [datetime.fromisoformat(since.replace("Z", "+00:00")).tzinfo is not None for since in seen] == [True] * 5


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999Z", "2026-01-31", "?"])
def test_since_that_cannot_be_counted_on_from_is_replaced_by_the_clock(since: str, tmp_path: Path) -> None:
    """A moment out of reach, or none at all, does not keep a person from saying no."""
    path = tmp_path / "person.toml"
    path.write_text(f'mode = "on"\nsince = "{since}"\n')
    assert write_mode(str(path), "off", clock=clock).since == "2026-01-31T12:00:00.250000Z"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"mode",
        b"mode = on\n",
        b'mode = "on\n',
        b'mode = "on"\nsince = "20',
        b'mode = "on"\nmode = "off"\n',
        b'mode = "on" # \xe9\n',
        b"\x00" * 64,
        'mode = "on"\n'.encode("utf-16"),
        b'mode = "on"\nsince = 5\n',
        b'mode = "on"\nsince = "' + b"2" * 100 + b'"\n',
        b'mode = "on"\nsince = ["2026"]\n',
    ],
)
def test_mode_file_that_cannot_be_understood_is_an_error_and_then_mended(content: bytes, tmp_path: Path) -> None:
    """Nobody knows what was said there; the error names the file, and saying it again mends it."""
    path = tmp_path / "telemetry-state.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="telemetry-state.toml"):
        read_mode(str(path))
    write_mode(str(path), "on", clock=clock)
    assert read_mode(str(path)) == ModeRecord(Mode.ON, "2026-01-31T12:00:00.250000Z")


@pytest.mark.parametrize(
    "content", ['mode = "ON"\n', 'mode = "pause"\n', "mode = true\n", "mode = []\n", "[mode]\non = 1\n", 'since = "x"\n']
)
def test_mode_that_is_not_known_reads_as_off_and_is_replaced_when_said_again(content: str, tmp_path: Path) -> None:
    """An unknown or missing mode is off, says why, and is not taken for an off that was said."""
    path = tmp_path / "person.toml"
    path.write_text(content)
    record = read_mode(str(path))
    assert record is not None
    assert record.mode is Mode.OFF
    assert str(path) in record.doubt
    assert write_mode(str(path), "off", clock=clock).doubt == ""
    assert path.read_text().startswith('mode = "off"\n')


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('mode = "on"\n', ModeRecord(Mode.ON, "")),
        ('mode = "local"\nsince = 2026-01-31T12:00:00Z\n', ModeRecord(Mode.LOCAL, "2026-01-31T12:00:00+00:00")),
        ('since = "long ago"\r\nmode = "off"\r\nlater = 1\r\n', ModeRecord(Mode.OFF, "long ago")),
        ('\ufeffmode = "off"', ModeRecord(Mode.OFF, "")),
    ],
)
def test_mode_may_be_written_by_hand(content: str, expected: ModeRecord, tmp_path: Path) -> None:
    """A person, or a later version, may write more, less or otherwise; what is meant is read."""
    path = tmp_path / "person.toml"
    path.write_bytes(content.encode())
    assert read_mode(str(path)) == expected


@pytest.mark.parametrize("word", ["off", "local", "on"])
def test_mode_file_that_is_cut_off_anywhere_never_says_more(word: str, tmp_path: Path) -> None:
    """Cut at every byte, the file says what it said, or off, or is an error."""
    path = tmp_path / "telemetry-state.toml"
    write_mode(str(path), word, clock=clock)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            record = read_mode(str(path))
        except ConfigError:
            continue
        assert record is not None
        assert record.mode in (Mode(word), Mode.OFF)


@pytest.mark.skipif(sys.platform == "win32", reason="modes are another matter there")
def test_mode_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Directories that are made are 0700 and the file 0600, also in place of a laxer one."""
    path = tmp_path / "new" / "newer" / "person.toml"
    write_mode(str(path), "on", clock=clock)
    bits = [stat.S_IMODE(os.stat(place).st_mode) for place in (path.parent.parent, path.parent, path)]
    assert bits == [0o700, 0o700, 0o600]
    path.chmod(0o666)
    path.parent.chmod(0o755)
    write_mode(str(path), "off", clock=clock)
    assert [stat.S_IMODE(os.stat(place).st_mode) for place in (path.parent, path)] == [0o755, 0o600]


def test_mode_that_cannot_be_written_names_the_mend(tmp_path: Path) -> None:
    """No home directory, a directory in the file's place and a file in the directory's are one-line errors."""
    with pytest.raises(ConfigError, match="set HOME"):
        write_mode("", "off", clock=clock)
    (tmp_path / "telemetry-state.toml").mkdir()
    with pytest.raises(ConfigError, match="DO_NOT_TRACK=1") as caught:
        write_mode(str(tmp_path / "telemetry-state.toml"), "off", clock=clock)
    assert "\n" not in str(caught.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_mode(str(tmp_path / "file" / "telemetry-state.toml"), "off", clock=clock)
    assert sorted(os.listdir(tmp_path)) == ["file", "telemetry-state.toml"]


def test_mode_that_is_no_mode_is_refused(tmp_path: Path) -> None:
    """An unknown word is a ValueError, and nothing is written."""
    with pytest.raises(ValueError, match="maybe"):
        write_mode(str(tmp_path / "person.toml"), "maybe", clock=clock)
    assert list(tmp_path.iterdir()) == []


def test_person_directory_lies_under_home(tmp_path: Path) -> None:
    """The person-wide file is found from HOME alone."""
    assert person_directory({"HOME": str(tmp_path)}) == str(tmp_path / ".mcptelemetry")


def test_word_about_events_is_written_kept_and_lifted(tmp_path: Path) -> None:
    """Off with everything lasts through off and local, begins a time of its own, and ends with on."""
    path = str(tmp_path / "person.toml")
    seen = []
    for mode, refuse in [("off", False), ("off", True), ("off", True), ("off", False), ("local", False), ("on", False)]:
        seen.append(write_mode(path, mode, clock=clock, refuse_events=refuse))
        assert read_mode(path) == seen[-1]
    assert [record.events for record in seen] == ["on", "off", "off", "off", "off", "on"]
    assert seen[1] == seen[2] == seen[3]
    assert len({record.since for record in seen}) == 4
    assert "events" not in (tmp_path / "person.toml").read_text()


def test_on_lifts_the_word_about_events_beside_an_on(tmp_path: Path) -> None:
    """On when already on is no change, but it is one when events were refused beside it."""
    path = tmp_path / "person.toml"
    path.write_text('mode = "on"\nsince = "2026-01-31T12:00:00Z"\nevents = "off"\n')
    assert write_mode(str(path), "on", clock=clock).has_events
    assert "events" not in path.read_text()


@pytest.mark.parametrize("content", ['mode = "on"\nevents = "off', 'Events = "off\n'])
def test_damage_beside_a_word_about_events_stays_a_no(content: str, tmp_path: Path) -> None:
    """Saying off over a file that spoke about events, and cannot be read, refuses them."""
    path = tmp_path / "person.toml"
    path.write_text(content)
    assert not write_mode(str(path), "off", clock=clock).has_events
    path.write_text(content)
    assert write_mode(str(path), "on", clock=clock).has_events


def test_word_about_events_has_a_moment_of_its_own(tmp_path: Path) -> None:
    """A mode that changes leaves it alone; a refusal of all events, and the yes that ends it, each begin another time."""
    path = str(tmp_path / "person.toml")
    found = [
        write_mode(path, mode, clock=clock, refuse_events=refuse)
        for mode, refuse in [("off", False), ("on", False), ("off", True), ("local", False), ("on", False), ("off", False), ("on", False)]
    ]
    assert found == [*found[:-1], read_mode(path)]
    assert [record.events for record in found] == ["on", "on", "off", "off", "on", "on", "on"]
    refused, allowed = found[2].since, found[4].since
    assert [record.events_since for record in found] == ["", "", refused, refused, allowed, allowed, allowed]
    names = [record.events_generation for record in found]
    assert names == ["", "", f"{refused} off", f"{refused} off", allowed, allowed, allowed]


@pytest.mark.parametrize("written", ["5", "[1]", '"' + "2" * 65 + '"'])
def test_moment_of_the_word_about_events_that_is_none_is_an_error(written: str, tmp_path: Path) -> None:
    """What is no moment may have been a refusal, like any other damage."""
    path = tmp_path / "person.toml"
    path.write_text(f'mode = "on"\neverything_since = {written}\n')
    with pytest.raises(ConfigError, match="everything_since"):
        read_mode(str(path))


def test_damaged_word_about_events_that_is_replaced_begins_another_time(tmp_path: Path) -> None:
    """Nobody knows whether events were refused there: what was recorded before does not leave after the yes."""
    path = tmp_path / "person.toml"
    path.write_text('mode = "off"\nevents = ')
    record = write_mode(str(path), "on", clock=clock)
    assert record.events_since == record.since != ""


def test_moment_by_hand_that_is_none_is_not_written_again(tmp_path: Path) -> None:
    """What would need an escape is replaced by the moment of the command."""
    path = tmp_path / "person.toml"
    path.write_text("mode = 'on'\nevents = 'off'\neverything_since = 'a\"b'\n")
    record = write_mode(str(path), "off", clock=clock)
    assert (record.events, record.events_since) == ("off", record.since)
    assert read_mode(str(path)) == record
