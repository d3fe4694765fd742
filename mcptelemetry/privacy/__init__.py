"""The only way out, and everything that decides whether something may take it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._late import late_names
from ._notice import (
    FirstRunNotice,
    HasNotice,
    NoticeSink,
    first_heartbeat_at,
    has_been_noticed,
    maybe_print_first_run_notice,
    notice_wait_secs,
)
from ._rows import Decision, Stream, SwitchFacts
from ._switches import StandingSwitches, Switches, is_disabled_by_env, standing_refusal
from ._tokens import find_token, refuse_token

if TYPE_CHECKING:
    from ._blocked_values import BlockedValue, collect_blocked_values, read_hostname
    from ._client_names import keep_client_name
    from ._event_names import NameJudge
    from ._gate import Gate, NotYet, Refusal, SendResult, Verdict
    from ._scanner import AnonymityViolation, find_blocked_prefix, scan_for_pii, scan_text_for_pii
    from ._spellings import ANONYMITY_BLOCKED_PREFIXES

__all__ = [
    "ANONYMITY_BLOCKED_PREFIXES",
    "AnonymityViolation",
    "BlockedValue",
    "Decision",
    "FirstRunNotice",
    "Gate",
    "HasNotice",
    "NameJudge",
    "NotYet",
    "NoticeSink",
    "Refusal",
    "SendResult",
    "StandingSwitches",
    "Stream",
    "SwitchFacts",
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
    "notice_wait_secs",
    "read_hostname",
    "refuse_token",
    "scan_for_pii",
    "scan_text_for_pii",
    "standing_refusal",
]

if not TYPE_CHECKING:
    __getattr__ = late_names(
        globals(),
        {
            "_blocked_values": ("BlockedValue", "collect_blocked_values", "read_hostname"),
            "_client_names": ("keep_client_name",),
            "_event_names": ("NameJudge",),
            "_gate": ("Gate", "NotYet", "Refusal", "SendResult", "Verdict"),
            "_scanner": ("AnonymityViolation", "find_blocked_prefix", "scan_for_pii", "scan_text_for_pii"),
            "_spellings": ("ANONYMITY_BLOCKED_PREFIXES",),
        },
    )
