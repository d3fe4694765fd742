"""
What an author gave, checked at construction: each error names the argument and the mend.

What the rooms check themselves (the application's name, endpoints, tools, the mode) is
left to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..privacy import refuse_token
from ..wire import FIELD_SHAPES, OPEN_MAP_ENTRIES_MAX

__all__ = ["check_command", "check_edition", "check_flags", "check_notice", "check_version"]


def check_version(version: object) -> str:
    """Return *version*; `TypeError` when it is no str."""
    if not isinstance(version, str):
        msg = f"version must be a str such as '1.4.0', not {type(version).__name__}"
        raise TypeError(msg)
    refuse_token("version", version)
    return version


def check_notice(notice: Any) -> Callable[[str], bool] | None:  # unknown until here
    """Return *notice*; `TypeError` when it is no function."""
    if notice is not None and not callable(notice):
        msg = f"notice must be a function that takes a text and returns a bool, not {type(notice).__name__}"
        raise TypeError(msg)
    return notice  # type: ignore[no-any-return]  # what it returns is looked at when it is called


def check_command(command: object) -> str | None:
    """Return *command*; `TypeError` when it is no str."""
    if command is not None and not isinstance(command, str):
        msg = f"command must be a str such as 'acme-mcp telemetry off', not {type(command).__name__}"
        raise TypeError(msg)
    return command


def check_edition(edition: object) -> str:
    """Return *edition*; `TypeError` or `ValueError` when it is no short word."""
    if not isinstance(edition, str):
        msg = f"edition must be a str such as 'personal', not {type(edition).__name__}"
        raise TypeError(msg)
    refuse_token("edition", edition)
    if not FIELD_SHAPES["edition"].accepts(edition):
        msg = f"edition={edition!r} is not usable: use 1 to 32 lower-case letters, digits, '_' and '-'"
        raise ValueError(msg)
    return edition


def check_flags(flags: Any) -> Any:  # a mapping or a function, unknown until here
    """Return *flags*; `TypeError` or `ValueError` when it is no mapping of names to booleans."""
    if flags is None or callable(flags):
        return flags
    if not isinstance(flags, Mapping):
        msg = f"flags must be a mapping of names to booleans, or a function, not {type(flags).__name__}"
        raise TypeError(msg)
    for name, flag in flags.items():
        if isinstance(name, str):
            refuse_token("flags", name)
        if not isinstance(name, str) or not FIELD_SHAPES["flags"].accepts_key(name):
            msg = f"flags holds {name!r}, which is not usable: use lower-case identifiers of 1 to 64 characters"
            raise ValueError(msg)
        if not isinstance(flag, bool):
            msg = f"flags[{name!r}] must be True or False, not {type(flag).__name__}"
            raise TypeError(msg)
    if len(flags) > OPEN_MAP_ENTRIES_MAX:
        msg = f"flags holds {len(flags)} names; at most {OPEN_MAP_ENTRIES_MAX} can be reported"
        raise ValueError(msg)
    return flags
