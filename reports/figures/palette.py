"""Colours and markers that stay apart for colour-blind readers and in grey print."""

# Okabe and Ito (2008), Color Universal Design, without the yellow that is too pale for lines.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "h")


def style(place: int) -> tuple[str, str]:
    """Colour and marker of the line number `place`; 7 x 9 of them are distinct."""
    return COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
