"""What a window is, and how the windows stand: the values that `Windows` gives out."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, NamedTuple, Optional

from ..state import Identity
from ._keys import Counts

if TYPE_CHECKING:
    from ._snapshot import RegistrySnapshot

__all__ = ["FrozenWindow", "WindowState"]


class FrozenWindow(NamedTuple):
    """
    What one heartbeat carries: *counts* under *heartbeat_id*, frozen at *frozen_at* (Unix seconds).

    *identity* and *generation* are those of the installation when it was frozen: a later try is
    not joined to a later id; None and ``""`` of a window that nobody stored. *lease* is who may send it now; *attempts* is how often it failed
    before.
    """

    heartbeat_id: str
    counts: Counts
    frozen_at: float
    lease: str
    attempts: int
    identity: Optional[Identity] = None
    generation: str = ""

    @property
    def snapshot(self) -> RegistrySnapshot:
        """The counts as a picture."""
        from ._snapshot import RegistrySnapshot  # whoever builds a heartbeat has loaded it

        return RegistrySnapshot.of(self.counts)


class WindowState(NamedTuple):
    """
    How the windows stand: seconds until the next is due, and what became of those before.

    *heartbeat_id* and *counts* are what the next heartbeat would carry, ``""`` and nothing
    before the first count of an installation. *is_present*: what is stored, activation included, is
    of the present generation. *identity* is the one of a frozen window.
    """

    due_in_secs: float = 0.0
    heartbeat_id: str = ""
    counts: Counts = {}  # noqa: RUF012  never changed
    is_frozen: bool = False
    attempts: int = 0
    settled_count: int = 0
    given_up_count: int = 0
    is_present: bool = False
    identity: Optional[Identity] = None

    @property
    def snapshot(self) -> RegistrySnapshot:
        """The counts as a picture."""
        from ._snapshot import RegistrySnapshot  # whoever builds a heartbeat has loaded it

        return RegistrySnapshot.of(self.counts)

    @property
    def why_not_yet(self) -> str | None:
        """What the next heartbeat waits for, None when it is due."""
        if self.due_in_secs <= 0:
            return None
        secs = ceil(self.due_in_secs)
        if not self.is_frozen:
            return f"the next one is due in {secs} s"
        if self.attempts:
            return f"it could not be delivered so far ({self.attempts} times); it is tried again in {secs} s"
        return f"a process is at it, or ended over it; it is tried again in {secs} s"
