#!/usr/bin/env python3
"""
Fill a collector's store with a believable year of an invented application.

    tools/demo_data.py FILE [--installations 2000] [--days 365] [--seed 1] [--until 2025-11-28]

FILE is made as `mcptelemetry collect` makes it; look at it with `mcptelemetry report --db FILE`.
The same options give the same documents. A year of 2,000 installations takes about half a minute.
"""

from __future__ import annotations

import argparse
import calendar
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from mcptelemetry.collector import DEMO_UNTIL, SqliteStore, demo_documents, store_documents


def main(arguments: list[str]) -> int:
    """Write the year and say how much it is."""
    parser = argparse.ArgumentParser(description="Fill a collector's store with a believable year.")
    parser.add_argument("file", metavar="FILE", help="the database; made when missing")
    parser.add_argument("--installations", type=int, default=2000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--until", help="the day after the last one, in UTC (default: 2025-11-28)")
    args = parser.parse_args(arguments)
    until = DEMO_UNTIL if args.until is None else calendar.timegm(time.strptime(args.until, "%Y-%m-%d"))
    began_at = time.monotonic()
    documents = demo_documents(args.installations, args.days, seed=args.seed, until=until)
    count = store_documents(SqliteStore(args.file), documents)
    print(f"{count:,} documents in {time.monotonic() - began_at:.1f} s; they end on {time.strftime('%Y-%m-%d', time.gmtime(until))}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
