"""
Servers of the official package's first edition, which has no middleware.

The method that handles a request is wrapped, on the one object. What the client is sent is seen
where it is sent: the call is recorded just before, since a client that has its answer may end
the server with the next signal.
"""

from __future__ import annotations

import sys
from typing import Any

from ..vocabulary import ErrorType
from ._elicitation import watch_questions
from ._failure import failure_on_wire
from ._listing import Listing, name_in
from ._observer import Observer
from ._open_call import open_calls
from ._server_tools import ServerTools

__all__ = ["watch_requests"]

_MARK = "is_watched_by_mcptelemetry"


class _Request:
    """A request as later editions hand it to their middleware: what is read of it, by the same names."""

    def __init__(self, request: Any, session: Any) -> None:
        self.params = getattr(request, "params", None)
        self.session = session


def watch_requests(low_level: Any, observer: Observer, tools: ServerTools) -> None:
    """Have the requests to the server *low_level* seen by *observer*; the second time it does nothing."""
    handle = low_level._handle_request
    if observer in getattr(handle, _MARK, ()):
        return
    listing = Listing(observer)

    async def handle_request(message: Any, request: Any, session: Any, *rest: Any) -> Any:  # the package's own types
        ctx = _Request(request, session)
        method = getattr(request, "method", None)
        if method == "tools/call":
            return await handle_call(ctx, message, request, session, *rest)
        observer.meet(ctx)
        if method == "tools/list":
            is_first_page = not getattr(ctx.params, "cursor", None)
            _on_answer(message, lambda answer: listing.learn(answer, tools, is_first_page=is_first_page))
        return await handle(message, request, session, *rest)

    async def handle_call(ctx: _Request, message: Any, *rest: Any) -> Any:
        joined = observer.calls.joined(name_in(ctx.params), tools)
        if joined is not None:
            # A decorated function asked for it, within this process: what becomes of it, that one sees.
            await handle(message, *rest)
            return
        watch_questions(ctx.session)
        with observer.open(name_in(ctx.params), ctx, tools) as call:
            call.ends_by(failure_on_wire)

            def note(answer: Any) -> None:
                if type(answer).__name__ == "ErrorData":
                    call.error(ErrorType.PROTOCOL_ERROR)
                else:
                    observer.note_result(call, answer, tools)
                call.end()

            _on_answer(message, note)
            await handle(message, *rest)
            if not call.is_ended:
                # The client took it back, and was told so by another way.
                call.error(ErrorType.CANCELLED)

    setattr(handle_request, _MARK, (*getattr(handle, _MARK, ()), observer))
    low_level._handle_request = handle_request
    _watch_error_results(low_level)


def _on_answer(message: Any, note: Any) -> None:
    """Have *note* told what *message*, a request, is answered, before the client is."""
    respond = message.respond

    async def respond_and_note(response: Any) -> None:
        note(getattr(response, "root", response))
        await respond(response)

    message.respond = respond_and_note


def _watch_error_results(low_level: Any) -> None:
    """Have open calls told of the exception that the server is about to answer as a tool's error."""
    make = getattr(low_level, "_make_error_result", None)
    if make is None or hasattr(make, _MARK):
        return

    def make_error_result(*args: Any, **kwargs: Any) -> Any:
        error = sys.exc_info()[1]
        for call in open_calls() if error is not None else ():
            call.saw(error)
            break
        return make(*args, **kwargs)

    setattr(make_error_result, _MARK, True)
    low_level._make_error_result = make_error_result
