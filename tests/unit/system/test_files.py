"""Small files: read with care, written whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mcptelemetry.system._files import (
    make_private_directory,
    read_small_file,
    replace_file,
    stamp_of,
    write_atomically,
)
from mcptelemetry.system._ownership import ForeignFile

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and modes are another matter there")


def test_write_atomically_leaves_nothing_but_the_file(tmp_path: Path) -> None:
    """The draft takes the name of the file; nothing else stays behind."""
    path = tmp_path / "a.toml"
    write_atomically(str(path), b"one")
    write_atomically(str(path), b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a.toml"]


def test_write_atomically_leaves_the_old_file_when_it_fails(tmp_path: Path) -> None:
    """A write that fails removes its draft and leaves what was there."""
    path = tmp_path / "a.toml"
    path.mkdir()
    (path / "inside").write_text("kept")
    with pytest.raises(OSError):  # noqa: PT011  any of them
        write_atomically(str(path), b"one")
    assert (path / "inside").read_text() == "kept"
    assert os.listdir(tmp_path) == ["a.toml"]


@posix_only
def test_write_atomically_survives_a_full_disk(tmp_path: Path) -> None:
    """When the disk is full the old content stays whole, and no draft stays behind."""
    path = tmp_path / "a.toml"
    path.write_bytes(b"old")
    code = (
        "import resource, signal, sys\n"
        "from mcptelemetry.system._files import write_atomically\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4, 4))\n"
        "try:\n    write_atomically(sys.argv[1], b'x' * 100)\n"
        "except OSError:\n    sys.exit(7)\n"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-B", "-c", code, str(path)], cwd=root, timeout=60, check=False)
    assert done.returncode == 7
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.toml"]


@posix_only
def test_write_atomically_follows_a_link_to_a_file(tmp_path: Path) -> None:
    """A link into somebody's kept settings stays a link, and its file is what changes."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a.toml").write_text("old")
    link = tmp_path / "a.toml"
    link.symlink_to(tmp_path / "kept" / "a.toml")
    write_atomically(str(link), b"new")
    assert link.is_symlink()
    assert (tmp_path / "kept" / "a.toml").read_bytes() == b"new"


@posix_only
def test_write_atomically_replaces_a_link_to_nothing(tmp_path: Path) -> None:
    """A link that leads nowhere gives way to the file."""
    link = tmp_path / "a.toml"
    link.symlink_to(tmp_path / "gone" / "a.toml")
    write_atomically(str(link), b"new")
    assert not link.is_symlink()
    assert link.read_bytes() == b"new"


@posix_only
def test_make_private_directory_leaves_an_existing_one_alone(tmp_path: Path) -> None:
    """What is made is 0700; what exists keeps its mode."""
    tmp_path.chmod(0o755)
    make_private_directory(str(tmp_path / "a" / "b"))
    made = [stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in (".", "a", "a/b")]
    assert made == [0o755, 0o700, 0o700]


def test_make_private_directory_says_when_a_file_is_in_the_way(tmp_path: Path) -> None:
    """A file in the place of the directory is an OSError."""
    (tmp_path / "a").write_text("")
    with pytest.raises(NotADirectoryError):
        make_private_directory(str(tmp_path / "a"))


@posix_only
def test_read_small_file_waits_for_nobody(tmp_path: Path) -> None:
    """A pipe, a device or a directory is refused at once, and no descriptor is left open."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for odd in (pipe, Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match="not a regular file"):
            read_small_file(str(odd), limit_bytes=10)
    after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert after == before


def test_read_small_file_has_a_limit(tmp_path: Path) -> None:
    """A file of the limit is read whole; one byte more is an OSError."""
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_small_file(str(path), limit_bytes=5) == b"12345"
    with pytest.raises(OSError, match="longer than 4 bytes"):
        read_small_file(str(path), limit_bytes=4)


@posix_only
def test_stamp_of_tells_contents_and_rights_apart(tmp_path: Path) -> None:
    """Nothing there is None; another file, other rights and a link to nothing are each something else."""
    path = tmp_path / "a"
    assert stamp_of(str(path)) is None
    path.symlink_to(tmp_path / "gone")
    dangling = stamp_of(str(path))
    assert dangling is not None
    path.unlink()
    write_atomically(str(path), b"one")
    first = stamp_of(str(path))
    write_atomically(str(path), b"two")
    second = stamp_of(str(path))
    assert len({dangling, first, second}) == 3


@posix_only
def test_stamp_of_finds_nothing_below_what_is_no_directory(tmp_path: Path) -> None:
    """A path through a file leads nowhere; a link that leads through a file is there all the same."""
    (tmp_path / "file").write_text("no directory")
    assert stamp_of(str(tmp_path / "file" / "a")) is None
    (tmp_path / "link").symlink_to(tmp_path / "file" / "a")
    assert stamp_of(str(tmp_path / "link")) is not None


@posix_only
def test_replace_file_takes_mode_and_owner_of_another(tmp_path: Path) -> None:
    """What is another program's stays that program's: its rights, and whose it is."""
    model, path = tmp_path / "model", tmp_path / "made"
    model.write_text("")
    model.chmod(0o664)
    if os.geteuid() == 0:
        os.chown(model, 12345, 12346)
    replace_file(str(path), b"x", like=str(model))
    made, wanted = path.stat(), model.stat()
    assert path.read_bytes() == b"x"
    assert (made.st_mode, made.st_uid, made.st_gid) == (wanted.st_mode, wanted.st_uid, wanted.st_gid)


def test_replace_file_leaves_what_has_changed(tmp_path: Path) -> None:
    """A stamp that no longer fits means that somebody else has written since."""
    path = tmp_path / "a"
    path.write_text("one")
    stamp = stamp_of(str(path))
    replace_file(str(path), b"three", like=str(path), instead_of=stamp)
    with pytest.raises(OSError, match="changed meanwhile"):
        replace_file(str(path), b"four", like=str(path), instead_of=stamp)
    assert path.read_text() == "three"
    assert os.listdir(tmp_path) == ["a"]


@posix_only
def test_read_small_file_takes_anybodys_file_when_that_is_wanted(tmp_path: Path) -> None:
    """A file that a group writes together is refused as a setting, and read as what it is."""
    path = tmp_path / "shared"
    path.write_text("x")
    path.chmod(0o666)
    with pytest.raises(ForeignFile):
        read_small_file(str(path), limit_bytes=10)
    assert read_small_file(str(path), limit_bytes=10, may_be_anybodys=True) == b"x"
