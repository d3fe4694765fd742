"""The only way out, and everything that decides whether something may take it."""

from __future__ import annotations

from ._blocked_values import BlockedValue, collect_blocked_values
from ._client_names import keep_client_name
from ._credentials import find_token, refuse_token
from ._event_names import NameJudge
from ._gate import Gate, Outcome, Verdict
from ._notice import (
    FirstRunNotice,
    HasNotice,
    NoticeSink,
    first_heartbeat_at,
    has_been_noticed,
    maybe_print_first_run_notice,
)
from ._rows import Decision, Facts, Stream
from ._scanner import AnonymityViolation, find_blocked_prefix, scan_for_pii, scan_text_for_pii
from ._spellings import ANONYMITY_BLOCKED_PREFIXES
from ._switches import StandingSwitches, Switches, is_disabled_by_env, standing_refusal

__all__ = [
    "ANONYMITY_BLOCKED_PREFIXES",
    "AnonymityViolation",
    "BlockedValue",
    "Decision",
    "Facts",
    "FirstRunNotice",
    "Gate",
    "HasNotice",
    "NameJudge",
    "NoticeSink",
    "Outcome",
    "StandingSwitches",
    "Stream",
    "Switches",
    "Verdict",
    "collect_blocked_values",
    "find_blocked_prefix",
    "find_token",
    "first_heartbeat_at",
    "has_been_noticed",
    "is_disabled_by_env",
    "keep_client_name",
    "maybe_print_first_run_notice",
    "refuse_token",
    "scan_for_pii",
    "scan_text_for_pii",
    "standing_refusal",
]
