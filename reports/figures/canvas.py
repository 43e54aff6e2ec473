"""The sheet a figure is drawn on: panels above, words below; and the files it becomes, with equal bytes each time."""

import contextlib
import math
import os
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.figures.palette import REFERENCE, line, style

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMS = ("png", "svg", "pdf")
# What would tell the time of day or the drawing library's version.
METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
WORDS = 7.5  # points of the caption
LETTER = 0.56 * WORDS / 72  # inches, the mean width of one
PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}  # behind words that stand in a panel
DIGITS = 4  # of a place on the sheet, as shares of its sides
LINE = 1.35 * WORDS / 72  # inches
HANDLE, NAME = 0.65, 0.5 * 9 / 72  # inches of a legend's sign with its margins, and of a letter of its names
ROWS, ROW = 2, 0.195  # rows of a legend that a sheet has room for, and the inches that each one more takes


@contextlib.contextmanager
def sheet() -> Iterator[None]:
    """Within this, drawing looks the same whatever the user's own settings of matplotlib are."""
    import matplotlib  # half a second that readers of a table need not wait for

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["font.size"] = 9
        matplotlib.rcParams["svg.hashsalt"] = "weighin"  # names inside the file follow from its content
        yield


def panels(down: int, across: int, *, width: float, height: float) -> tuple["Figure", list[list["Axes"]]]:
    """An empty figure with `down` x `across` panels of this size in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * across, height * down + 0.4), layout="constrained")
    found = figure.subplots(down, across, squeeze=False)
    return figure, [list(row) for row in found]


def legend(figure: "Figure") -> None:
    """One legend for all panels, above them; the sheet grows by the rows it needs."""
    entries: dict[str, Artist] = {}
    for panel in figure.axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if entries:
        width, height = figure.get_size_inches()
        columns = max(1, min(4, int(width / (HANDLE + NAME * max(map(len, entries))))))
        more = math.ceil(len(entries) / columns) - ROWS
        figure.set_size_inches(width, height + ROW * max(0, more))
        figure.legend(
            list(entries.values()),
            list(entries),
            loc="outside upper center",
            ncols=columns,
            frameon=False,
            handlelength=3.2,
        )


def words(figure: "Figure", sentences: Sequence[str]) -> None:
    """Write the caption and the footnotes below the panels; the sheet grows by what they need."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    width, height = figure.get_size_inches()
    lines = [
        row for one in sentences for row in textwrap.wrap(one, int((width - 0.3) / LETTER), break_on_hyphens=False)
    ]
    needed = LINE * len(lines) + 0.15
    figure.set_size_inches(width, height + needed)
    share = needed / (height + needed)
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)  # noqa: S101  # `panels` chose it
    engine.set(rect=(0, share, 1, 1 - share))
    figure.text(
        0.15 / width, share - 0.05 / (height + needed), "\n".join(lines), va="top", fontsize=WORDS, linespacing=1.2
    )
    freeze(figure)


def freeze(figure: "Figure") -> None:
    """Lay the panels out once and for all, at rounded places: the solver's last bits differ from time to time."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for panel in figure.axes:
        left, bottom, width, height = (round(side, DIGITS) for side in panel.get_position(original=True).bounds)
        panel.set_position((left, bottom, width, height))


def reference(panel: "Axes", level: float, label: str) -> None:
    """The dense model's dashed line."""
    colour, _, dashes = REFERENCE
    panel.axhline(level, color=colour, linestyle=dashes, linewidth=1.2, label=label)


def curve(
    panel: "Axes",
    across: Sequence[float],
    level: Sequence[float],
    whiskers: Sequence[float],
    label: str,
    place: int | None,
) -> None:
    """A line with markers and whiskers, broken where a level is NaN.

    `place` is its number among the methods, None for the reference.
    """
    colour, marker, dashes = REFERENCE if place is None else (*style(place), line(place))
    panel.errorbar(
        across, level, yerr=whiskers, label=label, color=colour, marker=marker, linestyle=dashes, markersize=5.5,
        linewidth=1.5, capsize=3,
    )  # fmt: skip


def absent(panel: "Axes", text: str, across: float | None = None) -> None:
    """Say in the panel that something is missing: in its middle, or upright at its foot behind the lines."""
    if across is None:
        panel.text(0.5, 0.5, text, transform=panel.transAxes, ha="center", va="center", color="0.25", bbox=PAPER)
        return
    panel.text(
        across, 0.03, text, transform=panel.get_xaxis_transform(), rotation=90, ha="center", va="bottom",
        fontsize=7, color="0.25", zorder=1,
    )  # fmt: skip


def frame(panel: "Axes") -> None:
    """The grid behind the lines."""
    panel.grid(visible=True, color="0.9", linewidth=0.6)
    panel.set_axisbelow(True)


def save(figure: "Figure", path: Path) -> Path:
    """Write a file whose ending chooses the format; whole or not at all, folders are made."""
    form = path.suffix.removeprefix(".")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with sheet():
            figure.savefig(draft, format=form, dpi=150, metadata=METADATA[form])
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path
