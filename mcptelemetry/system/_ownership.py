"""
Whose file it is: judged on the opened file, as ssh judges its settings.

What another user may have written, or may exchange while nobody looks, says nothing about
this user's consent and must not choose where a token goes. POSIX only: elsewhere the
folder of a user is the system's business.
"""

from __future__ import annotations

import os
import stat

__all__ = ["ForeignFile", "require_own_file"]

_ROOT = 0
_READ_ONLY: int = getattr(os, "ST_RDONLY", 1)  # PyPy has the call and not the name
_LINKS_MAX = 40  # what the system itself follows


class ForeignFile(OSError):
    """Somebody else may have written the file; the text says how."""


def require_own_file(descriptor: int, path: str) -> None:
    """
    Raise `ForeignFile` when another user may have written the file open as *descriptor* at *path*.

    It belongs to this user or to root, and so does its directory (and that of every link on
    the way); nobody else may write either. A group may when its id is the user's own, which is
    what a umask of 002 is made for. A sticky directory keeps names to their owners, and what is
    mounted read-only is written by nobody here, whatever its mode says.
    """
    if not hasattr(os, "geteuid"):  # Windows
        return
    user = os.geteuid()
    trouble = _trouble_with(os.fstat(descriptor), user)
    if trouble is not None:
        msg = f"it {trouble}"
        raise ForeignFile(msg)
    for directory in _directories_of(path):
        found = os.stat(directory)
        trouble = _trouble_with(found, user, may_be_sticky=True)
        if trouble is not None and not os.statvfs(directory).f_flag & _READ_ONLY:
            msg = f"its directory {directory} {trouble}"
            raise ForeignFile(msg)


def _trouble_with(found: os.stat_result, user: int, *, may_be_sticky: bool = False) -> str | None:
    if found.st_uid not in (user, _ROOT):
        return "belongs to another user"
    if may_be_sticky and found.st_mode & stat.S_ISVTX:
        return None
    if found.st_mode & stat.S_IWOTH:
        return "may be written by everybody"
    if found.st_mode & stat.S_IWGRP and found.st_gid != user:
        return "may be written by a group"
    return None


def _directories_of(path: str) -> list[str]:
    """Return the directory in which *path* lies, and those in which what it leads to lies."""
    directories = []
    place = os.path.abspath(path)
    for _ in range(_LINKS_MAX):
        # The directory as it really is: a link on the way to it is followed by then.
        directory = os.path.realpath(os.path.dirname(place))
        if directory not in directories:
            directories.append(directory)
        place = os.path.join(directory, os.path.basename(place))
        if not os.path.islink(place):
            break
        place = os.path.join(directory, os.readlink(place))
    return directories
