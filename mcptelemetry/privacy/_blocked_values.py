"""
The literals of this machine that must never leave: its names and its credentials.

A name may coincide with an ordinary word, a credential should not; so each value carries
where it came from, the searches treat the two differently, and what a variable holds is a
credential only when it looks like one: `SORT_KEY=timestamp` must silence nobody.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Union
from urllib.parse import unquote

from ..vocabulary import (
    UNKNOWN_TOOL,
    EnvKind,
    ErrorCategory,
    ErrorType,
    LaunchSource,
    RoutingReason,
    RoutingStrategy,
    StartupOutcome,
    Surface,
    TelemetryStatus,
)
from ..wire import ARCH_WORDS, CLIENT_SPELLINGS, OAUTH_PROVIDERS, OS_WORDS, PROTOCOLS, ROUTING_MODES

__all__ = ["BlockedValue", "as_blocked_values", "collect_blocked_values", "read_hostname"]

# A name shorter than this is searched as a whole word: people are called tim, ci and pro.
_WHOLE_WORD_BELOW = 8

_NAMES = ("hostname", "username")
_NAME_LEAST = 3  # of those that are only guessed to be a person's or a machine's
_NAME_VARIABLES = ("USER", "LOGNAME")
# A machine called `v1` or `10` would be found in every version.
_VERSION_LIKE = re.compile(r"[vV]?[0-9]{1,4}")

_CREDENTIAL_NAMES = ("TOKEN", "SECRET")
_CREDENTIAL_ENDINGS = (
    "PASSWORD", "_TOKEN", "_KEY", "_SECRET", "_PASS", "_PAT", "_PWD", "_DSN", "_CREDENTIALS",
)  # fmt: skip
_URL_ENDING = "_URL"
_ENDINGS = (*_CREDENTIAL_NAMES, *_CREDENTIAL_ENDINGS, _URL_ENDING)
_SETTING_ENDINGS = ("_KEY", "_TOKEN")
_CREDENTIAL_LEAST = 8
# A variable that is only called like a credential may hold a word such as "timestamp".
_IDENTIFIER = re.compile(r"[A-Za-z_]{1,15}")
_PORT_AND_PATH = re.compile(r"[0-9]{1,5}(?:[/?#]|$)")

_CLOSED_WORDS = frozenset(
    str(word).lower()
    for words in (
        (UNKNOWN_TOOL, *ARCH_WORDS, *OS_WORDS, *OAUTH_PROVIDERS, *PROTOCOLS, *ROUTING_MODES),
        (*EnvKind, *ErrorCategory, *ErrorType, *LaunchSource, *StartupOutcome, *Surface, *TelemetryStatus),
        (*RoutingReason, *RoutingStrategy),
        CLIENT_SPELLINGS,
    )
    for word in words
)


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

    That is *hostname* and its first label, the last component of the *home* directory, what
    USER and LOGNAME say, and the credentials in *env*: what looks like one in a variable
    called TOKEN or SECRET or ending in PASSWORD, _TOKEN, _KEY, _SECRET, _PASS, _PAT, _PWD,
    _DSN or _CREDENTIALS, and the password inside one that ends in _URL. Each value appears
    once; one that is both a name and a credential is a credential.
    """
    found: dict[str, str] = {}
    for label, name in _names(hostname.strip(), home, env):
        if name and _VERSION_LIKE.fullmatch(name) is None:
            found.setdefault(name, label)
    for label, value in _credentials(env):
        if found.get(value, "hostname") in _NAMES:
            found[value] = label
    return tuple(BlockedValue(label, value) for value, label in found.items())


def _names(hostname: str, home: str, env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    parts = [part for part in re.split(r"[/\\]", home.strip()) if part]
    yield "hostname", hostname
    yield "username", parts[-1] if parts else ""
    for label, name in (
        ("hostname", hostname.partition(".")[0]),
        *(("username", env.get(variable, "").strip()) for variable in _NAME_VARIABLES),
    ):
        if len(name) >= _NAME_LEAST:
            yield label, name


def _credentials(env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    # The names first: to look at every value of a large environment would cost a batch of events dear.
    for name in sorted(name for name in env if name.upper().endswith(_ENDINGS)):
        upper = name.upper()
        value = env.get(name, "").strip()
        found = list(_passwords_in(value))  # a *_DSN is searched for whole, and for its password
        if upper in _CREDENTIAL_NAMES or upper.endswith(_CREDENTIAL_ENDINGS):
            found.insert(0, value)
        is_wordy = upper.endswith(_SETTING_ENDINGS)
        yield from ((f"env:{name}", text) for text in found if _looks_like_one(text, is_wordy=is_wordy))


def _looks_like_one(value: str, *, is_wordy: bool) -> bool:
    """Return whether *value* looks like a credential; where it *is_wordy*, no identifier does."""
    if len(value) < _CREDENTIAL_LEAST or value.lower() in _CLOSED_WORDS:
        return False
    return not is_wordy or _IDENTIFIER.fullmatch(value) is None


def _passwords_in(value: str) -> tuple[str, ...]:
    """Return the password inside the address *value*, as it stands and without percent signs."""
    # Not by a parser: a password may hold a slash, where each parser has its own opinion.
    user, colon, password = value.partition("://")[2].rpartition("@")[0].partition(":")
    if not colon or password == user or _PORT_AND_PATH.match(password):
        return ()
    return tuple(dict.fromkeys((password, unquote(password))))


def read_hostname() -> str:
    """Return what this machine calls itself."""
    return socket.gethostname()
