"""Colours, markers and line styles that stay apart for colour-blind readers and in grey print."""

from typing import TypeAlias

# Okabe and Ito (2008), Color Universal Design, without the yellow that is too pale for lines.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "h")
Dashes: TypeAlias = "str | tuple[int, tuple[float, ...]]"
# Dashes alone are the dense reference's.
LINES: tuple[Dashes, ...] = ("-", (0, (5, 1.5, 1, 1.5)), (0, (1, 1.2)), (0, (3, 1, 1, 1, 1, 1)))
REFERENCE: tuple[str, str, Dashes] = ("#000000", "x", "--")


def style(place: int) -> tuple[str, str]:
    """Colour and marker of the line number `place`; 7 x 9 of them are distinct."""
    return COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]


def line(place: int) -> Dashes:
    """Line style of the line number `place`; 4 are distinct."""
    return LINES[place % len(LINES)]
