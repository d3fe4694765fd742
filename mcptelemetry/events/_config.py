"""
How a pipeline is set up: the settings of `[proxy.telemetry]`, given in code.

The same keys, defaults and limits as in the file; only the error differs, because here
it is the author who slipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..config import FORMATS_OF_SCHEME, PROXY_KEYS, check_endpoint
from ..vocabulary import CompressionWord, FormatWord

__all__ = ["CAPACITY_MIN", "PipelineConfig"]

CAPACITY_MIN = 16
"""So many events may wait, however few are asked for."""

# The types of those settings that are not text.
_TYPES_OF: dict[str, tuple[type, ...]] = {
    "enabled": (bool,),
    "batch_size": (int,),
    "batch_interval_secs": (int, float),
    "offline_queue_max": (int,),
    "spool": (bool,),
    "headers": (dict,),
    "allow_insecure": (bool,),
    "metrics": (bool,),
}


@dataclass(frozen=True)
class PipelineConfig:
    """
    Settings of one pipeline; a bad one is a `ValueError` or `TypeError` naming the argument.

    Args:
        enabled: whether anything is sent; False: events are kept and never sent.
        endpoint: a URL, or the base of one as for `TelemetryUploader`; None: events are kept and never sent.
        batch_size: events that make a batch, 1 or more.
        batch_interval_secs: seconds after which a batch that is not full goes too, 1 or more.
        offline_queue_max: events that may wait, 0 or more; at least 16 are kept. The oldest go first.
        token_key: the environment variable that holds the bearer token; read by `Telemetry`.
        format: ``"json"`` or ``"otlp"`` (OTLP/HTTP JSON traces, for an OpenTelemetry Collector) to an HTTP
            endpoint, ``"jsonl"`` to a ``file:///path``.
        compression: ``"gzip"`` compresses bodies over 1 KiB, ``"none"`` nothing; None: as the format has
            it, ``"otlp"`` compresses and the others do not.
        spool: whether what is not delivered yet is kept on the disk, for this or another process of the
            installation to deliver; see `TelemetryPipeline`.
        headers: further headers: the names of the environment variables that hold their values,
            by header name; read by `Telemetry`. None: no further ones.
        allow_insecure: whether ``http://`` to another machine is taken.
        metrics: whether histograms of the calls' durations go beside the events, with ``format="otlp"`` only.
    """

    enabled: bool = True
    endpoint: str | None = field(default=None, repr=False)  # a query may hold a key
    batch_size: int = 100
    batch_interval_secs: float = 30
    offline_queue_max: int = 10_000
    token_key: str | None = None
    format: FormatWord = "json"
    compression: CompressionWord | None = None
    spool: bool = False
    headers: Mapping[str, str] | None = None
    allow_insecure: bool = False
    metrics: bool = False

    def __post_init__(self) -> None:
        for key in PROXY_KEYS:
            value = getattr(self, key.name)
            if value is None and key.name in ("endpoint", "token_key", "compression", "headers"):
                continue
            if not key.is_right(value):
                shown = "" if key.is_secret and isinstance(value, (str, bytes, Mapping)) else f"={value!r}"
                msg = f"{key.name}{shown} is not usable: it {key.demand(value)}"
                if type(value) not in _TYPES_OF.get(key.name, (str,)):
                    raise TypeError(msg)
                raise ValueError(msg)
        if self.metrics and self.format != "otlp":
            msg = f"metrics=True is not usable with format={self.format!r}: it goes with 'otlp'"
            raise ValueError(msg)
        if self.endpoint is not None:
            check_endpoint(
                self.endpoint, allow_insecure=self.allow_insecure, insecure_choice="allow_insecure=True"
            )
            scheme = urlsplit(self.endpoint).scheme
            if self.format not in FORMATS_OF_SCHEME[scheme]:
                msg = (
                    f"format={self.format!r} is not usable with a {scheme}:// endpoint: "
                    f"it must be {' or '.join(map(repr, FORMATS_OF_SCHEME[scheme]))}"
                )
                raise ValueError(msg)
