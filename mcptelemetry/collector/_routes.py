"""The table of routes: which handler answers a request, and which guards are asked before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Union

from ._guards import Guard
from ._late_answers import LateAnswer
from ._requests import IncomingRequest, Refusal, Response

__all__ = ["Route", "Routes"]


@dataclass(frozen=True)
class Route:
    """
    Where a request goes: the *handler* answers when no guard has refused.

    A path that ends with a slash stands for all that begin with it, but for the page itself.
    """

    method: str
    path: str
    handler: Callable[[IncomingRequest], Union[Response, LateAnswer]]
    guards: tuple[Guard, ...] = ()


class Routes:
    """Finds the route of a request."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = {(route.method, route.path): route for route in routes}
        self._beginnings = tuple({path for _, path in self._routes if path.endswith("/") and path != "/"})

    def find(self, request: IncomingRequest) -> Route:
        """Return the route of *request*; raise `Refusal` when there is none."""
        method = "GET" if request.method == "HEAD" else request.method
        path = next((one for one in self._beginnings if request.path.startswith(one)), request.path)
        try:
            return self._routes[method, path]
        except KeyError:
            pass
        methods = [method for method, known in self._routes if known == path]
        if not methods:
            raise Refusal(404, "there is nothing here", reason="path")
        allowed = ", ".join(sorted({*methods, *(["HEAD"] if "GET" in methods else [])}))
        raise Refusal(405, f"use {allowed}", (("Allow", allowed),), reason="method")
