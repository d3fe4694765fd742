"""
Route templates: the only shape in which a request's path may be counted.

A path holds what people put there. With the application's routes known, everything else is
one word; without them, only what a person would write into a route table is believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..privacy import refuse_token
from ..vocabulary import HTTP_METHODS, OTHER_METHOD, TEMPLATE_PATTERN, UNMATCHED
from ._first_names import FirstNames

__all__ = ["KnownTemplates", "check_routes", "known_method", "looks_like_template"]

_TEMPLATES_MAX = 200
_LENGTH_MAX = 128
_SEGMENTS_MAX = 12
# As texts: compiled, and kept by `re`, when the first is looked at, which many hosts never do.
# A word such as "servers", "oauth2" or "v1beta1": digits only at the end of letters, and few
# of them, because an identifier looks otherwise.
_WORD = r"[A-Za-z][A-Za-z_-]{0,31}[0-9]{0,2}(?:[a-z]{1,5}[0-9]{0,2})?"
# The place of an argument, as frameworks write it: {id}, {id:int}, :id, <id>, <int:id>, *.
_ARGUMENT = r"\{[A-Za-z_]\w{0,31}(?::[a-z]{1,16})?\}|:[A-Za-z_]\w{0,31}|<(?:[a-z]{1,16}:)?[A-Za-z_]\w{0,31}>|\*{1,2}"
# Nothing but the letters of hexadecimal digits, and as long as an identifier.
_HEXADECIMAL = r"[a-fA-F]{8,}"


class KnownTemplates:
    """
    The templates that may be counted: *routes*, or without them (None) what looked like one first.

    Of the latter at most 200 are believed. Safe from any thread.
    """

    def __init__(self, routes: frozenset[str] | None) -> None:
        self._routes = routes
        self._learned = FirstNames(_TEMPLATES_MAX)

    def known(self, template: str) -> str:
        """Return *template*, or `UNMATCHED`."""
        if not isinstance(template, str):
            return UNMATCHED
        if self._routes is not None:
            return str(template) if template in self._routes else UNMATCHED
        is_known = template in self._learned or (looks_like_template(template) and self._learned.admit(template))
        return str(template) if is_known else UNMATCHED


def looks_like_template(template: str) -> bool:
    """Return whether *template* is what a route table holds, with no query, dot or identifier in it."""
    if not template.startswith("/") or len(template) > _LENGTH_MAX:
        return False
    segments = template[1:].split("/")
    if len(segments) > _SEGMENTS_MAX:
        return False
    if segments[-1] == "":
        segments.pop()
    return all(_is_segment(segment) for segment in segments)


def known_method(method: str) -> str:
    """Return *method* in capitals, or `OTHER_METHOD`."""
    verb = method.upper()
    return verb if verb in HTTP_METHODS else OTHER_METHOD


def check_routes(routes: Iterable[str]) -> frozenset[str]:
    """Return the application's own templates; `TypeError` or `ValueError` for one that is invalid."""
    if isinstance(routes, (str, bytes)):
        msg = f"routes={routes!r} is one string; give a list of templates such as ['/api/v1/servers']"
        raise TypeError(msg)
    found = frozenset(routes)
    for route in found:
        if not isinstance(route, str):
            msg = f"routes must hold str such as '/api/v1/servers', not {type(route).__name__}"
            raise TypeError(msg)
        refuse_token("routes", route)
        if re.fullmatch(TEMPLATE_PATTERN, route) is None:
            msg = (
                f"routes holds {route!r}, which is no template: begin with '/', leave out the query, "
                "use at most 200 ASCII characters and no spaces"
            )
            raise ValueError(msg)
    return found


def _is_segment(segment: str) -> bool:
    if re.fullmatch(_ARGUMENT, segment, re.ASCII) is not None:
        return True
    return re.fullmatch(_WORD, segment) is not None and re.fullmatch(_HEXADECIMAL, segment) is None
