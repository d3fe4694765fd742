"""
Small files: read whole and with care, written whole or not at all.

A reader finds the old content or the new one, never a half: what is written goes into a
new file beside the old, reaches the disk, and then takes the name. Files are for their
owner alone (0600), and so is a directory that is made here (0700).
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator

from ._ownership import require_own_file

__all__ = ["FileStamp", "make_private_directory", "read_small_file", "replace_file", "stamp_of", "write_atomically"]

# What no platform but one has is harmless to leave out elsewhere.
_READ_FLAGS = (
    os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)
_CREATE_FLAGS = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)

FileStamp = tuple[int, ...]
"""What tells one content of a file from the next without reading it; see `stamp_of`."""


def stamp_of(path: str) -> FileStamp | None:
    """
    Return what identifies the present content of *path*, or None when nothing is there.

    Beside the time of the last change, size and inode, it holds the time at which the
    permissions changed, so that a file that can no longer be read is not taken for the one
    that could. A link to a file that is missing is there: somebody put it there to say
    something. Below what is no directory (a HOME of ``/dev/null``) there is nothing either.
    Raises `OSError` when it cannot be found out.
    """
    try:
        found = os.lstat(path)  # first, and mostly alone: most files that are asked about are not there
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(found.st_mode):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found = os.stat(path)
    return (found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns, found.st_dev)


def read_small_file(path: str, *, limit_bytes: int, may_be_anybodys: bool = False) -> bytes:
    """
    Return the bytes of the regular file *path*, when nobody but this user and root can have written it.

    With *may_be_anybodys*, whoever wrote it. Raises `ForeignFile` when somebody else can, and another `OSError` when it cannot be read,
    is not a regular file (a pipe put there would hold the host for ever) or is longer than
    *limit_bytes*.
    """
    descriptor = os.open(path, _READ_FLAGS)  # never waits, whatever is found there
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            msg = "it is not a regular file"
            raise OSError(msg)
        if not may_be_anybodys:
            require_own_file(descriptor, path)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(limit_bytes + 1)
    finally:
        os.close(descriptor)
    if len(content) > limit_bytes:
        msg = f"it is longer than {limit_bytes} bytes"
        raise OSError(msg)
    return content


def make_private_directory(path: str) -> None:
    """
    Make the directory *path*, and what leads to it, for its owner alone (0700).

    A directory that exists is left as it is. Raises `OSError`.
    """
    if os.path.isdir(path):
        return
    parent = os.path.dirname(os.path.abspath(path))
    if parent != path:
        make_private_directory(parent)
    with contextlib.suppress(FileExistsError):  # another process was faster
        os.mkdir(path, 0o700)
    if not os.path.isdir(path):
        msg = "a file is in the place of the directory"
        raise NotADirectoryError(msg)


def write_atomically(path: str, content: bytes) -> None:
    """
    Let *path* hold *content*, with mode 0600, or raise `OSError` and leave it as it was.

    The directory is made when it is missing. Where *path* is a link to a file, that file is
    replaced and the link stays; a link to nothing is replaced itself.
    """
    target = os.path.realpath(path) if os.path.exists(path) else os.path.abspath(path)
    make_private_directory(os.path.dirname(target))
    with _draft_of(target, content):
        pass


def replace_file(path: str, content: bytes, *, like: str, instead_of: FileStamp | None = None) -> None:
    """
    Let *path*, whose directory is there, hold *content*, with mode and owner of the file *like*.

    For a file of somebody else's: another program's, or one that others read too. Links are
    followed. Raises `OSError` and leaves everything as it was when that cannot be done, or when
    *instead_of* is given and is no longer what `stamp_of` says of *path*.
    """
    model = os.stat(like)
    with _draft_of(os.path.realpath(path), content) as draft:
        if hasattr(os, "chown"):
            made = os.stat(draft)
            if (made.st_uid, made.st_gid) != (model.st_uid, model.st_gid):
                os.chown(draft, model.st_uid, model.st_gid)
        os.chmod(draft, stat.S_IMODE(model.st_mode))  # last: a change of owner takes bits away
        if instead_of is not None and stamp_of(path) != instead_of:
            msg = "it has changed meanwhile"
            raise OSError(msg)


@contextlib.contextmanager
def _draft_of(target: str, content: bytes) -> Iterator[str]:
    """Give a file beside *target* that holds *content* on the disk; afterwards it takes that name, or is gone."""
    directory = os.path.dirname(target)
    # Drawn from the system, not from `random`: two processes, or two children of one fork,
    # never meet in one name.
    draft = os.path.join(directory, f".{os.path.basename(target)}.{os.urandom(8).hex()}.tmp")
    try:
        with os.fdopen(os.open(draft, _CREATE_FLAGS, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
        os.replace(draft, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise
    _settle_directory(directory)


def _settle_directory(path: str) -> None:
    """Let the new name reach the disk too, where a directory can be opened."""
    with contextlib.suppress(OSError):  # Windows, some network disks: the file itself is safe
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
