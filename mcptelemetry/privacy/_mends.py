"""
What an answer tells of the place that gave it, and what a person can do about it.

An outage is told in one line, and a line that only names a status sends its reader to look for
the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from ..system import Answer
from ..vocabulary import EVENTS_PATH, METRICS_PATH, TRACES_PATH

__all__ = ["is_page", "mend_of"]

_WRONG_PLACE = "correct the endpoint: write the collector's base address, or all of it with %s"
_MEND_OF_STATUS: Mapping[int, str] = {
    400: "see whether a collector of this version stands there",
    401: "give the token that it asks for",
    403: "give a token that may write there",
    404: _WRONG_PLACE,
    405: _WRONG_PLACE,
    407: "write the proxy's credentials into its URL",
    410: _WRONG_PLACE,
    413: "let larger bodies pass there, or lower batch_size",
    421: _WRONG_PLACE,
    429: "wait, or let more pass there",
}
_PAGE_BEGINNINGS = (b"<!doctype html", b"<html")


def is_page(answer: Answer) -> bool:
    """Return whether *answer* is a web page: a site's, a login's, a captive network's, and no collector's."""
    media_type = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    return media_type == "text/html" or answer.body[:64].lstrip().lower().startswith(_PAGE_BEGINNINGS)


def mend_of(answer: Answer, url: str) -> str:
    """Return what a person can do about *answer* from *url*, ``""`` when it is what it should be."""
    mend = _mend_of(answer)
    if mend != _WRONG_PLACE:
        return mend
    is_otlp = urlsplit(url).path.endswith((TRACES_PATH, METRICS_PATH))
    return mend % (TRACES_PATH if is_otlp else EVENTS_PATH)


def _mend_of(answer: Answer) -> str:
    status = answer.status
    if 200 <= status < 300:  # a class of statuses
        return _WRONG_PLACE if is_page(answer) else ""
    if 300 <= status < 400:  # likewise
        return "write the address that it leads to"
    if status >= 500:  # likewise
        return "look after the server there"
    return _MEND_OF_STATUS.get(status, _MEND_OF_STATUS[400])
