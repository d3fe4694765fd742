"""
What `telemetry.toml` says, as frozen values; the defaults are what a missing file says.

They are named tuples because every host loads them: the machinery of data classes would cost
more than all the rest of this room.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Optional, Union

from ..system import NetworkSettings
from ..vocabulary import CompressionWord, FormatWord
from ._modes import Mode

__all__ = ["Config", "ProxySettings", "TelemetrySettings"]


class TelemetrySettings(NamedTuple):
    """
    `[telemetry]`: whether, and where to, the maintainer's heartbeat goes.

    *enabled* and *mode* are None when the file does not say; a mode that is not known is
    `Mode.OFF`. *endpoint* is a base URL or None.
    """

    enabled: Optional[bool] = None
    mode: Optional[Mode] = None
    endpoint: Optional[str] = None

    def __repr__(self) -> str:
        return _without_endpoint(self)


class ProxySettings(NamedTuple):
    """
    `[proxy.telemetry]`: the operator's events.

    *batch_size* and *offline_queue_max* count events, *batch_interval_secs* is in seconds;
    *token_key* names the environment variable that holds the bearer token, *headers* those that
    hold the values of further headers. *allow_insecure* lets ``http://`` leave this machine.
    *metrics* adds histograms of durations to ``format = "otlp"``.
    """

    enabled: bool = True
    endpoint: Optional[str] = None
    batch_size: int = 100
    batch_interval_secs: float = 30
    offline_queue_max: int = 10_000
    token_key: Optional[str] = None
    format: FormatWord = "json"
    compression: Optional[CompressionWord] = None
    spool: bool = False
    headers: Mapping[str, str] = MappingProxyType({})
    allow_insecure: bool = False
    metrics: bool = False

    def __repr__(self) -> str:
        return _without_endpoint(self)


def _without_endpoint(settings: Union[TelemetrySettings, ProxySettings]) -> str:
    # A query may hold a key.
    shown = (f"{name}={value!r}" for name, value in settings._asdict().items() if name != "endpoint")
    return f"{type(settings).__name__}({', '.join(shown)})"


class Config(NamedTuple):
    """
    What `telemetry.toml` says; the defaults are what a missing file says.

    *routing* is `[proxy.routing]` as it was written, checked. *warnings* are lines for a log or a
    person: keys that are not known, each with the nearest one that is. *telemetry_doubt* and
    *events_doubt* name the misspelt switch for which the heartbeat and the author's events,
    or all events, read as off; ``""`` when there is none.
    """

    telemetry: TelemetrySettings = TelemetrySettings()
    proxy: ProxySettings = ProxySettings()
    network: NetworkSettings = NetworkSettings()
    routing: Mapping[str, Any] = MappingProxyType({})
    warnings: tuple[str, ...] = ()
    telemetry_doubt: str = ""
    events_doubt: str = ""
