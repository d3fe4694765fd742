"""
Who started a process, decided from injected facts.

The launch variable stands first because only a launcher sets it; a terminal stands last
because a tray or a login item may have one by accident.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..application import Application
from ..vocabulary import LaunchSource
from ._facts import HandshakeChecker, PPIDChecker, TTYChecker, is_so

__all__ = ["detect_launch_source"]


def detect_launch_source(
    env: Mapping[str, str],
    handshake: HandshakeChecker | None,
    ppid: PPIDChecker | None,
    tty: TTYChecker | None,
    *,
    app: str | Application,
) -> LaunchSource:
    """
    Return who started the process that the given facts describe.

    *app* names the launch variable (``ACME_MCP_LAUNCHED_BY``, read in any case; a value
    other than ``installer`` or ``tray`` is ignored). A port that is None or that fails
    counts as False. An *app* that is no application name is a `ValueError`.
    """
    application = app if isinstance(app, Application) else Application(app)
    said = env.get(application.launch_variable, "").strip().lower()
    # The first row that holds is the verdict; a probe is asked only when it is reached.
    rows: tuple[tuple[LaunchSource, Callable[[], bool]], ...] = (
        (LaunchSource.INSTALLER, lambda: said == "installer"),
        (LaunchSource.TRAY, lambda: said == "tray"),
        (LaunchSource.TRAY, lambda: handshake is not None and is_so(handshake.launched_via_tray)),
        (LaunchSource.LOGIN_ITEM, lambda: ppid is not None and is_so(ppid.is_login_item_parent)),
        (LaunchSource.CLI, lambda: tty is not None and is_so(tty.is_terminal)),
    )
    return next((source for source, holds in rows if holds()), LaunchSource.UNKNOWN)
