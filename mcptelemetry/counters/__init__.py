"""What is counted: counters, activation, and the windows in which they are reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._late import late_names
from ..vocabulary import parse_client_surface
from ..wire import sanitize_client_name
from ._activation import (
    MAX_MCP_CLIENTS_SEEN,
    ActivationStore,
    clear_installer_pending,
    is_installer_pending,
)
from ._activation_values import ActivationNews, ActivationState
from ._buckets import bucket_tokens, bucket_upstream_calls
from ._counting import Counting
from ._flusher import CounterFlusher
from ._keys import CounterKey, Counts
from ._names import MCPPROXY_TOOLS, check_milestones
from ._notes import ActivationNotes
from ._registry import CounterRegistry
from ._stored_window import begin_generation, forget_counts
from ._window import Also, Windows
from ._window_values import FrozenWindow, WindowState
from ._worker import CountingWorker, Task

if TYPE_CHECKING:
    from ._snapshot import DoctorCounts, RegistrySnapshot

__all__ = [
    "MAX_MCP_CLIENTS_SEEN",
    "MCPPROXY_TOOLS",
    "ActivationNews",
    "ActivationNotes",
    "ActivationState",
    "ActivationStore",
    "Also",
    "CounterFlusher",
    "CounterKey",
    "CounterRegistry",
    "Counting",
    "CountingWorker",
    "Counts",
    "DoctorCounts",
    "FrozenWindow",
    "RegistrySnapshot",
    "Task",
    "WindowState",
    "Windows",
    "begin_generation",
    "bucket_tokens",
    "bucket_upstream_calls",
    "check_milestones",
    "clear_installer_pending",
    "forget_counts",
    "is_installer_pending",
    "parse_client_surface",
    "sanitize_client_name",
]

if not TYPE_CHECKING:
    __getattr__ = late_names(
        globals(),
        {
            "_snapshot": ("DoctorCounts", "RegistrySnapshot"),
        },
    )
