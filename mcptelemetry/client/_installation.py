"""
One application on one machine: its switches, its settings file, its memory.

Everything that the streams have in common. What cannot be used on the machine is no error
of the author's: it is kept as the *problem*, said once in the log, and nothing leaves.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from ..application import Application
from ..config import Config, load_config
from ..errors import ConfigError
from ..privacy import Switches
from ..state import DATABASE_FILE, Memory
from ..system import Clock

__all__ = ["Installation", "path_in"]

_logger = logging.getLogger(__name__)
_BUSY_SECS = 2.0  # a host waits for its start, but not for long


class Installation:
    """
    What is known of *application* here; making it creates and changes no file.

    *problem* is the `ConfigError` because of which nothing leaves in this run, or None.
    """

    def __init__(
        self,
        application: Application,
        *,
        version: str,
        default: str,
        data_dir: str | None,
        environ: Mapping[str, str],
        clock: Clock,
    ) -> None:
        self.application = application
        self.environ = environ
        self.clock = clock
        self.switches = Switches(
            application,
            environ=environ,
            version=version,
            default=default,
            data_dir=data_dir,
            clock=clock.time,
        )
        self.data_dir = os.path.dirname(self.switches.config_path)
        self.problem: ConfigError | None = None
        self.config = self._load_config()
        self._memory: Memory | None = None

    def open_memory(self) -> Memory:
        """Return the installation's memory; making it touches no file."""
        if self._memory is None:
            path = path_in(self.data_dir, DATABASE_FILE)
            self._memory = Memory(path, clock=self.clock, busy_secs=_BUSY_SECS)
        return self._memory

    def switch_off(self, problem: ConfigError) -> None:
        """Remember why nothing leaves in this run, and say it in one line."""
        self.problem = problem
        _logger.error("telemetry is off for this run: %s", problem)

    def _load_config(self) -> Config:
        try:
            config = load_config(self.switches.config_path)
            for warning in config.warnings:
                _logger.warning("%s", warning)
        except ConfigError as error:
            self.switch_off(error)
            return Config()
        return config


def path_in(directory: str, name: str) -> str:
    """Return the absolute path of *name* in *directory*, ``""`` when there is no directory."""
    return os.path.join(os.path.abspath(directory), name) if directory else ""
