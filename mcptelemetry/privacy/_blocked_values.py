"""
The literals of this machine that must never leave: its names and its credentials.

A name may coincide with an ordinary word, a credential cannot; so each value carries where
it came from, and the searches treat the two differently.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Union

__all__ = ["BlockedValue", "as_blocked_values", "collect_blocked_values", "read_hostname"]

# A name shorter than this is searched as a whole word: people are called tim, ci and pro.
_WHOLE_WORD_BELOW = 8

_NAMES = ("hostname", "username")
_CREDENTIAL_VARIABLES = ("GITHUB_TOKEN", "GITLAB_TOKEN", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY")
_CREDENTIAL_LEAST = 3
# A variable that is only called like a credential may hold a word such as "enabled".
_CREDENTIAL_SUFFIXES = ("_TOKEN", "_KEY", "_SECRET", "_PASSWORD")
_SUFFIXED_LEAST = 8


@dataclass(frozen=True)
class BlockedValue:
    """
    A literal that must never leave, and where it came from.

    *label* is `hostname`, `username`, `env:NAME` or `value` (given as a plain string); only
    the label is ever shown.
    """

    label: str
    value: str

    def __repr__(self) -> str:
        return f"BlockedValue(label={self.label!r})"

    @property
    def is_name(self) -> bool:
        """Whether this is the name of the machine or the person, not a credential."""
        return self.label in _NAMES

    @property
    def is_whole_word(self) -> bool:
        """Whether only a whole word counts as this value."""
        return self.is_name and len(self.value) < _WHOLE_WORD_BELOW

    @property
    def is_credential(self) -> bool:
        """Whether this is the value of an environment variable that holds a credential."""
        return self.label.startswith("env:")

    @property
    def spellings(self) -> tuple[str, ...]:
        """The value as it stands, and as it stands inside JSON text; each once."""
        escaped = json.dumps(self.value)[1:-1]
        unescaped = json.dumps(self.value, ensure_ascii=False)[1:-1]
        return tuple(dict.fromkeys((self.value, escaped, unescaped)))


def as_blocked_values(values: Iterable[Union[BlockedValue, str]]) -> tuple[BlockedValue, ...]:
    """Return *values* with plain strings wrapped, without those that are empty."""
    wrapped = (value if isinstance(value, BlockedValue) else BlockedValue("value", value) for value in values)
    return tuple(value for value in wrapped if value.value)


def collect_blocked_values(hostname: str, home: str, env: Mapping[str, str]) -> tuple[BlockedValue, ...]:
    """
    Return what must never leave this machine.

    That is *hostname*, the last component of the *home* directory, and the credentials in
    *env*: the values (3 characters or more) of five well-known variables, and those (8 or
    more) of every variable that ends in _TOKEN, _KEY, _SECRET or _PASSWORD. Each value
    appears once; one that is both a name and a credential is a credential.
    """
    found: dict[str, str] = {}
    parts = [part for part in re.split(r"[/\\]", home.strip()) if part]
    for label, value in zip(_NAMES, (hostname.strip(), parts[-1] if parts else "")):
        if value:
            found.setdefault(value, label)
    for name in sorted(env):
        value = env[name].strip()
        if _holds_credential(name, value) and found.get(value, "hostname") in _NAMES:
            found[value] = f"env:{name}"
    return tuple(BlockedValue(label, value) for value, label in found.items())


def _holds_credential(name: str, value: str) -> bool:
    if name in _CREDENTIAL_VARIABLES:
        return len(value) >= _CREDENTIAL_LEAST
    return name.upper().endswith(_CREDENTIAL_SUFFIXES) and len(value) >= _SUFFIXED_LEAST


def read_hostname() -> str:
    """Return what this machine calls itself."""
    return socket.gethostname()
