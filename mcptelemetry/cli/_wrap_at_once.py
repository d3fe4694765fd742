"""
`wrap` where the server can be started before telemetry is loaded, or without it.

The first is so when an endpoint was named and nothing on this machine speaks against it: no switch
variable, no settings, no mode file. Only whether something was said is looked at then, never
what: that is for the switches, which are asked as ever, once the server runs. The second is so
when there are no such files either, and the environment names no endpoint, or says no.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..application import PRINT, YES_WORDS, Application, home_directory, is_tracking_refused
from ..vocabulary import WRAPPED_VARIABLE
from ..wrap import (
    CommandNotStarted,
    SignalRelay,
    become_command,
    place_mark,
    run_wrapped,
    take_standard_streams,
)
from ._wrap_words import WrapWords

if TYPE_CHECKING:
    from ..wrap import Recording

__all__ = ["wrap_at_once"]

_VALUES = {"--app": "app", "--data-dir": "data_dir", "--endpoint": "endpoint", "--token-env": "token_env"}
_SCHEMES = ("https://", "http://", "file:///")


def wrap_at_once(arguments: Sequence[str]) -> int | None:
    """
    Run what *arguments*, those of `wrap`, name, and return the exit status; None when the frame has to do it.

    For a main program.
    """
    found = _read(arguments)
    if found is None:
        return None
    words, command = found
    undisputed = _read_if_undisputed(words, os.environ)
    if undisputed is None:
        return None
    endpoint, withheld = undisputed
    try:
        if not endpoint:
            become_command(command, withheld)
            return None  # it cannot be done here
        client_input, client_output = take_standard_streams()
        with SignalRelay(for_good=True) as signals:
            return run_wrapped(
                command,
                lambda: _open_recording(words),
                client_input=client_input,
                client_output=client_output,
                signals=signals,
                say=_say,
                withheld=withheld,
                added={WRAPPED_VARIABLE: place_mark(endpoint)},
            )
    except CommandNotStarted as error:
        _say(str(error))
        return error.exit_code


def _read(arguments: Sequence[str]) -> tuple[WrapWords, Sequence[str]] | None:
    """Return the words and the command; None for anything but the usual form, ``[OPTION VALUE ...] -- COMMAND``."""
    words: dict[str, Any] = {}
    remaining = iter(enumerate(arguments))
    for place, word in remaining:
        if word == "--":
            command = arguments[place + 1 :]
            return (WrapWords(**words), command) if command and command[0] else None
        if word == "--verbose":
            words["is_verbose"] = True
            continue
        name, is_joined, value = word.partition("=")
        if name not in _VALUES:
            return None
        _place, value = (place, value) if is_joined else next(remaining, (place, "--"))
        if value.startswith("-"):
            return None
        words[_VALUES[name]] = value
    return None


def _read_if_undisputed(words: WrapWords, environ: Mapping[str, str]) -> tuple[str, set[str]] | None:
    """
    Return the endpoint, ``""`` for none that may be sent to, and the variables that are not the server's affair.

    None when there is more to ask, or something to say, before the server starts.
    """
    try:
        application = Application(words.app)
    except ValueError:
        return None
    endpoint = (environ.get(application.events_endpoint_variable, "") if words.endpoint is None else words.endpoint).strip()
    home = home_directory(environ)
    directories = (words.data_dir or application.data_directory(environ), os.path.join(home, ".mcptelemetry"))
    is_disputed = (
        ((endpoint != "" or words.endpoint is not None) and not endpoint.startswith(_SCHEMES))
        or (words.token_env is not None and words.endpoint is None)
        or not home
        or any(_has_words(directory) for directory in directories)
    )
    if is_disputed:
        return None
    withheld = {application.events_token_variable, words.token_env or ""} - {""}
    if not endpoint or _is_refused(application, environ):
        return None if words.is_verbose else ("", withheld)
    is_switched = "DO_NOT_TRACK" in environ or application.switch_variable in environ
    return None if is_switched else (endpoint, withheld)


def _is_refused(application: Application, environ: Mapping[str, str]) -> bool:
    said = application.switch_word(environ)
    return is_tracking_refused(environ) or (said not in YES_WORDS and said not in ("", PRINT))


def _has_words(directory: str) -> bool:
    """Return whether anything in *directory* may have been written by a person."""
    try:
        return any(name.endswith(".toml") for name in os.listdir(directory))
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _open_recording(words: WrapWords) -> Recording | None:
    from ._command import Console
    from ._wrap_recording import open_recording

    return open_recording(words, Console())


def _say(text: str) -> None:
    from ._command import Console

    if sys.stderr is not None:
        Console().note(text)
