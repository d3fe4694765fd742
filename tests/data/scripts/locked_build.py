"""
Makes an interpreter with a global lock take the locks of one without: `RECORD_UNDER_LOCK=1`.

Where nobody says anything else, `TelemetryBuffer` and `AtomicCounter` then have `is_locked=True`. The suite
reads it in `tests/conftest.py`, and the hosts beside this file when they import it.
"""

from __future__ import annotations

import os

VARIABLE = "RECORD_UNDER_LOCK"


def is_asked_for():
    """Return whether this run is to record under a lock."""
    return os.environ.get(VARIABLE, "") not in ("", "0")


def take_locks():
    """Let the constructors' argument be True unless it is given."""
    from mcptelemetry.events import TelemetryBuffer
    from mcptelemetry.system import AtomicCounter

    for constructed in (TelemetryBuffer, AtomicCounter):
        assert constructed.__init__.__kwdefaults__["is_locked"] is None
        constructed.__init__.__kwdefaults__["is_locked"] = True


if is_asked_for():
    take_locks()
