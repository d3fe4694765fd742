"""What a person said: the settings in `telemetry.toml`, and the modes that commands wrote."""

from __future__ import annotations

from ._document import BrokenFile, prepare_reader
from ._endpoint import FORMATS_OF_SCHEME, check_endpoint, events_url, metrics_url
from ._headers import find_header_fault
from ._modes import (
    PERSON_FILE,
    STATE_FILE,
    Mode,
    ModeRecord,
    ModeWord,
    person_directory,
    read_mode,
    write_mode,
)
from ._settings import CONFIG_FILE, PROXY_KEYS, load_config
from ._values import Config, ProxySettings, TelemetrySettings
from ._watched import WatchedFile

__all__ = [
    "CONFIG_FILE",
    "FORMATS_OF_SCHEME",
    "PERSON_FILE",
    "PROXY_KEYS",
    "STATE_FILE",
    "BrokenFile",
    "Config",
    "Mode",
    "ModeRecord",
    "ModeWord",
    "ProxySettings",
    "TelemetrySettings",
    "WatchedFile",
    "check_endpoint",
    "events_url",
    "find_header_fault",
    "load_config",
    "metrics_url",
    "person_directory",
    "prepare_reader",
    "read_mode",
    "write_mode",
]
