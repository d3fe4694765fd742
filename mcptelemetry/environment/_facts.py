"""
What the classifiers ask of the world, as four small ports, and the booleans they report.

A classifier never probes by itself: it is handed objects of these shapes, or None where
nothing can be asked, so every verdict can be produced in a test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Protocol

__all__ = ["EnvMarkers", "FileProber", "HandshakeChecker", "PPIDChecker", "TTYChecker", "is_so"]


class FileProber(Protocol):
    """Whether files exist."""

    def exists(self, path: str) -> bool:
        """Return whether anything (a file, a directory, a socket, a link) is at *path*."""
        ...


class TTYChecker(Protocol):
    """Whether a person's terminal is attached."""

    def is_terminal(self) -> bool:
        """Return whether standard input is a terminal."""
        ...


class PPIDChecker(Protocol):
    """What the parent process says about how this one was started."""

    def is_login_item_parent(self) -> bool:
        """Return whether the parent is what starts login items on this system."""
        ...


class HandshakeChecker(Protocol):
    """What the application's tray said when it connected."""

    def launched_via_tray(self) -> bool:
        """Return whether the tray has said that it started this process."""
        ...


@dataclass(frozen=True)
class EnvMarkers:
    """
    What was seen of the environment: booleans only, every one filled whatever the verdict.

    No value of a variable, no name and no path may ever be added here; the scanner refuses
    a heartbeat whose markers are anything but booleans.
    """

    has_ci_env: bool = False
    has_cloud_ide_env: bool = False
    is_container: bool = False
    has_tty: bool = False
    has_display: bool = False

    def to_dict(self) -> dict[str, bool]:
        """Return the markers under their wire names."""
        return asdict(self)


def is_so(probe: Callable[[], bool]) -> bool:
    """Return what *probe* says; a probe that fails says nothing, which counts as False."""
    try:
        return bool(probe())
    except Exception:  # noqa: BLE001  a host's own checker may fail in any way
        return False
