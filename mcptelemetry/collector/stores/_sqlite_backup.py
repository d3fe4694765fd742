"""
A copy of the sqlite file while documents come in.

`VACUUM INTO` copies what one moment holds; a copy of the file itself would mix moments, and
sqlite's own backup begins again at every commit, which under load is for ever.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Union

from ._errors import StoreError
from ._sqlite_file import SqliteFile

__all__ = ["back_up"]


def back_up(file: SqliteFile, path: Union[str, os.PathLike[str]]) -> None:
    """Write what *file* holds now to *path*, mode 0600, which must not exist: all of it or nothing."""
    target = os.path.abspath(os.fspath(path))
    part = f"{target}.part"
    try:
        if os.path.lexists(target):
            msg = f"would overwrite {target}; name a file that does not exist"
            raise StoreError(msg)
        # An empty file may be vacuumed into, and this one is nobody else's to read.
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        msg = f"{part} cannot be made: {error.strerror}; name a file in a folder that you may write to"
        raise StoreError(msg) from error
    try:
        with file.reading() as connection:
            connection.execute("VACUUM INTO ?", (part,))
        descriptor = os.open(part, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.link(part, target) if hasattr(os, "link") else os.rename(part, target)
    except OSError as error:
        msg = f"{target} cannot be written: {error.strerror}; make room, or name another place"
        raise StoreError(msg) from error
    finally:
        with suppress(OSError):
            os.unlink(part)
