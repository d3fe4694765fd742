"""
One configuration file, read and replaced as a whole.

It belongs to the client, which may write it while we look at it: what has changed since it
was read is not overwritten. What it held before is kept beside it, as private as the file.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from ..errors import ConfigError
from ..system import FileStamp, read_small_file, replace_file, stamp_of
from ._servers import NoServers, Server, find_servers
from ._text import Malformed

__all__ = ["COPY_SUFFIX", "ClientFile", "read_client_file"]

COPY_SUFFIX = ".before-wrap-config"
"""Behind the file's name: the copy of what it held before the last change."""

_LIMIT_BYTES = 64 * 1024 * 1024  # Claude Code keeps much else in its own


class ClientFile(NamedTuple):
    """A file at *path*: its *text*, and the *servers* in it."""

    path: str
    text: str
    servers: list[Server]
    stamp: FileStamp | None

    @property
    def copy_path(self) -> str:
        """Where the copy is kept: beside the file itself, also when *path* is a link to it."""
        return os.path.realpath(self.path) + COPY_SUFFIX

    def replace(self, text: str) -> None:
        """Let the copy hold what the file holds, and the file *text*; raises `OSError` and leaves the file when it cannot."""
        replace_file(self.copy_path, self.text.encode(), like=self.path)
        replace_file(self.path, text.encode(), like=self.path, instead_of=self.stamp)


def read_client_file(path: str) -> ClientFile | None:
    """Return the file at *path*, None when it is in order and holds no servers; `ConfigError` when it is not."""
    try:
        stamp = stamp_of(path)
        content = read_small_file(path, limit_bytes=_LIMIT_BYTES, may_be_anybodys=True)
        text = content.decode("utf-8")
        return ClientFile(path, text, find_servers(text), stamp)
    except NoServers:
        return None
    except UnicodeDecodeError:
        trouble = "it is not UTF-8; save it as that"
    except Malformed as error:
        trouble = f"{error}; mend that first"
    except OSError as error:
        trouble = f"{error.strerror or error}; name a file that can be read"
    msg = f"{path}: {trouble}"
    raise ConfigError(msg)
