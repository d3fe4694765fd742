"""Telemetry: where the rooms are put together."""

from __future__ import annotations

from ._telemetry import Telemetry

__all__ = ["Telemetry"]
