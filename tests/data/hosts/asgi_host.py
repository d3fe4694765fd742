"""
An ASGI application under uvicorn: ``asgi_host.py PORT END``; what it is told else is as in `wsgi_host`.

END says what the host does for its end: ``signal`` (handlers before the server's own), ``lifespan`` (a shutdown in
the application's lifespan) or ``nothing``.
"""

from __future__ import annotations

import sys

import uvicorn
import wsgi_host

port, end = sys.argv[1:]
telemetry = wsgi_host.telemetry


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if end == "lifespan" and telemetry is not None:
            telemetry.shutdown()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if telemetry is not None:
        telemetry.record("request")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"1"})


if end == "signal" and telemetry is not None:
    telemetry.install_signal_handlers()
uvicorn.run(app, port=int(port), log_level="warning")
