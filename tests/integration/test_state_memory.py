"""`telemetry.db` on a real disk: many processes, damage at every byte, and disks that take nothing."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from mcptelemetry.state import Memory, Picture, format_moment, write_value
from mcptelemetry.system import CORRUPT_SUFFIX, StorageFailure
from mcptelemetry.testing import FakeClock
from mcptelemetry.vocabulary import StartupOutcome

YEAR = 365 * 86_400
STARTERS = 50


def test_memory_makes_private_files(tmp_path: Path) -> None:
    """The directory is for its owner alone, and so is the database, whatever the umask."""
    before = os.umask(0)
    try:
        Memory(str(tmp_path / "d" / "telemetry.db")).ensure_identity()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "d" / "telemetry.db").stat().st_mode) == 0o600
    assert os.listdir(tmp_path / "d") == ["telemetry.db"]


def test_memory_leaves_an_existing_directory_as_it_is(tmp_path: Path) -> None:
    """A directory that was there keeps its mode."""
    (tmp_path / "d").mkdir(mode=0o755)
    Memory(str(tmp_path / "d" / "telemetry.db")).ensure_identity()
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o755


def test_looking_makes_and_changes_nothing(tmp_path: Path) -> None:
    """A hundred looks leave no file where there was none, and every byte and time stamp as it was."""
    path = tmp_path / "d" / "telemetry.db"
    memory = Memory(str(path))
    assert memory.look() == Picture()
    assert not path.parent.exists()
    memory.ensure_identity()
    before = (path.read_bytes(), path.stat().st_mtime_ns, os.listdir(path.parent))
    for _ in range(100):
        assert memory.look().identity is not None
    assert (path.read_bytes(), path.stat().st_mtime_ns, os.listdir(path.parent)) == before


def test_identity_lives_from_process_to_process_and_rotates(tmp_path: Path) -> None:
    """The stored id holds for a year of the clock given, and its successor takes its place for good."""
    clock = FakeClock()
    memory = Memory(str(tmp_path / "telemetry.db"), clock=clock)
    first = memory.ensure_identity()
    assert Memory(memory.path, clock=clock).ensure_identity() == first
    clock.advance(YEAR + 1)
    second = memory.ensure_identity()
    assert second != first
    assert first[0].encode() not in Path(memory.path).read_bytes()
    assert memory.look().identity == second


def test_fifty_processes_make_one_identity(tmp_path: Path) -> None:
    """However many processes start at the same instant, they agree on one id and show one notice."""
    script = textwrap.dedent(
        """
        import sys
        from mcptelemetry.state import Memory
        memory = Memory(sys.argv[1], busy_secs=60)
        print("ready", flush=True)
        sys.stdin.readline()
        print(memory.ensure_identity()[0], memory.claim_notice(["https://t.acme.dev"]))
        """
    )
    path = str(tmp_path / "telemetry.db")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(STARTERS)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=120)[0].split() for process in processes]
    assert len({answer[0] for answer in answers}) == 1
    assert sorted(answer[1] for answer in answers) == ["False"] * (STARTERS - 1) + ["True"]


def test_what_was_noted_is_remembered(tmp_path: Path) -> None:
    """SendResult, version, success, error and profile come back as they were noted."""
    clock = FakeClock()
    memory = Memory(str(tmp_path / "telemetry.db"), clock=clock)
    assert memory.note_startup_outcome(StartupOutcome.PORT_CONFLICT)
    assert memory.note_reported_version("v1.2.3")
    assert memory.note_success()
    assert memory.note_error("no\nanswer")
    assert memory.note_profile({"version": "v1"})
    picture = memory.look()
    assert picture.last_startup_outcome is StartupOutcome.PORT_CONFLICT
    assert (picture.last_reported_version, picture.last_error) == ("v1.2.3", "no answer")
    assert picture.last_success_at == picture.last_error_at == int(clock.time())
    assert picture.profile == {"version": "v1"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("notice_shown_at", "never"),
        ("notice_shown_how", "telegram"),
        ("notice_destinations", "{"),
        ("notice_destinations", "[" * 5000),
        ("notice_destinations", "3"),
    ],
)
def test_damaged_mark_reads_as_not_shown(name: str, value: str, tmp_path: Path) -> None:
    """A mark that cannot be read is no mark, and costs nothing else."""
    memory = Memory(str(tmp_path / "telemetry.db"))
    identity = memory.ensure_identity()
    assert memory.mark_notice("terminal", ["https://t.acme.dev"])
    memory.database.change(lambda connection: write_value(connection, name, value))
    picture = memory.look()
    assert picture.notice is None
    assert picture.identity == identity


def test_damaged_text_costs_only_itself(tmp_path: Path) -> None:
    """Bytes that are no text are replaced in the one value and disturb no other."""
    memory = Memory(str(tmp_path / "telemetry.db"))
    identity = memory.ensure_identity()
    memory.note_error("x")
    sql = "UPDATE memory SET value = CAST(x'ff80' AS TEXT) WHERE name = 'last_error'"
    memory.database.change(lambda connection: connection.execute(sql).rowcount)
    assert memory.look().identity == identity


def test_database_of_a_later_release_is_used_as_it_is(tmp_path: Path) -> None:
    """After a downgrade the id is still there, and so is what the newer release added."""
    memory = Memory(str(tmp_path / "telemetry.db"))
    identity = memory.ensure_identity()
    memory.database.change(lambda connection: connection.execute("CREATE TABLE later (x)").rowcount)
    memory.database.change(lambda connection: connection.execute("PRAGMA user_version=99").rowcount)
    assert Memory(memory.path).ensure_identity() == identity
    assert memory.note_success()
    assert memory.database.read(lambda connection: connection.execute("SELECT count(*) FROM later").fetchone()) == (0,)


# -- damage and full disks ----------------------------------------------------------------


def test_database_cut_at_every_byte_is_no_error(tmp_path: Path) -> None:
    """Wherever a file ends, the next start works, keeps the id whole or draws another, and believes no mark by half."""
    whole = Memory(str(tmp_path / "whole.db"))
    identity = whole.ensure_identity()
    whole.mark_notice("terminal", ["https://t.acme.dev"])
    content = Path(whole.path).read_bytes()
    path = tmp_path / "d" / "telemetry.db"
    path.parent.mkdir()
    # Every byte of what is filled, and of the empty stretches one in a while: each costs a flush.
    lengths = sorted({*range(0, 120), *range(0, len(content), 61), *range(len(content) - 40, len(content))})
    for length in lengths:
        for leftover in path.parent.iterdir():
            leftover.unlink()
        path.write_bytes(content[:length])
        memory = Memory(str(path))
        seen = memory.look()
        assert seen.identity in (None, identity)
        assert seen.notice is None or seen.notice.destinations == {"https://t.acme.dev"}
        found = memory.ensure_identity()
        assert not isinstance(found, StorageFailure), (length, found)
        assert memory.look().identity == found
        assert set(os.listdir(path.parent)) <= {"telemetry.db", "telemetry.db" + CORRUPT_SUFFIX}


@pytest.mark.parametrize("content", [b"not a database at all, but long enough" * 100, b"\x00" * 5000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_corrupt_database_is_set_aside_and_begun_anew(content: bytes, tmp_path: Path) -> None:
    """The damaged file is kept under another name, one at most, with no journal to be played back."""
    path = tmp_path / "telemetry.db"
    memory = Memory(str(path))
    for round_ in (b"1", b"2"):
        path.write_bytes(content + round_)
        (tmp_path / "telemetry.db-journal").write_bytes(b"\x00" * 600)
        assert memory.look().failure is not None
        assert not isinstance(memory.ensure_identity(), StorageFailure)
        assert (tmp_path / ("telemetry.db" + CORRUPT_SUFFIX)).read_bytes() == content + round_
    assert sorted(os.listdir(tmp_path)) == ["telemetry.db", "telemetry.db" + CORRUPT_SUFFIX]


def test_locked_database_is_a_value(tmp_path: Path) -> None:
    """When another process keeps the file, writing is failure, reading a look goes on, and nothing is raised."""
    memory = Memory(str(tmp_path / "telemetry.db"), busy_secs=0.05)
    identity = memory.ensure_identity()
    holder = sqlite3.connect(memory.path, isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
        assert memory.note_success() is False
        assert memory.storage_failure().kind == "locked"
        assert memory.ensure_identity() == identity
        assert memory.claim_notice(["https://t.acme.dev"]) != True  # noqa: E712  a StorageFailure is not False either
    finally:
        holder.close()
    assert memory.note_success()
    assert memory.storage_failure() is None


@pytest.mark.parametrize("place", ["", "/proc/nowhere/telemetry.db", "file", "directory", "pipe", "dangling"])
def test_impossible_places_are_a_value(place: str, tmp_path: Path) -> None:
    """No home, a read-only file system, a file, directory, pipe or dead link in the way: failure, said, not raised."""
    path = {"": "", "file": str(tmp_path / "f" / "telemetry.db")}.get(place, str(tmp_path / "telemetry.db"))
    (tmp_path / "f").write_text("x")
    if place.startswith("/"):
        path = place
    elif place == "directory":
        os.mkdir(path)
    elif place == "pipe":
        os.mkfifo(path)
    elif place == "dangling":
        os.symlink(tmp_path / "gone" / "x", path)
    memory = Memory(path, busy_secs=0.05)
    assert isinstance(memory.ensure_identity(), StorageFailure)
    assert memory.look().identity is None
    assert memory.note_success() is False
    assert memory.mark_notice("terminal", ["x"]) is False
    assert memory.storage_failure() is not None


def test_full_disk_is_a_value(tmp_path: Path) -> None:
    """On a disk that takes no byte nothing is raised, and nothing half-written is believed later."""
    script = textwrap.dedent(
        """
        import resource, sys
        from mcptelemetry.state import Memory
        from mcptelemetry.system import StorageFailure
        memory = Memory(sys.argv[1], busy_secs=1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
        print(isinstance(memory.ensure_identity(), StorageFailure), memory.mark_notice("sink", ["x"]), memory.storage_failure() is not None)
        """
    )
    path = tmp_path / "d" / "telemetry.db"
    for limit in (0, 100, 512, 4096, 5000):
        run = subprocess.run(
            [sys.executable, "-c", script, str(path), str(limit)], capture_output=True, text=True, timeout=60, check=False
        )
        assert (run.stdout, run.stderr) == ("True False True\n", ""), limit
    memory = Memory(str(path))
    assert memory.look().notice is None
    assert not isinstance(memory.ensure_identity(), StorageFailure)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_forked_child_remembers_too(tmp_path: Path) -> None:
    """A child of a process that has used its memory reads and writes the same one."""
    memory = Memory(str(tmp_path / "telemetry.db"))
    identity = memory.ensure_identity()
    child = os.fork()
    if child == 0:
        os._exit(0 if memory.ensure_identity() == identity and memory.note_error("child") else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert memory.look().last_error == "child"


def test_claim_of_a_dead_process_is_given_up(tmp_path: Path) -> None:
    """Whoever claimed the notice and died blocks it for a minute only; a claim from the future not at all."""
    clock = FakeClock()
    memory = Memory(str(tmp_path / "telemetry.db"), clock=clock)
    assert memory.claim_notice(["a"]) is True
    assert memory.claim_notice(["a"]) is False
    clock.advance(61)
    assert memory.claim_notice(["a"]) is True
    far = format_moment(clock.time() + 10_000)
    memory.database.change(lambda connection: write_value(connection, "notice_claimed_until", far))
    assert memory.claim_notice(["a"]) is True


def test_look_undoes_what_a_killed_process_left_half_done(tmp_path: Path) -> None:
    """A process killed in the middle of a transaction makes no later look a failure, and what was remembered is there."""
    source, copy = tmp_path / "telemetry.db", tmp_path / "copy.db"
    identity = Memory(str(source)).ensure_identity()
    other = sqlite3.connect(source, isolation_level=None)
    other.execute("PRAGMA cache_size = 1")
    other.execute("CREATE TABLE filler (text TEXT)")
    other.execute("BEGIN IMMEDIATE")
    for _ in range(50):
        other.execute("INSERT INTO filler VALUES (?)", ("x" * 5000,))
    # As after a kill: file and journal as they are now, and nobody there.
    for ending in ("", "-journal"):
        Path(f"{copy}{ending}").write_bytes(Path(f"{source}{ending}").read_bytes())
    other.execute("ROLLBACK")
    other.close()
    reader = sqlite3.connect(f"file:{copy}?mode=ro", uri=True)
    with pytest.raises(sqlite3.OperationalError):
        reader.execute("SELECT 1 FROM sqlite_master").fetchone()
    reader.close()
    assert Memory(str(copy)).storage_failure() is None
    assert Memory(str(copy)).look().identity == identity
