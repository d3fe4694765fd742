"""The installation: one application on one machine, as one value that every stream is handed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._late import late_names
from ._as_of import HELD_FROM_BEFORE, AsOf
from ._endpoints import OperatorsEndpoint, find_operators_endpoint
from ._installation import Installation, path_in, why_not_yet
from ._journal import Journal, read_journal
from ._setup import Setup

if TYPE_CHECKING:
    from ._surroundings import Surroundings, SurroundingsReader

__all__ = [
    "HELD_FROM_BEFORE",
    "AsOf",
    "Installation",
    "Journal",
    "OperatorsEndpoint",
    "Setup",
    "Surroundings",
    "SurroundingsReader",
    "find_operators_endpoint",
    "path_in",
    "read_journal",
    "why_not_yet",
]

if not TYPE_CHECKING:
    __getattr__ = late_names(
        globals(),
        {
            "_surroundings": ("Surroundings", "SurroundingsReader"),
        },
    )
