"""The trade-off of size and quality: the task's metric against the share of the encoder that is kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.records import Record
from methods.contract import Family
from reports.figures.canvas import freeze, save
from reports.figures.palette import style
from reports.statistics import mean, spread
from reports.tables.consistency import check, one_a_seed
from reports.tables.remarks import kept

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL = (4.2, 3.6)  # inches
ACROSS = 3  # panels side by side
ASIDE = 0.02  # factor by which neighbouring lines are moved aside, so that their whiskers do not cover each other


def draw(records: Sequence[Record], path: Path, order: Sequence[str] = ()) -> Path:
    """Write the figure: one panel a task, one line a method, means over seeds with whiskers of one sd.

    Args:
        records: measurements that may stand in one table (`MixedRecordsError` otherwise), at least one.
        path: the file; its ending chooses the format (.png, .pdf, .svg).
        order: methods in the order of the legend; others follow by name.
    """
    from matplotlib.figure import Figure  # half a second that readers of a table need not wait for

    if not records:
        raise ValueError("a figure needs at least one record, got none; run the table first")
    check(records)
    tasks = sorted({record.task for record in records})
    known = {name: place for place, name in enumerate(order)}
    methods = sorted(
        {r.method for r in records if not _dense(r)}, key=lambda name: (known.get(name, len(known)), name)
    )
    across = min(ACROSS, len(tasks))
    down = -(-len(tasks) // across)
    figure = Figure(figsize=(max(6.0, PANEL[0] * across), PANEL[1] * down + 0.8), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).flatten()
    for place, panel in enumerate(panels):
        panel.set_visible(place < len(tasks))
        if place < len(tasks):
            _panel(panel, [record for record in records if record.task == tasks[place]], methods)
    _words(figure, records)
    freeze(figure)
    return save(figure, path)


def _dense(record: Record) -> bool:
    return Family(record.family) is Family.REFERENCE


def _panel(panel: "Axes", records: Sequence[Record], methods: Sequence[str]) -> None:
    """The lines of one task."""
    dense = one_a_seed(record for record in records if _dense(record))
    if dense:
        level = mean([100 * record.value for record in dense])
        panel.axhline(level, color="black", linestyle="--", linewidth=1.2, label=dense[0].label)
    budgets = sorted({record.budget for record in records if not _dense(record)})
    for place, method in enumerate(methods):
        points = []
        for budget in budgets:
            found = one_a_seed(r for r in records if r.method == method and r.budget == budget)
            if found:
                values = [100 * record.value for record in found]  # (seeds,)
                share = 100 * mean([kept(record) for record in found])
                points.append(
                    (share * (1 + ASIDE * (place - (len(methods) - 1) / 2)), mean(values), spread(values) or 0)
                )
        if points:
            colour, marker = style(place)
            across, level_of, whisker = zip(*points, strict=True)
            label = next(record.label for record in records if record.method == method)
            panel.errorbar(
                across, level_of, yerr=whisker, label=_label(label, method, records), color=colour, marker=marker,
                markersize=6, linewidth=1.4, capsize=3,
            )  # fmt: skip
    panel.set_xscale("log")
    panel.set_xticks([100 * budget for budget in budgets], [f"{100 * budget:.4g}" for budget in budgets])
    panel.set_xticks([], minor=True)
    panel.set_title(f"{records[0].task}  ({records[0].split})", fontsize=10)
    panel.set_xlabel("encoder matrix weights kept (%, log scale)")
    panel.set_ylabel(f"{records[0].metric.replace('_', ' ')} (%)")
    panel.grid(visible=True, color="0.9", linewidth=0.6)
    panel.set_axisbelow(True)


def _label(label: str, method: str, records: Sequence[Record]) -> str:
    """The label, with the method's name where two methods share it."""
    return label if len({r.method for r in records if r.label == label}) == 1 else f"{label} [{method}]"


def _words(figure: "Figure", records: Sequence[Record]) -> None:
    """The legend below the panels, and above them what the points and whiskers are."""
    entries: dict[str, Artist] = {}
    for panel in figure.axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    figure.legend(
        list(entries.values()), list(entries), loc="outside lower center", ncols=5, frameon=False, fontsize=9
    )
    counts = {len(one_a_seed(group)) for group in _cells(records)}
    several = f"n = {min(counts)} to {max(counts)}" if len(counts) > 1 else f"n = {max(counts)}"
    first = records[0]
    figure.suptitle(
        f"{first.backbone}, protocol {first.protocol}: mean over {several} seeds, whiskers: ± sample sd"
        "\n(lines are moved sideways a little, so that whiskers stay apart)",
        fontsize=9,
    )


def _cells(records: Sequence[Record]) -> list[list[Record]]:
    """The records of each method, task and budget."""
    cells: dict[tuple[str, str, float], list[Record]] = {}
    for record in records:
        cells.setdefault((record.method, record.task, record.budget), []).append(record)
    return list(cells.values())
