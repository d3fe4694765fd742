"""
A WSGI application under gunicorn, and its settings: the client is made in the master, which
records too, and forked into the workers.
"""

from __future__ import annotations

import os
import time

import host
import requests  # noqa: F401  as most hosts have it: on a busy machine an end has no time to load it

preload_app = True
workers = 4
accesslog = errorlog = "-"


class Host:
    """Records each request."""

    def __init__(self):
        self.telemetry = host.make_telemetry(os.environ["HOST_URL"])
        self.telemetry.record("master")

    def __call__(self, environ, start_response):
        self.telemetry.record("request")
        time.sleep(0.02)  # so that more than one worker has something to do
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]


def post_worker_init(worker):
    """Record once in each worker."""
    worker.wsgi.telemetry.record("worker")


def __getattr__(name):
    # The settings are read from this file too, and must not make a client of their own.
    if name == "app":
        app = globals()["app"] = Host()
        return app
    raise AttributeError(name)
