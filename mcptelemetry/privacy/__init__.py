"""The only way out, and everything that decides whether something may take it."""

from __future__ import annotations

from ._gate import Gate, Outcome, Verdict
from ._switches import Decision, Stream, Switches, is_disabled_by_env, standing_refusal

__all__ = [
    "Decision",
    "Gate",
    "Outcome",
    "Stream",
    "Switches",
    "Verdict",
    "is_disabled_by_env",
    "standing_refusal",
]
