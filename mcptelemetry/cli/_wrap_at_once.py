"""
`wrap` where the server can be started before telemetry is loaded.

That is so when an endpoint was named and nothing on this machine speaks against it: no switch
variable, no settings, no mode file. Only whether something was said is looked at here, never
what: that is for the switches, which are asked as ever, once the server runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..application import Application, home_directory
from ..vocabulary import WRAPPED_VARIABLE
from ..wrap import CommandNotStarted, SignalRelay, place_mark, run_wrapped, take_standard_streams
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
    client_input, client_output = take_standard_streams()
    with SignalRelay(for_good=True) as signals:
        try:
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
    """Return the endpoint, and the variables that are not the server's affair; None when there is more to ask before it starts."""
    try:
        application = Application(words.app)
    except ValueError:
        return None
    endpoint = environ.get(application.events_endpoint_variable, "") if words.endpoint is None else words.endpoint
    home = home_directory(environ)
    directories = (words.data_dir or application.data_directory(environ), os.path.join(home, ".mcptelemetry"))
    is_disputed = (
        "DO_NOT_TRACK" in environ
        or application.switch_variable in environ
        or not endpoint.strip().startswith(_SCHEMES)
        or (words.token_env is not None and words.endpoint is None)
        or not home
        or any(_has_words(directory) for directory in directories)
    )
    return None if is_disputed else (endpoint, {application.events_token_variable, words.token_env or ""} - {""})


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
