"""
The application's identity: one short name from which every other name is derived.

`app="acme-mcp"` gives the environment prefix, the opt-out variable, the data directory
and the surface header, so that an author chooses one word and an end user can guess the
rest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from .vocabulary import APP_NAME_PATTERN

__all__ = [
    "PRINT",
    "SOME_RELEASE",
    "YES_WORDS",
    "Application",
    "home_directory",
    "is_released_version",
    "is_tracking_refused",
    "normalise_version",
]

SOME_RELEASE = "1"
"""Stands for a version that is not known here: nobody is refused as a development build by a guess."""

YES_WORDS = frozenset({"1", "true", "on", "yes"})
"""What is a yes in the application's opt-out variable; anything else that is said there is a no."""
PRINT = "print"
"""The no, in the same place, that shows what it keeps back."""

# SemVer 2.0 without build metadata.
_SEMVER = (
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?"
)
# PEP 440 final, pre- or post-release: no epoch is refused, no .dev and no +local is taken.
_PEP440 = (
    r"(\d+!)?\d+(\.\d+)*([._-]?(a|b|c|rc|alpha|beta|pre|preview)[._-]?\d*)?"
    r"(-\d+|[._-]?(post|rev|r)[._-]?\d*)?"
)


class Application:
    """
    An application name and what follows from it.

    *name* matches ``^[a-z][a-z0-9-]{0,62}$``; anything else is a `ValueError` (or a
    `TypeError` when it is no string at all).
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            msg = f"app must be a str such as 'acme-mcp', not {type(name).__name__}"
            raise TypeError(msg)
        if re.fullmatch(APP_NAME_PATTERN, name) is None:
            msg = (
                f"app={name!r} is not usable: use 1 to 63 lower-case letters, digits and "
                "hyphens, beginning with a letter, such as 'acme-mcp'"
            )
            raise ValueError(msg)
        self.name: str = name

    def __repr__(self) -> str:
        return f"Application({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Application) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def env_prefix(self) -> str:
        """The prefix of the application's environment variables: ``ACME_MCP``."""
        return self.name.replace("-", "_").upper()

    @property
    def switch_variable(self) -> str:
        """The opt-out variable: ``ACME_MCP_TELEMETRY``."""
        return f"{self.env_prefix}_TELEMETRY"

    def switch_word(self, environ: Mapping[str, str]) -> str:
        """Return what the opt-out variable says in *environ*, in lower case; ``""`` when it says nothing."""
        return environ.get(self.switch_variable, "").strip().lower()

    @property
    def launch_variable(self) -> str:
        """The variable by which a launcher says who it is: ``ACME_MCP_LAUNCHED_BY``."""
        return f"{self.env_prefix}_LAUNCHED_BY"

    @property
    def events_endpoint_variable(self) -> str:
        """The variable that holds an operator's endpoint: ``ACME_MCP_EVENTS_ENDPOINT``."""
        return f"{self.env_prefix}_EVENTS_ENDPOINT"

    @property
    def events_token_variable(self) -> str:
        """The variable that holds the bearer token for that endpoint: ``ACME_MCP_EVENTS_TOKEN``."""
        return f"{self.env_prefix}_EVENTS_TOKEN"

    @property
    def surface_header(self) -> str:
        """The header by which a client names its surface: ``X-Acme-Mcp-Client``."""
        return f"X-{self.name.title()}-Client"

    def data_directory(self, environ: Mapping[str, str]) -> str:
        """
        Return the directory of the application's files: ``$ACME_MCP_HOME``, else ``~/.acme-mcp``.

        The path is absolute. With no home directory to be found it is ``""``: nothing can be
        stored, and what depends on a stored mark stays silent.
        """
        own = environ.get(f"{self.env_prefix}_HOME", "").strip()
        if own:
            return os.path.abspath(os.path.expanduser(own))
        home = home_directory(environ)
        return os.path.join(home, f".{self.name}") if home else ""


def is_tracking_refused(environ: Mapping[str, str]) -> bool:
    """Return whether ``DO_NOT_TRACK`` says no in *environ*."""
    return environ.get("DO_NOT_TRACK", "").strip() not in ("", "0")


def home_directory(environ: Mapping[str, str]) -> str:
    """Return the person's home directory under *environ*, or ``""`` when there is none."""
    home = environ.get("HOME", "") or environ.get("USERPROFILE", "")
    if not home:
        home = os.path.expanduser("~")
    return os.path.abspath(home) if home and not home.startswith("~") else ""


def is_released_version(version: str) -> bool:
    """
    Return whether *version* names a release.

    A release is SemVer 2.0 without build metadata, or a PEP 440 final, pre- or post-release.
    ``dev``, ``1.0.dev3``, ``1.0+local`` and the empty string are development builds.
    """
    bare = version.strip()
    bare = bare[1:] if bare[:1] in ("v", "V") else bare
    return bool(
        re.fullmatch(_SEMVER, bare, re.ASCII) or re.fullmatch(_PEP440, bare, re.ASCII | re.IGNORECASE)
    )


def normalise_version(version: str) -> str:
    """Return *version* with a leading ``v`` when it is a release that lacks one."""
    bare = version.strip()
    if is_released_version(bare) and not bare.startswith(("v", "V")):
        return f"v{bare}"
    return bare
