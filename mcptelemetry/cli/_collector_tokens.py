"""
The tokens of `collect`: whose words open what, read from the environment.

An option that promises a token and has none is wrong use: an empty variable must never mean that
nobody is asked.
"""

from __future__ import annotations

import argparse
from typing import Optional

from ._command import Console, WrongUse

__all__ = ["read_report_token", "read_sender_tokens"]


def read_report_token(args: argparse.Namespace, console: Console) -> str | None:
    """Return the token that readers must give, None when one is to be drawn."""
    from_variable = None if args.report_token_env is None else _read_token("--report-token-env", args.report_token_env, console)
    if args.report_token is None:
        return from_variable
    if from_variable is not None:
        msg = "--report-token and --report-token-env are two words for one thing: leave one out"
        raise WrongUse(msg)
    if not args.report_token:
        msg = "--report-token is empty: give the token, or leave it out"
        raise WrongUse(msg)
    return str(args.report_token)


def read_sender_tokens(options: list[str] | None, console: Console) -> dict[str, Optional[list[str]]] | None:
    """Return each sender's token with its applications (None: all), None when none is asked for."""
    if options is None:
        return None
    tokens: dict[str, Optional[list[str]]] = {}
    for option in options:
        name, equals, apps = option.partition("=")
        token = _read_token("--token-env", name, console)
        if token in tokens:
            msg = f"--token-env {name}: another variable holds the same token; name all its applications in one"
            raise WrongUse(msg)
        tokens[token] = apps.split(",") if equals else None
    return tokens


def _read_token(option: str, name: str, console: Console) -> str:
    token = console.environ.get(name, "").strip()
    if not token:
        msg = f"{option} {name}: that variable is not set; set it to the token or leave the option out"
        raise WrongUse(msg)
    return token
