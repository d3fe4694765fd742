"""
The demonstration of `collect --demo`: an invented year in a database that is gone afterwards.

It ends today, so that every period of the page has something in it. Nothing is taken in: whoever
sends here by mistake is told so, instead of losing what they sent when the demonstration ends.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ..collector import DEMO_APP, DemoDocument, Store, demo_documents, store_documents
from ..vocabulary import DAY_SECS
from ._command import Console, WrongUse
from ._until_signal import UntilSignal

__all__ = ["check_demo", "fill_demo", "temporary_database"]

# Enough to look like life, few enough for a few seconds.
_INSTALLATIONS = 300
_LOOK_EVERY_DOCUMENTS = 500


def check_demo(args: argparse.Namespace) -> None:
    """Raise `WrongUse` for an option that means nothing in a demonstration."""
    for option in ("token_env", "keep_days"):
        if getattr(args, option) is not None:
            msg = f"--demo takes nothing in and keeps nothing: leave out --{option.replace('_', '-')}"
            raise WrongUse(msg)


@contextmanager
def temporary_database() -> Iterator[str]:
    """Give the URL of a database of our own, which is removed when the block ends."""
    with tempfile.TemporaryDirectory(prefix="mcptelemetry-demo-") as folder:
        yield f"sqlite:{os.path.join(folder, 'demo.db')}"


def fill_demo(store: Store, until: UntilSignal, console: Console) -> bool:
    """Have *store* take in a year that ends today; return False when a signal came meanwhile."""
    console.note(f"making a year of an invented application, {DEMO_APP}: a few seconds")
    console.err.flush()
    try:
        count = store_documents(store, _until_told(_documents_until(time.time()), until))
    except _Told:
        return False
    console.note(f"{count:,} documents made; this collector takes nothing in, and removes them when it ends")
    return True


def _documents_until(now: float) -> Iterator[DemoDocument]:
    midnight = (int(now // DAY_SECS) + 1) * int(DAY_SECS)
    for document in demo_documents(_INSTALLATIONS, until=midnight):
        if document.received_at <= now:  # the last day is not over
            yield document


class _Told(Exception):
    """A signal came."""


def _until_told(documents: Iterable[DemoDocument], until: UntilSignal) -> Iterator[DemoDocument]:
    for number, document in enumerate(documents):
        if number % _LOOK_EVERY_DOCUMENTS == 0 and until.wait(0):
            raise _Told
        yield document
