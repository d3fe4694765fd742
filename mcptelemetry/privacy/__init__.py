"""The only way out, and everything that decides whether something may take it."""

from __future__ import annotations

from ._gate import Gate, Outcome, Verdict
from ._standing import standing_refusal

__all__ = ["Gate", "Outcome", "Verdict", "standing_refusal"]
