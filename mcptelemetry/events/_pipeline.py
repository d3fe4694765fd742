"""
Buffer, uploader and one loop put together: what waits is sent, in batches, in time.

One thread sends at any time. What is checked here, and offered to the host; when something is
sent is decided in `_loop`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Union

from ..application import Application
from ..privacy import Refusal
from ..system import Clock, NetworkSettings, Transport, as_clock, draw_uniform
from ._account import PipelineStats
from ._buffer import TelemetryBuffer
from ._config import CAPACITY_MIN, PipelineConfig
from ._format import BodyWriter
from ._formats import format_of
from ._loop import EventsLoop
from ._outcomes import Outcomes
from ._standing import StandingRefusal
from ._uploader import TelemetryAuth, TelemetryUploader

if TYPE_CHECKING:
    from ._spool_sender import SpoolDelivery
    from ._spool_terms import SpoolPlace

__all__ = ["TelemetryPipeline"]


class TelemetryPipeline:
    """
    Records events and delivers them to `config.endpoint`. Safe from any thread and across forks.

    Args:
        config: the settings; None: all defaults, and no endpoint.
        app: the application's name, which goes with every batch and whose opt-out variable is
            obeyed; None: ``DO_NOT_TRACK`` alone is.
        version: the application's version, which goes with every batch.
        environ: the environment, looked at before each send; None: the process's own.
        clock: a `Clock`, or a function that returns Unix seconds; None: the machine's.
        transport: what sends, for tests; None: HTTP, or a file.
        network: proxy and certificates; None: as the environment says.
        uniform: draws the length of a back-off between two numbers of seconds.
        refusal: asked before each send; returns why not (perhaps a `NotYet`), or None. None: see *app*.
        is_authors: as for `TelemetryUploader`.
        outcomes: brings what became of the events to the machine's memory; None: nothing does.
        spool: where events are kept with ``config.spool``, and under which terms; None: in *app*'s data
            directory, as an operator's.

    Raises:
        TypeError, ValueError: for an argument that cannot be used.
    """

    def __init__(
        self,
        config: PipelineConfig | None = None,
        *,
        app: str | None = None,
        version: str | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Union[Clock, Callable[[], float], None] = None,
        transport: Transport | None = None,
        network: NetworkSettings | None = None,
        uniform: Callable[[float, float], float] = draw_uniform,
        refusal: Callable[[], Refusal] | None = None,
        is_authors: bool = False,
        outcomes: Outcomes | None = None,
        spool: SpoolPlace | None = None,
    ) -> None:
        application = None if app is None else Application(app)
        if version is not None and not isinstance(version, str):
            msg = f"version must be a str or None, not {type(version).__name__}"
            raise TypeError(msg)
        config = PipelineConfig() if config is None else config
        if not isinstance(config, PipelineConfig):
            msg = f"config must be a PipelineConfig, not {type(config).__name__}"
            raise TypeError(msg)
        self.config: PipelineConfig = config
        self.buffer: TelemetryBuffer = TelemetryBuffer(max(config.offline_queue_max, CAPACITY_MIN))
        self._clock = clock = as_clock(clock)
        self._outcomes = outcomes
        self.network_transport: str | None = None
        """OpenTelemetry's word for what carries the calls (``"pipe"``), which spans tell; set before `start()`."""
        surroundings = os.environ if environ is None else environ
        build_loop: Callable[..., EventsLoop] = EventsLoop
        if config.spool and config.endpoint is not None:
            from ._spool_loop import prepare_spool_loop  # only who has a spool pays for it

            build_loop = prepare_spool_loop(config, clock, application, version, surroundings, spool, is_authors=is_authors)
        self._loop = build_loop(
            self.buffer,
            config,
            clock=clock,
            uniform=uniform,
            outcomes=outcomes,
        )
        self._build_writer = partial(BodyWriter, format_of(config.format), app=app, version=version, tells_parents=not config.spool)
        self._build_uploader = partial(
            TelemetryUploader,
            app=app,
            environ=environ,
            clock=clock,
            transport=transport,
            network=network,
            refusal=refusal or StandingRefusal(surroundings, application).refusal,
            is_authors=is_authors,
            compression=config.compression,
            format=config.format,
            allow_insecure=config.allow_insecure,
            token_variable=config.token_key,
        )

    def start(self, auth: TelemetryAuth | None = None) -> None:
        """
        Begin to deliver what is recorded; the thread itself starts with the first record.

        Does nothing when disabled, without an endpoint (events wait and are never sent), or the second time.
        """
        loop = self._loop
        if not self.config.enabled or self.config.endpoint is None or loop.uploader or loop.life.is_closed:
            return
        uploader = self._build_uploader(self.config.endpoint, auth)
        writer = self._build_writer(network_transport=self.network_transport)
        loop.prepare(lambda refusal: self._build_uploader(self.config.endpoint or "", auth, refusal=refusal), writer)
        self.buffer.set_flush_threshold(self.config.batch_size)
        loop.start(uploader, writer)

    def flush(self, timeout: float | None = None) -> int:
        """
        Have everything that waits sent now; return how many events were delivered.

        Waits at most *timeout* seconds (None: as long as it takes), an attempt in flight included. Raises
        `UploadError` when the endpoint could not be reached or wants to be left alone, or when time runs out; what was
        not delivered is kept, in order. A rejected batch is counted, not raised. 0 when there is nothing to send with.
        """
        loop = self._loop
        if loop.uploader is None or loop.life.is_closed or loop.life.is_current():
            return 0
        delivered_before = loop.delivered
        loop.flush(timeout)
        return loop.delivered - delivered_before

    def shutdown(self, timeout: float = 1.0) -> None:
        """
        Stop, after one last attempt, in at most *timeout* seconds; may be called again.

        What could not be delivered counts as dropped, and so does what is recorded later.
        """
        self._loop.end(timeout)

    def stats(self) -> PipelineStats:
        """Return one consistent picture."""
        return self._loop.stats()

    def trouble(self) -> str | None:
        """Return why the last attempt to send did not deliver everything, None when it did."""
        return self._loop.trouble

    def deliver_spooled(
        self, auth: TelemetryAuth | None, place: SpoolPlace, timeout: float | None = None
    ) -> SpoolDelivery:
        """Send what is kept at *place* for this endpoint, in the caller's thread and with *auth*; starts nothing."""
        from ._spool_sender import send_spooled
        from ._spool_terms import build_spooling

        return send_spooled(
            build_spooling(place, self.config, self._clock, None),
            lambda refusal: self._build_uploader(self.config.endpoint or "", auth, refusal=refusal),
            self._build_writer(),
            self._outcomes,
            timeout,
        )

    def storage_trouble(self) -> str | None:
        """Return why events are not kept on the disk although they should be, None when they are or need not be."""
        return self._loop.storage_trouble()

    def turn(self) -> float | None:
        """
        Send what is due now; return the seconds until something is due again, None after the last turn.

        Called by the worker only, or by a test that starts none.
        """
        return self._loop.turn()
