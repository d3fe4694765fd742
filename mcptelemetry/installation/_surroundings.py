"""
What kind of place this process runs in: gathered here once, for documents and for people.

The kind of environment and who launched the process cannot change while it runs; whether it
starts with the machine can, and is read anew.
"""

from __future__ import annotations

import os
from typing import NamedTuple, Optional

from ..environment import (
    AutostartReader,
    EnvMarkers,
    OsFileProber,
    ParentPPIDChecker,
    StdinTTYChecker,
    current_os_name,
    detect_env_kind,
    detect_launch_source,
)
from ..vocabulary import EnvKind, LaunchSource
from ._installation import Installation

__all__ = ["Surroundings", "SurroundingsReader"]


class Surroundings(NamedTuple):
    """What kind of place this process runs in; None for what could not be found out."""

    env_kind: Optional[EnvKind] = None
    env_markers: Optional[EnvMarkers] = None
    launch_source: Optional[LaunchSource] = None
    autostart_enabled: Optional[bool] = None


class SurroundingsReader:
    """Looks round *installation*, at what cannot change when it is made."""

    def __init__(self, installation: Installation) -> None:
        environ, terminal = installation.environ, StdinTTYChecker()
        kind, markers = detect_env_kind(
            environ,
            OsFileProber(),
            current_os_name(),
            terminal,
            uid=os.getuid() if hasattr(os, "getuid") else None,
        )
        source = detect_launch_source(environ, None, ParentPPIDChecker(), terminal, app=installation.application)
        self._fixed = Surroundings(kind, markers, source)
        path = installation.autostart_path
        self._autostart = AutostartReader(path, installation.clock.time) if path else None

    def read(self) -> Surroundings:
        """Return what is known now."""
        return self._fixed._replace(
            autostart_enabled=None if self._autostart is None else self._autostart.read()
        )
