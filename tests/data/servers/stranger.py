"""
Starts a server that somebody else wrote, with one line of ours.

    stranger.py PACKAGE

PACKAGE is mcp_server_time or mcp_server_git: both make a low-level server of `mcp` 1.x within one function.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import Any

from mcptelemetry import Telemetry

telemetry = Telemetry("acme-mcp", "1.0.0")
telemetry.start()
telemetry.install_signal_handlers()

module: Any = importlib.import_module(f"{sys.argv[1]}.server")
their_server = module.Server
module.Server = lambda *given, **named: telemetry.instrument(their_server(*given, **named))
asyncio.run(module.serve(None))
