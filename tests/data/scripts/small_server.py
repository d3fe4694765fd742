"""A small server with a command line of its own, to be packaged: `serve` records and delivers, `telemetry` asks, `wrap` wraps, `collect` receives."""

from __future__ import annotations

import argparse
import json
import os
import sys

from mcptelemetry import Telemetry, add_telemetry_commands


def serve(telemetry: Telemetry) -> int:
    """Record one call, deliver it where an endpoint is known, and print what came of it."""
    telemetry.start()
    with telemetry.invocation("get_issues"):
        pass
    delivered = None if telemetry.pipeline is None else telemetry.flush(20)
    telemetry.shutdown()
    print(json.dumps({"delivered": delivered, "is_frozen": hasattr(sys, "frozen"), "mode": telemetry.status()["mode"]}))
    return 0


def main() -> int:
    """Run the command line."""
    if sys.argv[1:2] in (["wrap"], ["collect"]):
        from mcptelemetry.cli import main as run_telemetry

        return run_telemetry()
    command = os.environ.get("ACME_OFF_COMMAND")
    telemetry = Telemetry("acme-mcp", "1.0", heartbeat_endpoint="https://t.invalid", command=command)
    parser = argparse.ArgumentParser(prog="acme-mcp")
    commands = parser.add_subparsers(required=True)
    commands.add_parser("serve").set_defaults(func=lambda _args: serve(telemetry))
    add_telemetry_commands(commands, telemetry)
    args = parser.parse_args()
    return args.func(args)


if __name__ == "__main__":
    sys.exit(main())
