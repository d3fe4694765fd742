"""
The templates, by way of Jinja2: everything that is not marked as HTML of ours is escaped.

Jinja2 is an extra, loaded when the first page is made: a collector that only takes in does
without it.
"""

from __future__ import annotations

import pkgutil
from typing import TYPE_CHECKING, Any

from ...errors import TelemetryError
from ...system import install_hint, printable
from ._charts import draw_bar

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Templates"]


class Templates:
    """Renders templates by name; safe between threads."""

    def __init__(self) -> None:
        self._environment: Environment = _make_environment()

    def render(self, name: str, **values: Any) -> str:
        """Return the template called *name* with *values* in it."""
        return self._environment.get_template(f"{name}.html").render(values)


def _make_environment() -> Environment:
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined  # an extra
    except ImportError:
        msg = f"the collector's page needs Jinja2, which is not installed; {install_hint('jinja2')}"
        raise TelemetryError(msg) from None
    if _read("top.html") is None:  # a packager took the modules along, and nothing that lies beside them
        msg = (
            "the files of the collector's page are not in this application; "
            "tell its packager to take them along, as PyInstaller does with --collect-data mcptelemetry"
        )
        raise TelemetryError(msg)
    from markupsafe import Markup  # it comes with Jinja2

    environment = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["seen"] = _make_seen
    environment.filters["written"] = lambda text: printable(text, keep="\n\t")
    environment.filters["drawn"] = Markup  # of `_charts` alone, which escapes by itself
    environment.globals["draw_bar"] = lambda share: Markup(draw_bar(share))  # noqa: S704  numbers only
    return environment


def _make_seen(text: str) -> str:
    """Return a name as it is shown: in quotation marks where an eye, or a link of nothing else, would find none."""
    shown = printable(text)
    return shown if shown.strip() else f"“{shown}”"


def _read(name: str) -> str | None:
    try:
        data = pkgutil.get_data(__package__, f"templates/{name}")
    except OSError:
        return None
    return None if data is None else data.decode()
