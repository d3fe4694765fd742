"""
The free names of events: what a stranger may have filled, searched before it may leave.

Names recur, so a verdict is remembered for each shape of event, as long as the environment
holds the same credentials; field names, closed words, numbers and ids are never searched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

from ..wire import NAME_KEPT_MAX_CHARACTERS, EventShape, as_recorded, find_token_shape, free_names
from ._addresses import find_address
from ._blocked_values import BlockedValue, collect_blocked_values
from ._spellings import Layers

__all__ = ["NameJudge"]

_BOUNDARY = "\0"  # no name holds one: nothing is found across two names
_KEPT_VERDICTS_MAX = 1024
# As many characters of a credential's beginning, at the end of a name that was not kept
# whole, are taken for the rest of it too.
_TELLING_CHARACTERS = 8


class NameJudge:
    """
    Judges shapes of events by the credentials in *environ* and by well-known token shapes.

    *are_authors*: the events go to an author, so paths and addresses are refused too. Used
    by one thread at a time.
    """

    def __init__(self, environ: Mapping[str, str], *, are_authors: bool = False) -> None:
        self._environ = environ
        self._are_authors = are_authors
        self._seen: Optional[dict[Any, Any]] = None
        self._credentials: tuple[BlockedValue, ...] = ()
        self._unlike_recorded: list[tuple[BlockedValue, str]] = []
        self._verdicts: dict[EventShape, Optional[str]] = {}

    def find_guilt(self, shapes: Iterable[EventShape]) -> str | None:
        """Return why one of *shapes* must not leave, in words without the thing itself, or None."""
        self._look_at_environment()
        verdicts = self._verdicts
        for shape in shapes:
            try:
                guilt = verdicts[shape]
            except KeyError:
                guilt = self._judge(shape)
            if guilt is not None:
                return guilt
        return None

    def _look_at_environment(self) -> None:
        # What os.environ keeps its variables in: to compare that costs a thirtieth of reading it.
        variables = getattr(self._environ, "_data", self._environ)
        if variables != self._seen:
            # Copied first: a variable that is set meanwhile is seen at the next look.
            seen = dict(variables)
            # Neither host nor person: a tool may be called like either.
            found = collect_blocked_values("", "", self._environ)
            credentials = tuple(value for value in found if value.is_credential)
            if credentials != self._credentials:  # most variables that a host changes are none
                self._credentials = credentials
                # With line ends and other control characters replaced, as they are in the names.
                recorded = [(value, as_recorded(value.value)) for value in credentials]
                self._unlike_recorded = [(value, text) for value, text in recorded if text != value.value]
                self._verdicts = {}
            self._seen = seen

    def _judge(self, shape: EventShape) -> str | None:
        try:
            guilt = self._find(free_names(shape))
        except Exception as error:  # noqa: BLE001  fails closed, whatever it was
            guilt = f"a name could not be searched ({type(error).__name__})"
        if len(self._verdicts) >= _KEPT_VERDICTS_MAX:
            # A host that makes up names without end must not make us remember them all.
            self._verdicts.clear()
        self._verdicts[shape] = guilt
        return guilt

    def _find(self, names: tuple[str, ...]) -> str | None:
        layers = Layers(_BOUNDARY.join(names))
        prefix = layers.find_prefix() if self._are_authors else None
        if prefix is not None:
            return f"a name holds a path ({prefix})"
        # This machine's own first, as in documents: to say which variable helps more than which vendor.
        value = layers.find_value(self._credentials) or self._find_cut(names)
        if value is not None:
            return f"a name holds a credential ({value.label})"
        for text in layers:
            token = find_token_shape(text)
            if token is not None:
                return f"a name holds a credential (token:{token})"
            address = find_address(text) if self._are_authors else None
            if address is not None:
                return f"a name holds what reaches a person or a machine ({address})"
        layers.check_end()
        return None

    def _find_cut(self, names: tuple[str, ...]) -> BlockedValue | None:
        """Return a credential of which a name, kept in part, holds the beginning or another piece."""
        kept_in_part = [name for name in names if len(name) >= NAME_KEPT_MAX_CHARACTERS]
        for value, recorded in self._unlike_recorded:
            if any(recorded in name for name in names):
                return value
        for value in self._credentials if kept_in_part else ():
            recorded = as_recorded(value.value)
            if any(_ends_with_beginning(name, recorded) for name in kept_in_part):
                return value
        return None


def _ends_with_beginning(name: str, credential: str) -> bool:
    """Return whether *name* ends with a telling beginning of *credential*, or is a piece of it."""
    beginning = credential[:_TELLING_CHARACTERS]
    at = name.find(beginning)
    while at >= 0:
        if credential.startswith(name[at:]):
            return True
        at = name.find(beginning, at + 1)
    return name in credential
