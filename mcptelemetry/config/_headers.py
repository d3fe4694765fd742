"""
Headers that an operator adds to the requests of the events stream.

A file of ours names environment variables and never holds a value, so whatever stands in the
place of a variable's name and is none may be a secret: no message repeats it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["HEADERS_ALLOWED", "VARIABLE_ALLOWED", "find_header_fault", "is_variable_name"]

HEADERS_ALLOWED = 'a table of header names and the environment variables that hold their values, such as { "x-team" = "TEAM_KEY" }'
"""What a table of headers must be, in words."""
VARIABLE_ALLOWED = "the name of an environment variable (letters, digits and _; its value does not belong here)"
"""What the name of a variable must be, in words."""

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]{0,127}"
# What one connection says to the next server about itself, and what would end or hold up a request.
_OF_THE_CONNECTION = frozenset(
    {
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_OURS = frozenset(
    {"accept-encoding", "content-encoding", "content-length", "content-type", "host", "user-agent"}
)


def is_variable_name(value: object) -> bool:
    """Return whether *value* can be the name of an environment variable."""
    return isinstance(value, str) and re.fullmatch(_VARIABLE, value) is not None


def find_header_fault(headers: object, *, are_values: bool = False) -> str | None:
    """
    Return what keeps *headers* from being sent, as words that follow its name; None when nothing does.

    They are header names with the variables that hold the values, or, with *are_values*, with the
    values themselves.
    """
    if not isinstance(headers, Mapping):
        return f"must be {HEADERS_ALLOWED}"
    seen: set[str] = set()
    for name, value in headers.items():
        if not isinstance(name, str) or re.fullmatch(_NAME, name) is None:
            return f"holds {str(name)[:60]!r}, which is no header name; use letters, digits and hyphens"
        key = name.lower()
        if key == "authorization":
            return f"holds {name!r}, which the bearer token makes; name its variable in token_key"
        if key in _OURS:
            return f"holds {name!r}, which every request has already; leave it out"
        if key in _OF_THE_CONNECTION:
            return f"holds {name!r}, which belongs to the connection; leave it out"
        if key in seen:
            return f"holds {name!r} twice, for headers have no case; leave one out"
        seen.add(key)
        if are_values:
            if not isinstance(value, str) or not (value.isascii() and value.isprintable()):
                return f"holds a value of {name!r} that is not usable: it must be printable ASCII in one line (it is not shown)"
        elif not is_variable_name(value):
            return f"must give {name!r} {VARIABLE_ALLOWED}"
    return None
