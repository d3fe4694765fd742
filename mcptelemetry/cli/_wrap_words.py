"""What a person types between `wrap` and the command; loaded before anything else is."""

from __future__ import annotations

from typing import NamedTuple, Optional

__all__ = ["DEFAULT_APP", "WrapWords"]

DEFAULT_APP = "mcptelemetry"


class WrapWords(NamedTuple):
    """The application, where its files are, where its events go, what holds the token, and whether to give account."""

    app: str = DEFAULT_APP
    data_dir: Optional[str] = None
    endpoint: Optional[str] = None
    token_env: Optional[str] = None
    is_verbose: bool = False
