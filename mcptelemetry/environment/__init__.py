"""
What kind of place this process runs in, who started it, and whether it starts at login.

Probes gather facts, classifiers decide: the classifiers are pure functions over small
ports, and only the two `_once` forms look at the real process.
"""

from __future__ import annotations

from ..vocabulary import EnvKind, LaunchSource
from ._autostart import AutostartReader
from ._env_kind import detect_env_kind
from ._facts import EnvMarkers, FileProber, HandshakeChecker, PPIDChecker, TTYChecker
from ._launch_source import detect_launch_source
from ._once import detect_env_kind_once, detect_launch_source_once
from ._probes import OsFileProber, ParentPPIDChecker, StdinTTYChecker, current_os_name

__all__ = [
    "AutostartReader",
    "EnvKind",
    "EnvMarkers",
    "FileProber",
    "HandshakeChecker",
    "LaunchSource",
    "OsFileProber",
    "PPIDChecker",
    "ParentPPIDChecker",
    "StdinTTYChecker",
    "TTYChecker",
    "current_os_name",
    "detect_env_kind",
    "detect_env_kind_once",
    "detect_launch_source",
    "detect_launch_source_once",
]
