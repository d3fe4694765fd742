"""
One application on one machine: its switches, its settings, its memory, its way out.

Everything that the streams have in common, as one value: a stream is handed it instead of
its parts. What cannot be used on the machine is no error of the author's: it is kept as the
*problem*, said once in the log, and nothing leaves.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from math import ceil
from typing import TYPE_CHECKING, Union

from ..application import Application, home_directory
from ..config import Config, Mode, load_config
from ..errors import ConfigError
from ..privacy import Stream, Switches, has_been_noticed, notice_wait_secs
from ..state import DATABASE_FILE, Memory, Picture
from ..system import Clock, HttpTransport, Transport, as_clock, printable, url_without_secrets
from ..vocabulary import AUTOSTART_FILE, SPOOL_FILE
from ._endpoints import OperatorsEndpoint, find_operators_endpoint
from ._setup import Setup

if TYPE_CHECKING:
    from ..privacy import BlockedValue

__all__ = ["Installation", "path_in", "why_not_yet"]

_logger = logging.getLogger(__name__)
_BUSY_SECS = 2.0  # a host waits for its start, but not for long


class Installation:
    """
    What is known of *application* here; making it creates and changes no file.

    *setup* is what its author said. *data_dir* None is the usual one. *environ* and *clock*
    default to the real ones, and so does *transport*, through which everything but a file of
    events leaves. *problem* is the `ConfigError` because of which nothing leaves in this run,
    or None. Safe from any thread.
    """

    def __init__(
        self,
        application: Application,
        setup: Setup | None = None,
        *,
        data_dir: str | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Union[Clock, Callable[[], float], None] = None,
        transport: Transport | None = None,
    ) -> None:
        self.application: Application = application
        self.setup: Setup = Setup() if setup is None else setup
        self.environ: Mapping[str, str] = os.environ if environ is None else environ
        self.clock: Clock = as_clock(clock)
        self.transport: Transport | None = transport
        self.switches: Switches = Switches(
            application,
            environ=self.environ,
            version=self.setup.version,
            default=self.setup.default,
            data_dir=data_dir,
            clock=self.clock.time,
        )
        self.data_dir: str = os.path.dirname(self.switches.config_path)
        self.problem: ConfigError | None = None
        self.config: Config = self._load_config()
        self._tell_of_broken_modes()
        self._memory: Memory | None = None

    # -- what the machine remembers ---------------------------------------------------

    def open_memory(self) -> Memory:
        """Return the installation's memory, the one that there is in this process; making it touches no file."""
        if self._memory is None:
            path = path_in(self.data_dir, DATABASE_FILE)
            self._memory = Memory(path, clock=self.clock, busy_secs=_BUSY_SECS)
        return self._memory

    @property
    def autostart_path(self) -> str:
        """Where the application's tray says whether it starts with the machine, ``""`` without a place."""
        return path_in(self.data_dir, AUTOSTART_FILE)

    @property
    def spool_path(self) -> str:
        """Where events wait that are kept on the disk, ``""`` without a place."""
        return path_in(self.data_dir, SPOOL_FILE)

    # -- where something goes ---------------------------------------------------------

    @property
    def heartbeat_endpoint(self) -> str | None:
        """The base address for heartbeats and feedback: the person's file wins over the code."""
        return self.config.telemetry.endpoint or self.setup.heartbeat_endpoint

    @property
    def operators_endpoint(self) -> OperatorsEndpoint | None:
        """Where an operator of this machine wants events to go, None when nobody said so."""
        return find_operators_endpoint(self.application, self.environ, self.config)

    def open_transport(self) -> Transport:
        """Return the way out over HTTP: the one that was given, else a new one with the person's network settings."""
        return self.transport or HttpTransport(environ=self.environ, network=self.config.network)

    def open_printing_transport(self) -> Transport:
        """Return the way to standard error, for a process that shows what it would send."""
        from ..system import PrintingTransport

        return PrintingTransport()

    # -- whether it may ---------------------------------------------------------------

    @property
    def is_printing(self) -> bool:
        """Whether this process writes what would leave to standard error and sends nothing."""
        return self.switches.decide(Stream.HEARTBEAT).is_printed

    def switch_off(self, problem: ConfigError) -> None:
        """Remember why nothing leaves in this run, and say it in one line."""
        self.problem = problem
        _logger.error("mcptelemetry: telemetry is off for this run: %s", printable(str(problem)))

    def counting_generation(self) -> str | None:
        """Return the generation under which counts are stored now, None when none are."""
        generation = self.switches.generation()  # first: a mode that changes now is seen by one of the two
        return None if self.switches.decide(Stream.HEARTBEAT).mode is Mode.OFF else generation

    def notice_wait_secs(self, endpoint: str, picture: Picture | None = None) -> float | None:
        """
        Return in how many seconds something may leave for *endpoint*, None before a notice named it.

        *picture* is what has just been seen of the memory, None: it is looked at.
        """
        mark = (self.open_memory().look() if picture is None else picture).notice
        # As it was shown and kept: a query may hold a key.
        has_told = has_been_noticed(mark, (url_without_secrets(endpoint),))
        return notice_wait_secs(mark, self.clock.time()) if has_told else None

    def why_not_yet(self, endpoint: str) -> str | None:
        """Return why nothing leaves for *endpoint* yet, None when the notice and its delay are over."""
        return why_not_yet(self.notice_wait_secs(endpoint))

    def blocked_values(self) -> tuple[BlockedValue, ...]:
        """Return what must never leave this machine, as it is now."""
        # Whoever searches a document with them has loaded it already, and not in a worker.
        from ..privacy import collect_blocked_values, read_hostname

        return collect_blocked_values(read_hostname(), home_directory(self.environ), self.environ)

    def _load_config(self) -> Config:
        try:
            config = load_config(self.switches.config_path)
        except ConfigError as error:
            self.switch_off(error)
            return Config()
        for warning in config.warnings:
            _logger.warning("mcptelemetry: %s", printable(warning))
        return config

    def _tell_of_broken_modes(self) -> None:
        """Say, once and not of each file, that a mode cannot be read: an operator's events go on all the same."""
        facts = self.switches.look()
        broken = next((found for found in (facts.person, facts.state) if isinstance(found, ConfigError)), None)
        if broken is not None and self.problem is None:
            _logger.error("mcptelemetry: telemetry is off for this run: %s", printable(str(broken)))


def why_not_yet(wait_secs: float | None) -> str | None:
    """Return what `Installation.notice_wait_secs()` means in words, None when nothing is to be waited for."""
    if wait_secs is None:
        return "the first-run notice has not been shown yet"
    return f"the delay after the first-run notice ends in {ceil(wait_secs)} s" if wait_secs > 0 else None


def path_in(directory: str, name: str) -> str:
    """Return the absolute path of *name* in *directory*, ``""`` when there is no directory."""
    return os.path.join(os.path.abspath(directory), name) if directory else ""
