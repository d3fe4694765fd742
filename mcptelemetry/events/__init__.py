"""The operator's stream: one small record per tool invocation, delivered in batches."""

from __future__ import annotations

from ..errors import UploadError
from ..vocabulary import TelemetryStatus
from ..wire import TelemetryBatch, TelemetryEvent
from ._account import PipelineStats
from ._buffer import BufferCounts, TelemetryBuffer
from ._config import PipelineConfig
from ._pipeline import TelemetryPipeline
from ._recorder import Recorder
from ._target import EventsTarget, find_target
from ._uploader import TelemetryAuth, TelemetryUploader

__all__ = [
    "BufferCounts",
    "EventsTarget",
    "PipelineConfig",
    "PipelineStats",
    "Recorder",
    "TelemetryAuth",
    "TelemetryBatch",
    "TelemetryBuffer",
    "TelemetryEvent",
    "TelemetryPipeline",
    "TelemetryStatus",
    "TelemetryUploader",
    "UploadError",
    "find_target",
]
