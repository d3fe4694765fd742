"""
What a wrapped session is recorded with, from the words of the command line to the last account.

Whatever is wrong here is said in one line, and the server runs all the same.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple, Optional

from ..application import Application
from ..client import Telemetry
from ..config import check_endpoint
from ..errors import ConfigError, UploadError
from ..system import package_logger, printable, url_without_secrets
from ..wrap import Recording, place_mark
from ._command import Console
from ._wrap_words import WrapWords

__all__ = ["Opened", "Session", "open_recording", "open_telemetry"]

_logger = logging.getLogger(__name__)
_FLUSH_SECS = 1.0
_PACKAGE = __name__.rpartition(".cli.")[0]


def open_recording(words: WrapWords, console: Console) -> Recording | None:
    """Return what a session's calls are recorded with, as *words* say; None when nothing may be, which is said if it is a mistake."""
    opened = open_telemetry(words, console)
    return None if opened.telemetry is None else Session(opened, opened.telemetry, console, is_verbose=words.is_verbose)


class Opened(NamedTuple):
    """
    What *telemetry* there is for a session, None when there is nothing to record for.

    What it says is printed, and stands in *heard*, until *ears* are closed. *withheld* are the
    variables of its secrets, which are not the server's affair; *place* is the mark of where it sends.
    """

    telemetry: Optional[Telemetry]
    heard: list[str]
    ears: contextlib.ExitStack
    withheld: set[str]
    place: Optional[str] = None


class Session:
    """One session's telemetry, from its start to its account."""

    def __init__(self, opened: Opened, telemetry: Telemetry, console: Console, *, is_verbose: bool) -> None:
        self._telemetry = telemetry
        self._heard = opened.heard
        self._ears = opened.ears
        self._console = console
        self._is_verbose = is_verbose
        self.record: Callable[..., object] = telemetry.record
        telemetry.start()

    def deliver(self) -> None:
        with contextlib.suppress(UploadError):
            self._telemetry.flush(_FLUSH_SECS)

    def close(self) -> None:
        """Send what waits, and say what was lost, unless the line about the outage has just said so."""
        heard_before = len(self._heard)
        self._telemetry.shutdown(_FLUSH_SECS)
        pipeline = self._telemetry.pipeline
        if pipeline is None:
            return
        stats = pipeline.stats()
        where = url_without_secrets(pipeline.config.endpoint or "")
        # An attempt that nobody waits for any longer is lost too.
        lost = stats.recorded - stats.delivered - stats.spooled
        if lost and len(self._heard) == heard_before:
            why = stats.last_error or "no answer came in time; see what listens there, and whether it speaks HTTP"
            _logger.warning("mcptelemetry: %d events to %s were lost: %s", lost, where, printable(why))
        if self._is_verbose:
            self._console.note(
                f"mcptelemetry: {stats.recorded} calls were recorded, {stats.delivered} delivered to {where}, {lost} lost"
            )
        self._ears.close()


def _typed_words(words: WrapWords) -> dict[str, str]:
    """Return what a person typed in place of the variables that stand for it further down."""
    if words.endpoint is None:
        return {}
    try:
        application = _application(words)
    except ValueError:
        return {}  # nothing will be built, and that is said
    return {
        application.events_endpoint_variable: "--endpoint",
        application.events_token_variable: words.token_env or "the variable of --token-env",
    }


def _secret_variables(words: WrapWords, telemetry: Telemetry | None) -> set[str]:
    """Return the names of the variables that hold secrets of our endpoint: they are not the server's affair."""
    names = {words.token_env or ""}
    with contextlib.suppress(ValueError):
        names.add(_application(words).events_token_variable)
    # Otherwise they are not known, and nothing is sent with them either.
    with contextlib.suppress(ConfigError):
        if telemetry is not None:
            written = telemetry.settings().proxy
            names |= {written.token_key or "", *written.headers.values()}
    return names - {""}


def _application(words: WrapWords) -> Application:
    return Application(words.app)


def open_telemetry(words: WrapWords, console: Console) -> Opened:
    """Return the telemetry that *words* ask for; what is wrong with it is said in one line."""
    ears = contextlib.ExitStack()
    handler = logging.NullHandler()  # so that our warnings do not go to standard error by themselves
    package_logger.addHandler(handler)
    ears.callback(package_logger.removeHandler, handler)
    heard = ears.enter_context(console.hearing(_PACKAGE, logging.WARNING, renamed=_typed_words(words)))
    telemetry, why = None, None
    try:
        telemetry = _open_telemetry(words, console.environ)
        if telemetry.pipeline is None and words.is_verbose:
            why = telemetry.status()["events"]["reason"]
    except Exception as error:  # noqa: BLE001  whatever is wrong with telemetry, the server runs
        why = str(error) if isinstance(error, (ValueError, ConfigError)) else f"{type(error).__name__}: {error}"
    if why is not None:
        console.note(f"mcptelemetry: this session is not recorded: {' '.join(why.split())}")
    withheld = _secret_variables(words, telemetry)
    if telemetry is not None and telemetry.pipeline is not None:
        return Opened(telemetry, heard, ears, withheld, place_mark(telemetry.pipeline.config.endpoint or ""))
    ears.close()
    return Opened(None, heard, ears, withheld)


def _open_telemetry(words: WrapWords, environ: Mapping[str, str]) -> Telemetry:
    """Return the telemetry that *words* ask for; `ValueError` when it cannot be built so."""
    application = _application(words)
    if words.endpoint is not None:
        # The operator said it, as with the variable, and the command line comes first.
        endpoint = check_endpoint(words.endpoint, argument="--endpoint")
        # A token belongs to the endpoint beside it: the variable's is another endpoint's.
        token = environ.get(words.token_env or "", "")
        environ = {
            **environ,
            application.events_endpoint_variable: endpoint,
            application.events_token_variable: token,
        }
    elif words.token_env is not None:
        msg = "--token-env belongs to --endpoint; give both, or set token_key in telemetry.toml"
        raise ValueError(msg)
    # The version of what is wrapped is not known, and ours would be a wrong one.
    return Telemetry(application.name, "", data_dir=words.data_dir, environ=environ)
