"""What the page about testing shows works as it stands."""

from __future__ import annotations

import pathlib
import re

import mcptelemetry.testing

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "testing.md"


def test_example_of_the_page_passes(tmp_path):
    """The first example is a test that passes."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL).group(1)
    names = {}
    exec(compile(code, str(PAGE), "exec"), names)
    names["test_tool_calls_are_counted"](tmp_path)


def test_page_names_every_double():
    """Every server, clock and transport that is offered is on the page."""
    text = PAGE.read_text(encoding="utf-8")
    plain_values = {"Connection", "ReceivedRequest", "Reply", "Step"}
    for name in set(mcptelemetry.testing.__all__) - plain_values:
        assert f"`{name}" in text, name
