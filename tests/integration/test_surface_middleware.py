"""Requests of a WSGI application are counted by closed words, behind a real server."""

from __future__ import annotations

import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import requests

from mcptelemetry import Surface, SurfaceMiddleware, Telemetry, surface_headers


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *_arguments):
        pass


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/explode":
        raise RuntimeError(path)
    start_response("404 Not Found" if path == "/missing" else "200 OK", [("Content-Length", "2")])
    return [b"ok"]


@pytest.fixture
def telemetry(tmp_path):
    return Telemetry("acme-mcp", "1.0.0", environ={"HOME": str(tmp_path)}, routes=["/api/v1/servers", "/missing"])


@pytest.fixture
def url(telemetry):
    def route(environ):
        return {"/servers": "/api/v1/servers", "/missing": "/missing", "/none": None}[environ["PATH_INFO"]]

    server = make_server("127.0.0.1", 0, SurfaceMiddleware(application, telemetry, route=route), handler_class=QuietHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


def test_surface_middleware_counts_surface_method_template_and_status_class(telemetry, url):
    """A request counts under the surface its client names, and its template's status class."""
    headers = surface_headers("acme-mcp", "cli", "1.2")
    assert headers == {"X-Acme-Mcp-Client": "cli/1.2"}
    assert requests.get(url + "/servers", headers=headers, timeout=10).text == "ok"
    requests.post(url + "/missing", headers={"x-acme-mcp-client": "WebUI/web"}, timeout=10)
    requests.get(url + "/home/alice?token=s3cret", headers={"X-Acme-Mcp-Client": "alice's laptop"}, timeout=10)
    requests.get(url + "/none", timeout=10)
    snapshot = telemetry.registry.snapshot()
    assert snapshot.surface_requests == {"mcp": 0, "cli": 1, "webui": 1, "tray": 0, "unknown": 2}
    assert snapshot.rest_endpoint_calls == {
        "GET /api/v1/servers": {"2xx": 1},
        "POST /missing": {"4xx": 1},
        "GET UNMATCHED": {"2xx": 2},
    }


def test_surface_middleware_passes_an_exception_and_counts_it(telemetry):
    """An application that raises counts as 5xx, and its exception goes where it would have gone."""
    app = SurfaceMiddleware(application, telemetry, surface=Surface.TRAY, route=lambda _environ: "/missing")
    with pytest.raises(RuntimeError, match="/explode"):
        app({"REQUEST_METHOD": "GET", "PATH_INFO": "/explode"}, lambda *_arguments: None)
    snapshot = telemetry.registry.snapshot()
    assert snapshot.rest_endpoint_calls == {"GET /missing": {"5xx": 1}}
    assert snapshot.surface_requests["tray"] == 1


def test_surface_middleware_without_a_route_counts_surfaces_only(telemetry):
    """Without a function for templates no path is looked at."""
    app = SurfaceMiddleware(application, telemetry)
    assert app({"REQUEST_METHOD": "GET", "PATH_INFO": "/servers"}, lambda *_arguments: None) == [b"ok"]
    assert telemetry.registry.snapshot().rest_endpoint_calls == {}
    assert telemetry.registry.snapshot().surface_requests["unknown"] == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"app": "no application"}, TypeError),
        ({"route": "/api"}, TypeError),
        ({"surface": "toaster"}, ValueError),
    ],
)
def test_surface_middleware_refuses_bad_arguments(telemetry, arguments, error):
    """A bad argument is an error at construction."""
    given = {"app": application, **arguments}
    with pytest.raises(error):
        SurfaceMiddleware(given.pop("app"), telemetry, **given)


@pytest.mark.parametrize("arguments", [("Bad Name", "cli", "1"), ("acme-mcp", "toaster", "1"), ("acme-mcp", "cli", "1\n2")])
def test_surface_headers_refuse_bad_arguments(arguments):
    """What cannot stand in the header is a ValueError."""
    with pytest.raises(ValueError, match="."):
        surface_headers(*arguments)
