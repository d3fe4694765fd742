"""What the collector's unit tests share: a store in a file of their own, and a WSGI caller."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, NamedTuple
from wsgiref.validate import validator

import pytest

from mcptelemetry.collector import SqliteStore


class Answer(NamedTuple):
    """A response as a test looks at it."""

    status: int
    headers: dict[str, str]
    document: Any
    text: str = ""


def call_app(
    app: Any, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None, **environ: Any
) -> Answer:
    """Send one request to *app* from loopback; `environ` overrides the WSGI environment."""
    errors = io.StringIO()
    full = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1:80",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body or b""),
        "wsgi.errors": errors,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if body is not None:
        full["CONTENT_LENGTH"] = str(len(body))
    for name, value in (headers or {}).items():
        full["HTTP_" + name.upper().replace("-", "_")] = value
    full.update(environ)
    full = {name: value for name, value in full.items() if value is not None}
    seen: list[Any] = []

    def start_response(status: str, fields: list[tuple[str, str]], exc_info: Any = None) -> Any:
        seen[:] = [int(status.split()[0]), dict(fields)]
        return lambda _data: None

    # The validator insists on a Content-Length that is one; some tests are about others.
    if str(full.get("CONTENT_LENGTH", "0")).isdecimal() and str(full.get("CONTENT_LENGTH", "0")).isascii():
        app = validator(app)
    answer = app(full, start_response)
    text = b"".join(answer)
    getattr(answer, "close", lambda: None)()
    assert errors.getvalue() == ""
    is_document = seen[1].get("Content-Type") == "application/json"
    return Answer(seen[0], seen[1], json.loads(text) if text and is_document else None, text.decode())


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    """Return a fresh store."""
    return SqliteStore(tmp_path / "collector.db")


@pytest.fixture
def call() -> Any:
    """Return the function that sends a request to an app."""
    return call_app
