"""uWSGI, which forks its workers by C code: all answered, all delivered, all counted, and a stop in time."""

from __future__ import annotations

import sys

import pytest

from .conftest import check

pytest.importorskip("pyuwsgi", reason="pyuwsgi belongs to the hosts extra and is not installed")
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(sys.version_info[:2] == (3, 13), reason="the bare server aborts on this Python"),
]

OPTIONS = {
    "prefork": [],
    "prefork-threads": ["--enable-threads"],
    "lazy": ["--lazy-apps"],
    "lazy-threads": ["--lazy-apps", "--enable-threads"],
    "osafterfork": ["--py-call-osafterfork"],
    "osafterfork-threads": ["--py-call-osafterfork", "--enable-threads"],
}


@pytest.mark.parametrize("name", OPTIONS)
def test_uwsgi_serves_delivers_and_stops(serve, name):
    """With a master and three workers, however they are forked."""

    def command(port):
        return [
            *(sys.executable, "-c", "import pyuwsgi, sys; pyuwsgi.run(sys.argv[1:])"),
            *("--http-socket", f"127.0.0.1:{port}", "--master", "--processes", "3", "--need-app"),
            # Its usual stop skips the exit functions of a worker that is in the middle of a request,
            # be it in the last line of its log.
            *("--hook-master-start", "unix_signal:15 gracefully_kill_them_all"),
            # A worker that is told to end before it listens to that, as a busy machine may have it, is
            # ended by the master: after a minute, if nothing else is said.
            *("--worker-reload-mercy", "10"),
            *("--virtualenv", sys.prefix, "--module", "wsgi_host:app", *OPTIONS[name]),
        ]

    check(lambda: serve(command))
