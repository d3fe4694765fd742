"""
What `collect` was asked for, in the end: which store, and which application on it.

Each of several processes makes both anew, from this.
"""

from __future__ import annotations

import argparse
import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from ..collector import GUESSES_A_MINUTE, Listener, Server, Store, create_app, open_store, show_only
from ..system import is_loopback_host
from ._command import WrongUse

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["CollectorPlan"]


@dataclass(frozen=True)
class CollectorPlan:
    """What was asked for: which store, and how to make the application on it."""

    url: str
    tokens: Optional[Mapping[str, Optional[list[str]]]]
    report_token: str
    is_drawn: bool
    args: argparse.Namespace

    def open_store(self) -> Store:
        """Return the store; raises `WrongUse` when there is none of that name."""
        try:
            return open_store(self.url)
        except ValueError as error:
            raise WrongUse(str(error)) from None

    def make_app(self, store: Store) -> WSGIApplication:
        """Return the application on *store*, as one of the processes that were asked for."""
        args = self.args
        # Whoever listens by a name is asked for by it.
        own_names = [args.host] if args.public and not is_loopback_host(args.host) and not _is_address(args.host) else []
        app = create_app(
            store,
            token=self.tokens,
            report_token=self.report_token,
            public=args.public,
            hosts=[*args.allow_host, *own_names],
            guess_limit=max(1, GUESSES_A_MINUTE // args.workers),
        )
        return show_only(app) if args.demo else app

    def serve(self, store: Store, listener: Listener) -> Server:
        """Return the running server of the application."""
        return Server(self.make_app(store), listener)


def _is_address(host: str) -> bool:
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return True
    return False
