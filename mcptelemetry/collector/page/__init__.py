"""What a person looks at: the page of a collector, from the fields of an address to pieces of HTML."""

from __future__ import annotations

from ._assets import ASSETS, Asset
from ._page import Page
from ._query import PERIODS, PageQuery

__all__ = ["ASSETS", "PERIODS", "Asset", "Page", "PageQuery"]
