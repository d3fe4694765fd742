"""
The tables of what is counted: sums, the facts about windows, and activation.

Facts and activation are names with values of any type, because what a failing disk left of
a value must cost that value alone; `mcptelemetry.counters` reads them with that in mind.
"""

from __future__ import annotations

__all__ = ["COUNTER_TABLES"]

COUNTER_TABLES: tuple[str, ...] = (
    """CREATE TABLE usage_counters (
        sum INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, detail TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (sum, kind, name, detail)
    ) WITHOUT ROWID""",
    "CREATE TABLE usage_facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
    "CREATE TABLE usage_activation (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
)
"""One migration: *sum* is 0 for the open sum and 1 for the frozen one."""
