"""The operator's stream: one small record per tool invocation, delivered in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._late import late_names
from ..errors import UploadError
from ..vocabulary import TelemetryStatus
from ..wire import TelemetryEvent
from ._recorder import Recorder

if TYPE_CHECKING:
    from ..wire import TelemetryBatch
    from ._account import PipelineStats
    from ._buffer import BufferCounts, TelemetryBuffer
    from ._config import PipelineConfig
    from ._outcomes import AnsweredBatch, Outcomes
    from ._pipeline import TelemetryPipeline
    from ._spool import Spool, SpoolPicture
    from ._spool_rows import SpooledStream, SpoolStream
    from ._spool_sender import SpoolDelivery
    from ._spool_terms import SpoolPlace, SpoolTerms, stream_to
    from ._target import EventsTarget, find_target
    from ._uploader import TelemetryAuth, TelemetryUploader

__all__ = [
    "AnsweredBatch",
    "BufferCounts",
    "EventsTarget",
    "Outcomes",
    "PipelineConfig",
    "PipelineStats",
    "Recorder",
    "Spool",
    "SpoolDelivery",
    "SpoolPicture",
    "SpoolPlace",
    "SpoolStream",
    "SpoolTerms",
    "SpooledStream",
    "TelemetryAuth",
    "TelemetryBatch",
    "TelemetryBuffer",
    "TelemetryEvent",
    "TelemetryPipeline",
    "TelemetryStatus",
    "TelemetryUploader",
    "UploadError",
    "find_target",
    "stream_to",
]

if not TYPE_CHECKING:
    __getattr__ = late_names(
        globals(),
        {
            ".wire": ("TelemetryBatch",),
            "_account": ("PipelineStats",),
            "_buffer": ("BufferCounts", "TelemetryBuffer"),
            "_config": ("PipelineConfig",),
            "_outcomes": ("AnsweredBatch", "Outcomes"),
            "_pipeline": ("TelemetryPipeline",),
            "_spool": ("Spool", "SpoolPicture"),
            "_spool_rows": ("SpoolStream", "SpooledStream"),
            "_spool_sender": ("SpoolDelivery",),
            "_spool_terms": ("SpoolPlace", "SpoolTerms", "stream_to"),
            "_target": ("EventsTarget", "find_target"),
            "_uploader": ("TelemetryAuth", "TelemetryUploader"),
        },
    )
