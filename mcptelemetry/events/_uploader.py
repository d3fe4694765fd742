"""
One batch to its endpoint, once: headers, compression and the token, then the gate.

Whether to try again, and when, is the pipeline's affair; here an attempt ends in an
`SendResult` (for the pipeline) or an `UploadError` (for a caller).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Union
from urllib.parse import urlsplit

from ..application import Application
from ..config import FORMATS_OF_SCHEME, check_endpoint, events_url, find_header_fault, metrics_url
from ..errors import UploadError
from ..privacy import Gate, NameJudge, Refusal, SendResult, StandingSwitches, Verdict
from ..system import (
    AppendTransport,
    Clock,
    HttpTransport,
    NetworkSettings,
    Transport,
    as_clock,
    is_loopback_host,
    url_without_secrets,
)
from ..vocabulary import CompressionWord, FormatWord
from ..wire import EventShape, TelemetryBatch
from ._format import BodyWriter, Format
from ._formats import format_of

__all__ = ["TelemetryAuth", "TelemetryUploader", "is_quick_to_try", "upload_error"]

_COMPRESSED_FROM_BYTES = 1024
_TOKEN_REFUSED = (401, 403)
_ANSWER_MAX_BYTES = 64 * 1024  # it may name every event of a large batch


class TelemetryAuth:
    """
    Credentials for an endpoint, which no `repr`, log or error shows.

    Args:
        bearer_token: the token, printable ASCII in one line; None or ``""`` for none.
        headers: further headers by name, their values likewise; none of the connection's, and
            none that every request has.
    """

    __slots__ = ("bearer_token", "headers")

    def __init__(self, bearer_token: str | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        if bearer_token is not None and not isinstance(bearer_token, str):
            msg = f"bearer_token must be a str or None, not {type(bearer_token).__name__}"
            raise TypeError(msg)
        if bearer_token is not None and not (bearer_token.isascii() and bearer_token.isprintable()):
            msg = "bearer_token is not usable: it must be printable ASCII in one line (its value is not shown)"
            raise ValueError(msg)
        fault = None if headers is None else find_header_fault(headers, are_values=True)
        if fault is not None:
            msg = f"headers {fault}"
            raise ValueError(msg)
        self.bearer_token: str | None = bearer_token or None
        self.headers: Mapping[str, str] = dict(headers or {})

    def __repr__(self) -> str:
        shown = (["bearer_token=***"] if self.bearer_token else []) + [f"{name}=***" for name in self.headers]
        return f"TelemetryAuth({', '.join(shown)})"


class TelemetryUploader:
    """
    Posts batches to *endpoint* over one kept-alive connection.

    Used by one thread at a time.

    Args:
        endpoint: an ``https://`` URL, ``http://`` to this machine, or ``file:///path``; without a
            path it is a base, and events go to ``/api/telemetry/tool-invocations`` behind it; with *format*
            ``"otlp"`` whatever does not end in ``/v1/traces`` is a base for that.
        auth: the credentials, None for none.
        timeout: seconds for connecting, sending and reading each, more than 0, at most 3600.
        allow_insecure: whether ``http://`` to another machine is taken.
        compression: ``"gzip"`` compresses bodies over 1 KiB, ``"none"`` nothing; None: as *format* has it.
        app: the application whose opt-out variable is obeyed beside ``DO_NOT_TRACK``.
        environ: the environment, looked at before each send; None: the process's own.
        clock: a `Clock`, or a function that returns Unix seconds; None: the machine's.
        transport: what sends, for tests; None: HTTP, or a file.
        network: proxy and certificates; None: as the environment says.
        refusal: returns why nothing may leave now, a `NotYet`, or None; None: the environment is asked.
        is_authors: whether names are searched for paths and addresses beside credentials, as
            what goes to an author is.
        token_variable: the environment variable that the token comes from, to be named when it is
            refused; None: none is named.
        format: as for `PipelineConfig`; None: ``"jsonl"`` for a file, else ``"json"``.

    Raises:
        TypeError, ValueError: for an argument that cannot be used.
    """

    def __init__(
        self,
        endpoint: str,
        auth: TelemetryAuth | None = None,
        *,
        timeout: float = 15.0,
        allow_insecure: bool = False,
        compression: CompressionWord | None = None,
        app: str | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Union[Clock, Callable[[], float], None] = None,
        transport: Transport | None = None,
        network: NetworkSettings | None = None,
        refusal: Callable[[], Refusal] | None = None,
        is_authors: bool = False,
        token_variable: str | None = None,
        format: FormatWord | None = None,
    ) -> None:
        self.endpoint: str = check_endpoint(
            endpoint, allow_insecure=allow_insecure, insecure_choice="allow_insecure=True"
        )
        scheme = urlsplit(self.endpoint).scheme
        word = FORMATS_OF_SCHEME[scheme][0] if format is None else format
        if word not in FORMATS_OF_SCHEME[scheme]:
            msg = f"format={word!r} is not usable with a {scheme}:// endpoint"
            raise ValueError(msg)
        self._format_word = word
        self._format: Format = format_of(word)
        self._url = events_url(self.endpoint, word)
        if auth is not None and not isinstance(auth, TelemetryAuth):
            msg = f"auth must be a TelemetryAuth or None, not {type(auth).__name__}"
            raise TypeError(msg)
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
            msg = f"timeout must be a number of seconds, not {type(timeout).__name__}"
            raise TypeError(msg)
        if not 0 < timeout <= 3600:  # an hour; also refuses NaN
            msg = f"timeout={timeout!r} is not usable: give seconds, more than 0 and at most 3600"
            raise ValueError(msg)
        if compression not in (None, "gzip", "none"):
            msg = f"compression={compression!r} is not usable: give 'gzip', 'none' or None"
            raise ValueError(msg)
        compression = compression or self._format.compression
        self._timeout_secs = float(timeout)
        self._is_compressed = compression == "gzip"
        if self._is_compressed:
            # Only for those who ask for it, and not in the worker: a fork in the middle of an
            # import there would leave the child with a module lock that nobody lets go of.
            import gzip

            self._compress = partial(gzip.compress, compresslevel=6)
        auth = auth or TelemetryAuth()
        self._token = auth.bearer_token
        self._headers = auth.headers
        self._token_variable = token_variable
        surroundings = os.environ if environ is None else environ
        application = None if app is None else Application(app)
        self._names = NameJudge(surroundings, are_authors=is_authors)
        self._gate = Gate(
            transport or _transport_for(self.endpoint, surroundings, network),
            refusal=refusal or StandingSwitches(surroundings, application).refusal,
            clock=as_clock(clock),
            scan=self._names.find_guilt,
            given_up=self._format.given_up,
        )

    def __repr__(self) -> str:
        return f"TelemetryUploader({url_without_secrets(self.endpoint)!r})"

    def upload(self, batch: TelemetryBatch) -> None:
        """Send *batch*; return on 2xx, otherwise raise `UploadError`."""
        outcome = self.send(self._body_of(batch), {event.shape for event in batch.events})
        if outcome.verdict is not Verdict.DELIVERED:
            raise upload_error(outcome)

    def _body_of(self, batch: TelemetryBatch) -> bytes:
        if self._format_word != "otlp":
            return batch.to_json()
        # A span has an id, whether its event has one or not.
        rows = [
            (event.shape, event.latency_ms, event.timestamp_secs, event.id, number, None)
            for number, event in enumerate(batch.events)
        ]
        return BodyWriter(self._format, app=batch.app, version=batch.version).write(rows, os.urandom(10).hex())

    def ask(self) -> SendResult:
        """Send a body that holds no event; return what it came to: whoever takes events takes none of them too."""
        return self.send(self._format.empty, ())

    def send(self, body: bytes, shapes: Collection[EventShape], *, timeout_secs: float | None = None) -> SendResult:
        """Send the *body* of events of *shapes*, in at most *timeout_secs* a step; return what it came to."""
        return self._post(self._url, body, shapes, timeout_secs)

    def send_metrics(
        self, body: bytes, shapes: Collection[EventShape], *, timeout_secs: float | None = None
    ) -> SendResult:
        """Send *body*, which tells of metrics, likewise."""
        return self._post(metrics_url(self.endpoint), body, shapes, timeout_secs)

    def _post(
        self, url: str, body: bytes, shapes: Collection[EventShape], timeout_secs: float | None
    ) -> SendResult:
        headers = {**self._headers, "Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if self._is_compressed and len(body) > _COMPRESSED_FROM_BYTES:
            body = self._compress(body)
            headers["Content-Encoding"] = "gzip"
        secs = self._timeout_secs if timeout_secs is None else min(timeout_secs, self._timeout_secs)
        outcome = self._gate.post(
            url, body, headers, secs, secret=self._token, answer_max_bytes=_ANSWER_MAX_BYTES, searched=shapes
        )
        return outcome if outcome.status not in _TOKEN_REFUSED else outcome._replace(mend=self._token_mend() or outcome.mend)

    def _token_mend(self) -> str | None:
        if self._token_variable is None:
            return None
        name = self._token_variable
        return f"put a token that it takes into {name}" if self._token else f"{name} is not set: put the token into it"

    @property
    def shown_url(self) -> str:
        """Where batches go, for a person to read."""
        return url_without_secrets(self._url)

    @property
    def shown_metrics_url(self) -> str:
        """Where metrics go, for a person to read."""
        return url_without_secrets(metrics_url(self.endpoint))

    def find_guilt(self, shape: EventShape) -> str | None:
        """Return why an event of *shape* must not leave, None when nothing speaks against it."""
        return self._names.find_guilt((shape,))

    def after_fork(self) -> None:
        """Forget the parent's connections, in a forked child."""
        self._gate.after_fork()

    def close(self) -> None:
        """Close the connection; a later upload opens another."""
        self._gate.close()


def upload_error(outcome: SendResult) -> UploadError:
    """Return the error that says what *outcome* says."""
    return UploadError(
        outcome.message,
        status=outcome.status,
        retryable=outcome.verdict.is_retryable,
        retry_after=outcome.retry_after_secs,
    )


def _transport_for(endpoint: str, environ: Mapping[str, str], network: NetworkSettings | None) -> Transport:
    if urlsplit(endpoint).scheme == "file":
        return AppendTransport()
    return HttpTransport(environ=environ, network=network)


def is_quick_to_try(endpoint: str) -> bool:
    """Return whether an attempt in the host's own thread is bounded: the look-up of a name is not."""
    parts = urlsplit(endpoint)
    return parts.scheme in ("http", "https") and is_loopback_host(parts.hostname or "")
