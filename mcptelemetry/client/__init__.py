"""Telemetry: where the rooms are put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._late import late_names
from ._telemetry import Telemetry

if TYPE_CHECKING:
    from ._check import EndpointCheck

__all__ = ["EndpointCheck", "Telemetry"]

if not TYPE_CHECKING:
    __getattr__ = late_names(globals(), {"_check": ("EndpointCheck",)})
