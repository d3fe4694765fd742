"""
The definitions in `docs/page.md`: the report's own sentences, below the heading of the part that shows them.

A quotation that begins with the name of a definition is written anew from the table; everything
else in the paper is written by hand.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping

WIDTH = 125
_QUOTED = re.compile(r"^> `(\w+)`.*(?:\n>.*)*$", re.MULTILINE)


def quoted_names(text: str) -> list[str]:
    """Return the names of the definitions that *text* quotes, in its order."""
    return _QUOTED.findall(text)


def render_paper(text: str, definitions: Mapping[str, str]) -> str:
    """Return *text* with each quoted definition as it stands in *definitions*; one that is gone is named."""

    def quote(found: re.Match[str]) -> str:
        name = found[1]
        sentence = f"`{name}`: {definitions.get(name, 'THERE IS NO SUCH DEFINITION.')}"
        return "\n".join(f"> {line}" for line in textwrap.wrap(sentence, WIDTH, break_on_hyphens=False))

    return _QUOTED.sub(quote, text)
