"""``python -m mcptelemetry``: the command line, also for a copy inside another package."""

from __future__ import annotations

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main(prog=f"python -m {__package__}"))
