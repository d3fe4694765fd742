"""
How long a person takes to answer a server's question is not how long the tool takes.

A session sends its questions through one method; the wrapper on it stops the clocks of the calls
that wait. Nothing is read but the request's method.
"""

from __future__ import annotations

import contextlib
from typing import Any

from ._open_call import open_calls

__all__ = ["watch_questions"]

_QUESTION = "elicitation/create"
_MARK = "is_watched_by_mcptelemetry"


def watch_questions(session: Any) -> None:
    """Have the calls that ask something through *session* wait without being timed; once is enough."""
    send = getattr(session, "send_request", None)
    if send is None or hasattr(send, _MARK):
        return

    async def send_request(request: Any, *args: Any, **kwargs: Any) -> Any:  # the session's own types
        # Edition one of the official package has each request within another object.
        method = getattr(getattr(request, "root", request), "method", None)
        waiting = tuple(open_calls()) if method == _QUESTION else ()
        for call in waiting:
            call.step_out()
        try:
            return await send(request, *args, **kwargs)
        finally:
            for call in waiting:
                call.step_in()

    setattr(send_request, _MARK, True)
    with contextlib.suppress(Exception):  # an object that takes no attributes is timed as it is
        session.send_request = send_request
