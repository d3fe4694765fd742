"""
Rows and columns as aligned plain text.

Plain ASCII rules and no colour: the same text is read on a terminal, in a log and in a mail.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..system import printable

__all__ = ["render_table"]


def render_table(
    heading: Sequence[str], rows: Sequence[Sequence[object]], *, left: Collection[int] = ()
) -> str:
    """
    Return *rows* under *heading*, one line each, the columns in *left* flush left.

    Every row has as many cells as the heading; what cannot be seen in one is shown as an
    escape. The text has no final line end and no line
    ends in blanks.
    """
    cells = [list(heading), *([printable(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(heading))]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in cells
    )
