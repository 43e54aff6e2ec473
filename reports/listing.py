"""Long lists in columns: what rich draws for a screen, fast enough for tens of thousands of rows."""

import textwrap
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.style import Style

GAP = 2  # blanks between columns
LEAST = 20  # characters of the last column, below which lines grow longer than the screen


class Listing:
    """One line a row; the last column takes what room is left and is wrapped.

    Args:
        heads: The columns' names.
        rows: The texts, as many a row as there are columns.
    """

    def __init__(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self._heads = heads
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """The heads in bold, then the rows."""
        widths = [max(map(cell_len, column)) for column in zip(self._heads, *self._rows, strict=True)][:-1]
        taken = sum(widths) + GAP * len(widths)
        room = max(options.max_width - taken, LEAST)
        yield from self._line(self._heads, widths, room, Style(bold=True))
        for row in self._rows:
            yield from self._line(row, widths, room, None)

    def _line(self, row: Sequence[str], widths: Sequence[int], room: int, style: Style | None) -> Iterator[Segment]:
        texts = zip(row, widths, strict=False)  # all but the last
        head = "".join(text + " " * (width - cell_len(text) + GAP) for text, width in texts)
        first, *more = (row[-1],) if len(row[-1]) <= room else textwrap.wrap(row[-1], room) or ("",)
        yield Segment(f"{head}{first}\n", style)
        for text in more:
            yield Segment(f"{' ' * len(head)}{text}\n", style)
