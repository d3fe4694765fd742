"""Saying that a server's calls are recorded twice: by itself, and by `wrap` around it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from ..system import printable, url_without_secrets
from ..vocabulary import WRAPPED_VARIABLE

__all__ = ["tell_if_wrapped"]

_logger = logging.getLogger(__name__)


def tell_if_wrapped(environ: Mapping[str, str], endpoint: str) -> None:
    """Warn, once for this process and those below it, when `wrap` reports to the place of *endpoint* too."""
    mark = environ.get(WRAPPED_VARIABLE)
    if mark is None:
        return
    from ..wrap import place_mark  # only who is wrapped pays for it

    if environ is os.environ:
        os.environ.pop(WRAPPED_VARIABLE, None)
    if mark == place_mark(endpoint):
        where = printable(url_without_secrets(endpoint))
        _logger.warning("mcptelemetry: `wrap` and this server itself both report to %s: each call is two events; leave one out", where)
