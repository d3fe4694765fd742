"""
The real probes: the files, the terminal and the parent of this very process.

No child is ever started to find out. What differs between systems is one function a
system that names a process; it is handed the system's library, so that only the line
that loads the library cannot run elsewhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from ..vocabulary import OS_WORD_OF_PLATFORM

__all__ = ["OsFileProber", "ParentPPIDChecker", "StdinTTYChecker", "current_os_name"]

# What starts login items, as a process name; systems that are not here have no such thing.
_LOGIN_ITEM_PARENTS = {"darwin": "launchd", "windows": "explorer.exe"}

_NAME_BYTES = 1024
_QUERY_LIMITED_INFORMATION = 0x1000  # the right that any process may ask for on another


def current_os_name() -> str:
    """Return this system's word: `linux`, `darwin`, `windows`, or Python's own name for another."""
    return OS_WORD_OF_PLATFORM.get(sys.platform, sys.platform)


class OsFileProber:
    """The real file system. An error other than "not found" counts as "exists"."""

    def exists(self, path: str) -> bool:
        """Return whether anything is at *path*, links not followed."""
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            # Not being allowed to look is no sign of absence: a container's mark must not
            # be missed because its directory is closed to us.
            return True
        return True


class StdinTTYChecker:
    """The real standard input, by its descriptor: the host may have replaced `sys.stdin`."""

    def is_terminal(self) -> bool:
        """Return whether descriptor 0 is a terminal; a closed one is not."""
        return os.isatty(0)


class ParentPPIDChecker:
    """
    The real parent process, by name.

    *os_name* says whose rules apply; *name_of* maps a process number to a process name and
    may raise. Both default to this system's.
    """

    def __init__(self, os_name: str | None = None, name_of: Callable[[int], str] | None = None) -> None:
        self._os_name = current_os_name() if os_name is None else os_name
        self._name_of = name_of or _NAME_OF_PROCESS.get(self._os_name, linux_process_name)

    def is_login_item_parent(self) -> bool:
        """Return whether the parent is launchd (macOS) or explorer.exe (Windows); never on Linux."""
        expected = _LOGIN_ITEM_PARENTS.get(self._os_name)
        if expected is None:
            return False
        try:
            name = self._name_of(os.getppid())
        except (OSError, AttributeError, ValueError):  # gone, not ours to see, no such library
            return False
        return name.lower() == expected


def linux_process_name(pid: int) -> str:
    """Return the name of process *pid* as `/proc` has it (at most 15 bytes); `OSError` when it is gone."""
    with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
        return comm.read().strip()


def darwin_process_name(pid: int, system: Any = None) -> str:  # a ctypes library
    """Return the name of process *pid* from macOS's own library; empty when it may not be seen."""
    if pid == 1:
        return "launchd"  # by definition, and its name is not shown to ordinary users
    import ctypes

    system = system or ctypes.CDLL("/usr/lib/libSystem.dylib")
    name = ctypes.create_string_buffer(_NAME_BYTES)
    system.proc_name(ctypes.c_int(pid), name, ctypes.c_uint32(_NAME_BYTES))
    return name.value.decode("utf-8", "replace")


def windows_process_name(pid: int, kernel: Any = None) -> str:  # a ctypes library
    """Return the file name of process *pid*'s program on Windows; empty when it may not be seen."""
    import ctypes

    kernel = kernel or ctypes.WinDLL("kernel32")  # type: ignore[attr-defined,unused-ignore]  # only there
    # A handle is as wide as a pointer; ctypes would take it for a C int.
    kernel.OpenProcess.restype = ctypes.c_void_p
    handle = kernel.OpenProcess(ctypes.c_uint32(_QUERY_LIMITED_INFORMATION), ctypes.c_int(0), ctypes.c_uint32(pid))
    if not handle:
        return ""
    try:
        path = ctypes.create_unicode_buffer(_NAME_BYTES)
        length = ctypes.c_uint32(_NAME_BYTES)
        kernel.QueryFullProcessImageNameW(
            ctypes.c_void_p(handle), ctypes.c_uint32(0), path, ctypes.byref(length)
        )
        return path.value.replace("\\", "/").rsplit("/", 1)[-1]
    finally:
        kernel.CloseHandle(ctypes.c_void_p(handle))


_NAME_OF_PROCESS: dict[str, Callable[[int], str]] = {
    "linux": linux_process_name,
    "darwin": darwin_process_name,
    "windows": windows_process_name,
}
