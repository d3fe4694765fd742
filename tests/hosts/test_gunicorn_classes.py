"""gunicorn with each class of workers, made before the fork and after it."""

from __future__ import annotations

import sys

import pytest

from .conftest import check

pytest.importorskip("gunicorn", reason="gunicorn belongs to the test extra and is not installed")
pytest.importorskip("gevent", reason="gevent belongs to the test extra and is not installed")
pytestmark = pytest.mark.heavy


@pytest.mark.parametrize("preload", [False, True], ids=["", "preload"])
@pytest.mark.parametrize("kind", ["sync", "gthread", "gevent"])
def test_gunicorn_serves_delivers_and_stops(serve, kind, preload):
    """With three workers of each class, with `--preload` and without."""

    def command(port):
        return [
            *(sys.executable, "-m", "gunicorn", "-k", kind, "-w", "3", "-b", f"127.0.0.1:{port}"),
            *(["--preload"] if preload else []),
            "wsgi_host:app",
        ]

    check(lambda: serve(command))
