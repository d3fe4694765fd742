"""A client's file, read and replaced: what it refuses, what it keeps, what stands beside it afterwards."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from mcptelemetry.clientfile import COPY_SUFFIX, read_client_file
from mcptelemetry.errors import ConfigError

TEXT = '{"mcpServers": {"a": {"command": "x"}}}'
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="links and modes are another matter there")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file that holds a configuration."""
    file = tmp_path / "mcp.json"
    file.write_text(TEXT)
    return file


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b'{"mcpServers": {', "line 1, column 17"),
        (b'{"servers": {}, "servers": {}}', "'servers' twice"),
    ],
)
def test_a_file_that_cannot_be_understood_is_named(path: Path, content: bytes, said: str) -> None:
    """One line with the file, the place and the mend."""
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=said) as caught:
        read_client_file(str(path))
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_is_not_there_or_is_none_is_named(tmp_path: Path) -> None:
    """A missing file, and a folder in its place."""
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(ConfigError, match=str(path)):
            read_client_file(str(path))


def test_a_file_of_something_else_is_no_client_file(path: Path) -> None:
    """What is in order and names no servers is passed over by who looks at many."""
    path.write_text("{}")
    assert read_client_file(str(path)) is None


def test_replace_keeps_what_the_file_held(path: Path) -> None:
    """The copy stands beside it, and holds the content before the last change only."""
    for new in ('{"servers": {}}', "{}"):
        before = path.read_bytes()
        file = read_client_file(str(path))
        assert file is not None
        file.replace(new)
        assert path.read_text() == new
        assert Path(f"{path}{COPY_SUFFIX}").read_bytes() == before
    assert sorted(os.listdir(path.parent)) == ["mcp.json", f"mcp.json{COPY_SUFFIX}"]


@posix_only
def test_replace_keeps_link_and_mode(path: Path, tmp_path: Path) -> None:
    """A link into a folder of settings stays one; the mode is the file's, and the copy's too."""
    link = tmp_path / "linked" / "mcp.json"
    link.parent.mkdir()
    link.symlink_to(path)
    for mode in (0o640, 0o600, 0o444):
        path.chmod(mode)
        file = read_client_file(str(link))
        assert file is not None
        assert file.copy_path == f"{path}{COPY_SUFFIX}"
        file.replace(TEXT + " " * mode)
        assert link.is_symlink()
        assert [stat.S_IMODE(os.stat(name).st_mode) for name in (path, file.copy_path)] == [mode, mode]


def test_what_the_client_wrote_meanwhile_is_not_overwritten(path: Path) -> None:
    """Between reading and replacing the client may have saved its own: that stays, and no draft is left."""
    file = read_client_file(str(path))
    assert file is not None
    path.write_text("the client's own, and longer than before")
    with pytest.raises(OSError, match="changed meanwhile"):
        file.replace("{}")
    assert path.read_text() == "the client's own, and longer than before"
    assert sorted(os.listdir(path.parent)) == ["mcp.json", f"mcp.json{COPY_SUFFIX}"]
