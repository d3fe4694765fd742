"""
A collector that only shows: what is sent to it is refused, whatever it is.

Around the application and not in it: the routes for senders stay one thing, and so does the
order of their guards.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..vocabulary import EVENTS_PATH, FEEDBACK_PATH, HEARTBEAT_PATH, SHORT_EVENTS_PATH
from ._requests import IncomingRequest, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["show_only"]

_SENDERS_PATHS = frozenset((EVENTS_PATH, SHORT_EVENTS_PATH, HEARTBEAT_PATH, FEEDBACK_PATH))
_REFUSAL = Response(403, {"error": "this is a demonstration: it shows invented numbers and takes nothing in"})


def show_only(app: WSGIApplication) -> WSGIApplication:
    """Return *app*, one of `create_app`, with its routes for senders closed."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = IncomingRequest(environ)
        if request.path not in _SENDERS_PATHS or request.method != "POST":
            return app(environ, start_response)
        body = _REFUSAL.encode()
        start_response(_REFUSAL.status_line, _REFUSAL.list_headers(len(body)))
        return [body]

    return answer
