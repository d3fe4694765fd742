"""What the machine remembers, in `telemetry.db`: never what a person said, which is in the mode files."""

from __future__ import annotations

from ._generations import count_generation, generations_begun, name_generation
from ._identity import Identity, renew_identity
from ._memory import DATABASE_FILE, Memory, Picture
from ._notice_mark import NoticeMark
from ._sent import SentDocument, keep_sent
from ._values import format_moment, parse_moment, write_value

__all__ = [
    "DATABASE_FILE",
    "Identity",
    "Memory",
    "NoticeMark",
    "Picture",
    "SentDocument",
    "count_generation",
    "format_moment",
    "generations_begun",
    "keep_sent",
    "name_generation",
    "parse_moment",
    "renew_identity",
    "write_value",
]
