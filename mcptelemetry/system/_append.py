"""
A file as a way out: each body is appended whole.

For an agent that tails the file. A body that does not fit on the disk is taken back in
full, so that a reader never sees half a line.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from time import monotonic as read_monotonic
from time import sleep
from urllib.parse import unquote, urlsplit

from ._transport import BLOCK_BYTES, Answer, NoAnswer, Request, Withheld

__all__ = ["AppendTransport"]

# Never waiting at the opening, whatever is found there; what no platform but one has is
# harmless to leave out elsewhere.
_OPEN_FLAGS = (
    os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
)
_LOOK_AGAIN_SECS = 0.01


class AppendTransport:
    """A `Transport` for ``file:///path`` URLs; the file is opened anew for each body."""

    def __init__(self) -> None:
        # Here and not in the worker, where a fork could cut the import in two for the child.
        with contextlib.suppress(ImportError):
            import fcntl  # noqa: F401  only to have it loaded; absent on Windows

    def post(self, request: Request) -> Answer:
        """
        Append the body; raise `NoAnswer` when the file cannot take all of it.

        `Withheld` when it may not be written; what stands there of it by then is taken back.
        """
        path = _path_of(request.url)
        try:
            descriptor = os.open(path, _OPEN_FLAGS, 0o600)
        except OSError as error:
            msg = f"cannot open the file: {error.strerror}"
            raise NoAnswer(msg, mend=_mend_of(error)) from None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                # A pipe would take half a line, or hold the worker until somebody reads.
                msg = "it is not a regular file"
                raise NoAnswer(msg, mend="name a regular file")
            if not request.body:  # somebody only asks
                _require_room(descriptor)
            with _alone_in(descriptor, request.timeout_secs) as is_alone:
                # Alone, in blocks; beside other writers only one step keeps a line whole.
                block_bytes = BLOCK_BYTES if is_alone else max(len(request.body), 1)
                _write_whole(descriptor, request, block_bytes)
        finally:
            os.close(descriptor)
        return Answer(200, {}, b"")

    def after_fork(self) -> None:
        """Do nothing: no descriptor outlives a post."""

    def close(self) -> None:
        """Do nothing: no descriptor outlives a post."""


def _path_of(url: str) -> str:
    path = urlsplit(url).path
    if os.name != "nt":
        return unquote(path)
    from urllib.request import url2pathname  # it loads http.client

    return url2pathname(path)


def _write_whole(descriptor: int, request: Request, block_bytes: int) -> None:
    before = os.fstat(descriptor).st_size
    try:
        _write_blocks(descriptor, request, block_bytes)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, before)
        if not isinstance(error, OSError):
            raise
        msg = f"cannot write the file: {error.strerror}"
        raise NoAnswer(msg, mend=_mend_of(error)) from None


def _mend_of(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return "make room there"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "make the directory"
    return "let this user write there"


def _require_room(descriptor: int) -> None:
    """Raise `NoAnswer` when nothing could be appended; what is asked only must not write to find out."""
    if hasattr(os, "fstatvfs"):
        found = os.fstatvfs(descriptor)
        if found.f_blocks and not found.f_bavail:
            msg = f"cannot write the file: {os.strerror(errno.ENOSPC)}"
            raise NoAnswer(msg, mend="make room there")


def _write_blocks(descriptor: int, request: Request, block_bytes: int) -> None:
    for start in range(0, max(len(request.body), 1), block_bytes):
        if not request.may_send():
            raise Withheld
        block = request.body[start : start + block_bytes]
        written = os.write(descriptor, block)
        while written < len(block):
            written += os.write(descriptor, block[written:])


@contextlib.contextmanager
def _alone_in(descriptor: int, timeout_secs: float) -> Iterator[bool]:
    """
    Hold the file against other writers of ours, and say whether the system can lock files at all.

    Raises `NoAnswer` when another one holds it for longer than *timeout_secs*.
    """
    try:
        import fcntl  # absent on Windows
    except ImportError:
        yield False
        return
    ends_at = read_monotonic() + timeout_secs
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if read_monotonic() >= ends_at:
                msg = "another process holds the file"
                raise NoAnswer(msg) from None
            sleep(_LOOK_AGAIN_SECS)
        except OSError:
            is_alone = False  # a file system without locks: appending is whole as it is
            break
        else:
            is_alone = True
            break
    yield is_alone  # closing the descriptor lets go of the lock
