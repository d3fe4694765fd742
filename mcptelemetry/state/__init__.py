"""What the machine remembers, in `telemetry.db`: never what a person said, which is in the mode files."""

from __future__ import annotations

from ._deliveries import DeliveryNews, DeliveryTotals, add_delivery, forget_deliveries, read_deliveries
from ._generations import count_generation, generations_begun, name_generation
from ._identity import Identity, renew_identity
from ._memory import DATABASE_FILE, Memory, Picture
from ._notice_mark import NoticeMark
from ._sent import FateWord, SentDocument, SentStreamWord, keep_sent
from ._values import format_moment, parse_moment, write_value

__all__ = [
    "DATABASE_FILE",
    "DeliveryNews",
    "DeliveryTotals",
    "FateWord",
    "Identity",
    "Memory",
    "NoticeMark",
    "Picture",
    "SentDocument",
    "SentStreamWord",
    "add_delivery",
    "count_generation",
    "forget_deliveries",
    "format_moment",
    "generations_begun",
    "keep_sent",
    "name_generation",
    "parse_moment",
    "read_deliveries",
    "renew_identity",
    "write_value",
]
