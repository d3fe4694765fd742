"""What a window is, and how the windows stand: the values that `Windows` gives out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._keys import Counts

if TYPE_CHECKING:
    from ._snapshot import RegistrySnapshot

__all__ = ["FrozenWindow", "WindowState"]


class FrozenWindow(NamedTuple):
    """
    What one heartbeat carries: *counts* under *heartbeat_id*, frozen at *frozen_at* (Unix seconds).

    *lease* is who may send it now; *attempts* is how often it failed before.
    """

    heartbeat_id: str
    counts: Counts
    frozen_at: float
    lease: str
    attempts: int

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
    of the present generation.
    """

    due_in_secs: float = 0.0
    heartbeat_id: str = ""
    counts: Counts = {}  # noqa: RUF012  never changed
    is_frozen: bool = False
    attempts: int = 0
    settled_count: int = 0
    given_up_count: int = 0
    is_present: bool = False

    @property
    def snapshot(self) -> RegistrySnapshot:
        """The counts as a picture."""
        from ._snapshot import RegistrySnapshot  # whoever builds a heartbeat has loaded it

        return RegistrySnapshot.of(self.counts)
