"""
The rows of the switch table that every stream obeys, whoever set it up.

An uploader or pipeline that is built by hand has no files and no person behind it; what
the environment says about *do not track*, and about this application, holds for it too.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..application import Application

__all__ = ["standing_refusal"]


def standing_refusal(environ: Mapping[str, str], application: Application | None) -> str | None:
    """Return why *environ* forbids every transmission, or None; *application* may be unknown."""
    said = environ.get("DO_NOT_TRACK", "").strip()
    if said and said != "0":
        return "DO_NOT_TRACK"
    if application is None:
        return None
    said = environ.get(application.switch_variable, "").strip().lower()
    if said and said not in ("1", "true", "on", "yes"):
        return f"{application.switch_variable}=false"
    return None
