"""
The charts of the page: values in, strings of SVG out.

They are made on the server, so that the page shows them without a script; what a script adds to
them, it reads from their elements.
"""

from __future__ import annotations

from ._shares import ShareRow, Shares, describe_shares, draw_shares, share_rows
from ._sparks import draw_bar, draw_spark
from ._timeline import step_of
from ._trend import Trend, TrendRow, describe_trend, trend_rows
from ._trend_drawing import draw_trend

__all__ = [
    "ShareRow",
    "Shares",
    "Trend",
    "TrendRow",
    "describe_shares",
    "describe_trend",
    "draw_bar",
    "draw_shares",
    "draw_spark",
    "draw_trend",
    "share_rows",
    "step_of",
    "trend_rows",
]
