"""
Where the requests of a WSGI application come from, and how they end.

Counted are closed words only: the surface that a client of ours names in a header, the
method, the route's template and the class of the status. The path itself is never looked
at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from ..application import Application
from ..vocabulary import UNMATCHED, Surface, SurfaceWord, parse_client_surface

__all__ = ["RequestRegistry", "SurfaceHost", "SurfaceMiddleware", "surface_headers"]

_WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class RequestRegistry(Protocol):
    """The two counters that the middleware feeds; neither ever raises."""

    def record_surface(self, surface: Surface) -> None:
        """Count one request from *surface*."""

    def record_rest_request(self, method: str, template: str, status_class: str) -> None:
        """Count one request of a route by the class of its status."""


class SurfaceHost(Protocol):
    """A `Telemetry`, or whatever else has a name and counts requests."""

    @property
    def app(self) -> str:
        """The application's name."""
        ...

    @property
    def registry(self) -> RequestRegistry:
        """Where requests are counted."""
        ...


class SurfaceMiddleware:
    """
    Counts the requests that pass to the WSGI application *app*; changes nothing.

    Args:
        app: the application.
        telemetry: a `Telemetry`.
        surface: where all of them come from; None: what the header of `surface_headers` says.
        route: returns the template of a request's route, such as ``/api/v1/servers/{id}``, from
            the WSGI environment; when it raises or returns no str, the request counts as
            ``UNMATCHED``. None: only surfaces are counted.

    Raises:
        TypeError, ValueError: for an argument that cannot be called, or an unknown surface.
    """

    def __init__(
        self,
        app: _WsgiApp,
        telemetry: SurfaceHost,
        *,
        surface: Surface | SurfaceWord | None = None,
        route: Callable[[Mapping[str, Any]], str | None] | None = None,
    ) -> None:
        for name, value in (("app", app), ("route", route)):
            if not callable(value) and not (name == "route" and value is None):
                msg = f"{name} must be callable, not {type(value).__name__}"
                raise TypeError(msg)
        self._app = app
        self._registry = telemetry.registry
        self._surface = None if surface is None else Surface(surface)
        self._route = route
        header = Application(telemetry.app).surface_header
        self._variable = "HTTP_" + header.upper().replace("-", "_")

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request, as the wrapped application does."""
        # Before the application runs: it may change the environment.
        method = environ.get("REQUEST_METHOD", "")
        surface = self._surface or parse_client_surface(environ.get(self._variable))
        template = self._template(environ)
        self._registry.record_surface(surface)
        counted: list[str] = []

        def count(status_class: str) -> None:
            if template is not None and not counted:
                counted.append(status_class)
                self._registry.record_rest_request(method, template, status_class)

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:  # WSGI's own
            written = start_response(status, headers, *error)
            count(f"{status[:1]}xx")
            return written

        try:
            return self._app(environ, start)
        except BaseException:
            count("5xx")
            raise

    def _template(self, environ: Mapping[str, Any]) -> str | None:
        if self._route is None:
            return None
        try:
            template = self._route(environ)
        except Exception:  # a host's function may do anything
            return UNMATCHED
        return template if isinstance(template, str) else UNMATCHED


def surface_headers(app: str, surface: Surface | SurfaceWord, version: str) -> dict[str, str]:
    """
    Return the header by which a client of *app* says where its requests come from.

    Raises `ValueError` for an invalid *app* or *surface*, or a *version* that cannot
    stand in a header.
    """
    if not isinstance(version, str) or not version.isascii() or not version.isprintable():
        msg = f"version={version!r} is not usable: give a str of printable ASCII such as '1.4.0'"
        raise ValueError(msg)
    return {Application(app).surface_header: f"{Surface(surface)}/{version}"}
