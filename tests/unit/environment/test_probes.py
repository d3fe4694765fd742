"""The real probes, and the foreign ones over libraries that answer as the real ones do."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from mcptelemetry.environment import OsFileProber, ParentPPIDChecker, current_os_name
from mcptelemetry.environment._probes import darwin_process_name, linux_process_name, windows_process_name

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc")


def test_os_file_prober_sees_every_kind_of_file(tmp_path: Path) -> None:
    """A file, a directory and a link into nowhere exist; what was never made does not."""
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    prober = OsFileProber()
    seen = [prober.exists(str(tmp_path / name)) for name in ("file", "", "link", "nothing", "file/below")]
    assert seen == [True, True, True, False, False]


@pytest.mark.skipif(os.name != "posix", reason="POSIX limits the length of names")
def test_os_file_prober_takes_another_error_for_existence(tmp_path: Path) -> None:
    """An error other than "not found" counts as "exists": a container's mark must not be missed."""
    assert OsFileProber().exists(str(tmp_path / ("x" * 5000)))


def test_current_os_name_is_a_word_of_the_wire() -> None:
    """The system has the seeds' word, not Python's."""
    assert current_os_name() == {"win32": "windows"}.get(sys.platform, sys.platform)


PARENTS = [
    ("darwin", "launchd", True),
    ("darwin", "zsh", False),
    ("darwin", "", False),
    ("windows", "explorer.exe", True),
    ("windows", "Explorer.EXE", True),
    ("windows", "cmd.exe", False),
    ("linux", "launchd", False),
    ("linux", "explorer.exe", False),
    ("linux", "systemd", False),
    ("freebsd", "init", False),
]


@pytest.mark.parametrize(("os_name", "name", "verdict"), PARENTS)
def test_parent_checker_judges_by_the_rules_of_its_system(os_name: str, name: str, verdict: bool) -> None:
    """launchd starts login items on macOS, explorer.exe on Windows, nothing does on Linux."""
    assert ParentPPIDChecker(os_name, lambda _pid: name).is_login_item_parent() is verdict


@pytest.mark.parametrize("error", [OSError(), AttributeError(), ValueError()])
def test_parent_checker_takes_a_failing_probe_for_no(error: Exception) -> None:
    """A parent that cannot be looked at is no login item's."""

    def fail(_pid: int) -> str:
        raise error

    assert ParentPPIDChecker("darwin", fail).is_login_item_parent() is False


def test_parent_checker_asks_for_its_own_parent() -> None:
    """The process that is asked about is the real parent."""
    asked: list[int] = []

    def note(pid: int) -> str:
        asked.append(pid)
        return "zsh"

    ParentPPIDChecker("darwin", note).is_login_item_parent()
    assert asked == [os.getppid()]


@on_linux
def test_linux_process_name_reads_proc() -> None:
    """On Linux a process's name is what /proc says."""
    assert linux_process_name(os.getpid()) == Path("/proc/self/comm").read_text().strip()


@on_linux
def test_linux_process_name_of_a_process_that_is_gone() -> None:
    """A process that does not exist is an error for the checker to judge."""
    with pytest.raises(OSError, match="No such file"):
        linux_process_name(2**22 + 1)


class DarwinLibrary:
    """Answers `proc_name` as macOS's library does: it fills the buffer, or returns 0 and does not."""

    def __init__(self, names: dict[int, bytes]) -> None:
        self.names = names

    def proc_name(self, pid: Any, buffer: Any, size: Any) -> int:
        name = self.names.get(pid.value, b"")
        assert size.value == len(buffer)
        buffer.value = name
        return len(name)


def test_darwin_process_name_asks_the_library() -> None:
    """On macOS the system's library names a process, and stays silent on one that may not be seen."""
    library = DarwinLibrary({4242: b"MCPProxy", 7: b"\xff"})
    assert darwin_process_name(4242, library) == "MCPProxy"
    assert darwin_process_name(9, library) == ""
    assert darwin_process_name(7, library) == "\ufffd"


def test_darwin_process_one_is_launchd() -> None:
    """Process 1 of macOS is launchd, whose name is not shown to ordinary users."""
    assert darwin_process_name(1, DarwinLibrary({})) == "launchd"


class WindowsLibrary:
    """Answers as kernel32 does: a handle wider than an int, the program's path, a handle to close."""

    HANDLE = 0x1_0000_0004

    def __init__(self, path: str | None) -> None:
        self.path = path
        self.closed: list[int] = []
        self.OpenProcess = self.Function(self._open)

    class Function:
        def __init__(self, call: Any) -> None:
            self.call = call
            self.restype: Any = ctypes.c_int

        def __call__(self, *args: Any) -> Any:
            return self.restype(self.call(*args)).value

    def _open(self, access: Any, inherit: Any, pid: Any) -> int:
        assert (access.value, inherit.value, pid.value) == (0x1000, 0, 4242)
        return 0 if self.path is None else self.HANDLE

    def QueryFullProcessImageNameW(self, handle: Any, flags: Any, buffer: Any, length: Any) -> int:
        assert (handle.value, flags.value) == (self.HANDLE, 0)
        buffer.value = self.path
        return 1

    def CloseHandle(self, handle: Any) -> int:
        self.closed.append(handle.value)
        return 1


def test_windows_process_name_is_the_program_without_its_path() -> None:
    """On Windows a process is named by its program's file name, and its handle is closed."""
    library = WindowsLibrary("C:\\Windows\\explorer.exe")
    assert windows_process_name(4242, library) == "explorer.exe"
    assert library.closed == [WindowsLibrary.HANDLE]


def test_windows_process_name_of_a_process_that_may_not_be_seen() -> None:
    """Without a handle there is no name, and nothing to close."""
    library = WindowsLibrary(None)
    assert windows_process_name(4242, library) == ""
    assert library.closed == []
