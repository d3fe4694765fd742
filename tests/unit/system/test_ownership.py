"""Whose file it is that speaks: this user's or root's, and nobody else's to write."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mcptelemetry.system import ForeignFile, read_small_file

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX owners and modes")

ROOT = Path(__file__).resolve().parents[3]
OWN_GROUP = os.geteuid() if hasattr(os, "geteuid") else 0
SOMEBODY, ANOTHER = 61_001, 61_002

needs_root = pytest.mark.skipif(
    hasattr(os, "geteuid") and os.geteuid() != 0, reason="two users on one machine take root to make"
)

# Imported as whoever runs the tests, then somebody else: their interpreter may be closed to others.
READ_AS = """
import os, sys
from mcptelemetry.config import prepare_reader, read_mode
from mcptelemetry.errors import ConfigError
prepare_reader()
path, user = sys.argv[1], int(sys.argv[2])
os.setgroups([]); os.setgid(user); os.setuid(user); os.umask(0o002)
try:
    print(read_mode(path).mode)
except ConfigError as error:
    print("refused", error)
"""


def write(path: Path, mode: int = 0o600) -> str:
    """Return the path of a file with that mode."""
    path.write_text('mode = "on"\n')
    path.chmod(mode)
    return str(path)


def read_as(user: int, path: Path) -> str:
    """Return what the mode file at *path* says to *user*."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", READ_AS, str(path), str(user)],
        cwd=ROOT, timeout=60, check=True, capture_output=True, text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def common():
    """Return a folder that every user reaches: pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(os.path.realpath(folder))


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o400, 0o444, 0o640])
def test_own_file_that_others_may_only_read_is_obeyed(mode, tmp_path):
    """Who may read a file does not matter."""
    assert read_small_file(write(tmp_path / "a", mode), limit_bytes=100)


@pytest.mark.parametrize("mode", [0o602, 0o646, 0o666])
def test_file_that_everybody_may_write_is_not_obeyed(mode, tmp_path):
    """A file that any user may have written says nothing about this one."""
    with pytest.raises(ForeignFile, match="it may be written by everybody"):
        read_small_file(write(tmp_path / "a", mode), limit_bytes=100)


def test_directory_that_everybody_may_write_makes_its_files_nobodys(tmp_path):
    """Where any user may exchange the file its own mode is no promise."""
    path = write(tmp_path / "a")
    tmp_path.chmod(0o757)
    with pytest.raises(ForeignFile, match="its directory .* may be written by everybody"):
        read_small_file(path, limit_bytes=100)


def test_sticky_directory_is_obeyed(tmp_path):
    """In a sticky folder a name belongs to the file's owner."""
    path = write(tmp_path / "a")
    tmp_path.chmod(0o1777)
    assert read_small_file(path, limit_bytes=100)


def test_link_is_judged_where_it_lies_and_where_it_leads(tmp_path):
    """Each folder that holds a link on the way could be used to lead elsewhere."""
    for name in ("first", "second", "third"):
        (tmp_path / name).mkdir(0o700)
    write(tmp_path / "third" / "a")
    (tmp_path / "second" / "a").symlink_to("../third/a")
    (tmp_path / "first" / "a").symlink_to(tmp_path / "second" / "a")
    path = str(tmp_path / "first" / "a")
    assert read_small_file(path, limit_bytes=100)
    for name in ("first", "second", "third"):
        (tmp_path / name).chmod(0o777)
        with pytest.raises(ForeignFile, match=name):
            read_small_file(path, limit_bytes=100)
        (tmp_path / name).chmod(0o700)


@needs_root
@pytest.mark.parametrize(("group", "is_obeyed"), [(SOMEBODY, True), (ANOTHER, False), (0, False)])
def test_group_may_write_when_its_id_is_the_users_own(group, is_obeyed, common):
    """A umask of 002 gives the user's own group the right to write; any other group has members."""
    home = common / "home"
    home.mkdir()
    write(home / "a", 0o664)
    for path in (home / "a", home):
        os.chown(path, SOMEBODY, group)
    home.chmod(0o775)
    said = read_as(SOMEBODY, home / "a")
    assert (said == "on") is is_obeyed
    assert is_obeyed or "may be written by a group" in said


@needs_root
@pytest.mark.parametrize(
    ("of_file", "of_directory", "mode_of_directory", "said"),
    [
        (SOMEBODY, SOMEBODY, 0o700, "on"),
        (0, SOMEBODY, 0o755, "on"),
        (SOMEBODY, 0, 0o755, "on"),
        (0, 0, 0o755, "on"),
        (SOMEBODY, 0, 0o1777, "on"),
        (ANOTHER, SOMEBODY, 0o755, "it belongs to another user"),
        (ANOTHER, 0, 0o755, "it belongs to another user"),
        (ANOTHER, 0, 0o1777, "it belongs to another user"),
        (SOMEBODY, ANOTHER, 0o755, "its directory"),
        (SOMEBODY, ANOTHER, 0o1777, "its directory"),
        (ANOTHER, ANOTHER, 0o755, "it belongs to another user"),
    ],
)
def test_file_or_directory_of_another_user_is_never_obeyed(of_file, of_directory, mode_of_directory, said, common):
    """Two users on one machine: what belongs to the other one is not this one's word."""
    home = common / "home"
    home.mkdir()
    write(home / "a", 0o644)
    os.chown(home / "a", of_file, of_file)
    os.chown(home, of_directory, of_directory)
    home.chmod(mode_of_directory)
    answer = read_as(SOMEBODY, home / "a")
    assert said in answer
    assert answer.startswith("refused" if said != "on" else "on")


READ_MOUNTED = """
import os, subprocess, sys
folder = sys.argv[1]
for words in (["--bind", folder, folder], ["-o", "remount,ro,bind", folder]):
    if subprocess.run(["mount", *words], capture_output=True).returncode:
        sys.exit(77)
""" + READ_AS.replace("sys.argv[1]", 'folder + "/a"').replace("int(sys.argv[2])", str(SOMEBODY))


@needs_root
@pytest.mark.skipif(sys.platform != "linux", reason="mounted as Kubernetes does it, which is Linux")
def test_folder_mounted_read_only_is_obeyed_whatever_its_mode_says(common):
    """A ConfigMap's folder has mode 0777, belongs to root, leads by links and cannot be written."""
    folder = common / "config"
    (folder / "..2026_01_01").mkdir(parents=True)
    write(folder / "..2026_01_01" / "a", 0o644)
    (folder / "..data").symlink_to("..2026_01_01")
    (folder / "a").symlink_to("..data/a")
    folder.chmod(0o777)
    assert "may be written by everybody" in read_as(SOMEBODY, folder / "a")
    done = subprocess.run(
        ["unshare", "-m", sys.executable, "-B", "-c", READ_MOUNTED, str(folder)],
        cwd=ROOT, timeout=60, check=False, capture_output=True, text=True,
    )
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip("this container may not mount")
    assert done.stdout.strip() == "on", done.stderr
