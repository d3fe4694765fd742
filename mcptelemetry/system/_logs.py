"""
The package's own log lines: the host's affair, and said on stderr when it has made none of it.

A host that configured no logging would otherwise never hear that its events go nowhere: the
standard library's last resort is shut by the handler that a library should have. So this
handler is one of that kind, and says warnings itself as long as nobody else listens; never
at the end of a process, whose last words are the host's.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys

from ._exit import the_register as the_exits

__all__ = ["package_logger"]

# By position, not by name: the folder may lie vendored in any package.
package_logger: logging.Logger = logging.getLogger(__name__.rsplit(".", 2)[0])
"""The logger above all of ours; a host that wants to hear them puts a handler on it."""


class _LastResort(logging.NullHandler):
    """Writes a warning to stderr when no other handler would get it, and takes no lock for it."""

    def handle(self, record: logging.LogRecord) -> bool:
        # Whoever shut the standard library's last resort wants to hear as little of ours.
        if record.levelno >= logging.WARNING and logging.lastResort is not None and not the_exits.has_begun:
            with contextlib.suppress(Exception):  # a stream that is gone harms nobody
                if not self._is_heard(record):
                    _say(record.getMessage())
        return False

    def _is_heard(self, record: logging.LogRecord) -> bool:
        logger: logging.Logger | None = logging.getLogger(record.name)
        while logger is not None:
            if any(handler is not self for handler in logger.handlers):
                return True
            logger = logger.parent if logger.propagate else None
        return False


def _say(message: str) -> None:
    stream = sys.stderr
    if stream is None:  # closed when the process was started
        return
    line = message + "\n"
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError, ValueError):  # the host's own, without a descriptor
        stream.write(line)
        return
    # Not through the stream: its lock, held by a daemon thread when the process ends, would end
    # it with a fatal error.
    os.write(descriptor, line.encode("utf-8", "backslashreplace"))


package_logger.addHandler(_LastResort())
