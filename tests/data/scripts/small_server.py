"""A small server with a command line of its own, to be frozen: `serve` records and delivers, `telemetry` asks."""

from __future__ import annotations

import argparse
import json
import sys

from mcptelemetry import Telemetry, add_telemetry_commands


def serve(telemetry: Telemetry) -> int:
    """Record one call, deliver it, and print what came of it."""
    telemetry.start()
    with telemetry.invocation("get_issues"):
        pass
    delivered = telemetry.flush(20) if telemetry.pipeline is not None else None
    telemetry.shutdown()
    home = sys.modules["mcptelemetry"].__file__
    print(json.dumps({"delivered": delivered, "frozen": bool(getattr(sys, "frozen", False)), "package": home}))
    return 0


def main() -> int:
    """Run the command line."""
    telemetry = Telemetry("acme-mcp", "1.0", heartbeat_endpoint="https://t.invalid")
    parser = argparse.ArgumentParser(prog="acme-mcp")
    commands = parser.add_subparsers(required=True)
    commands.add_parser("serve").set_defaults(func=lambda _args: serve(telemetry))
    add_telemetry_commands(commands, telemetry)
    args = parser.parse_args()
    return args.func(args)


if __name__ == "__main__":
    sys.exit(main())
