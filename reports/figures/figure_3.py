"""Figure 3 of the paper: which weights of one matrix zero-order and first-order pruning leave."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from benchmarks.records import Record
from reports.figures import canvas, matrices
from reports.figures.picture import NO_RUN, Picture, Place, Wanted, count, scene
from reports.statistics import mean
from reports.tables.consistency import check
from reports.tables.table import Defaults, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# 10 % kept on MRPC is the paper's choice; one model is shown, so one seed is enough
DEFAULTS = Defaults(tasks=("mrpc",), budgets=(0.1,), seeds=(1,), methods=("up-zero", "up-first"), reference="")
PRUNED, STRUCK, KEPT = 0, 1, 2  # gone; gone with its whole row or column; there
SHADES = ("#FFFFFF", "#F2C48D", "#08306B")  # white, light, dark also in grey print


def draw(wanted: Wanted) -> Picture:
    """Draw a row a task and budget, a panel a method: the pattern of one matrix of the model of the first seed."""
    check(wanted.records)
    lines = [(task, budget) for task in wanted.tasks for budget in wanted.budgets]
    places = [Place(task, method, budget) for task, budget in lines for method in wanted.methods]
    lacking = matrices.lacking(wanted, places)
    shown = {place: found for place in places if (found := [r for r in wanted.found(place) if r.key not in lacking])}
    rows: list[dict[str, Any]] = []
    with canvas.sheet():
        figure, panels = canvas.panels(len(lines), len(wanted.methods), width=3.4, height=3.5)
        for place, panel in zip(places, (panel for row in panels for panel in row), strict=True):
            panel.set_title(f"{wanted.label(place.method)}, {place.task}, {percent(place.kept)} kept", fontsize=9)
            panel.set_xticks([])
            panel.set_yticks([])
            if place in shown:
                rows.append(_panel(panel, place, shown[place], wanted))
            else:
                canvas.absent(panel, NO_RUN)
        caption = _caption(wanted, shown, rows)
        footnotes = tuple(wanted.absences(places, lacking))
        canvas.words(figure, (caption, *footnotes))
    return Picture("figure3", caption, footnotes, tuple(rows), figure)


def shades(pattern: npt.NDArray[np.bool_]) -> npt.NDArray[np.int8]:
    """KEPT, PRUNED or STRUCK for every weight `[out, in]`."""
    struck = ~pattern.any(axis=1, keepdims=True) | ~pattern.any(axis=0, keepdims=True)  # [out, in]
    return np.where(pattern, KEPT, np.where(struck, STRUCK, PRUNED)).astype(np.int8)


def _panel(panel: "Axes", place: Place, found: list[Record], wanted: Wanted) -> dict[str, Any]:
    """Draw the pattern of the first seed's model; gives what the panel says."""
    from matplotlib.colors import ListedColormap

    record = found[0]
    pattern = matrices.spectra(record, wanted.runs).pattern
    assert record.inspection is not None and pattern is not None  # noqa: S101, PT018  # `lacking` saw to it
    rows, columns = pattern.shape
    empty_rows, empty_columns = int((~pattern.any(axis=1)).sum()), int((~pattern.any(axis=0)).sum())
    panel.imshow(
        shades(pattern), cmap=ListedColormap(SHADES), vmin=0, vmax=2, aspect="equal", interpolation_stage="rgba"
    )
    panel.set_xlabel(f"input units (zero columns: {empty_columns} of {columns})")
    panel.set_ylabel(f"output units (zero rows: {empty_rows} of {rows})")
    return {
        "task": place.task,
        "method": place.method,
        "budget": percent(place.kept),
        "seed": record.seed,
        "matrix": record.inspection.pattern,
        "out": rows,
        "in": columns,
        "kept": float(pattern.mean()),
        "zero_rows": empty_rows,
        "zero_columns": empty_columns,
        "rank": record.inspection.matrices[record.inspection.pattern]["rank"],
    }


def _caption(wanted: Wanted, shown: dict[Place, list[Record]], rows: list[dict[str, Any]]) -> str:
    named = (
        " and ".join(dict.fromkeys(f"{row['matrix']} ({row['out']} x {row['in']})" for row in rows)) or "one matrix"
    )
    seeds = " and ".join(str(seed) for seed in sorted({row["seed"] for row in rows})) or "none"
    words = (
        f"Figure 3. Weights of {named} after pruning. {scene(wanted)} Dark: kept; white: pruned; light: in "
        f"a row or column without any weight left. One model a panel (n = 1), seed {seeds}. The matrix is the first "
        "square one of the middle layer, whatever it shows; the paper does not say which one it shows."
    )
    averages = [
        f"{wanted.label(place.method)} on {place.task} at {percent(place.kept)}: "
        + ", ".join(
            f"{mean([record.ranks[name] for record in found]):.1f} {text}"
            for name, text in (
                ("zero_rows", "zero rows"),
                ("zero_columns", "zero columns"),
                ("rank", "numerical rank"),
            )
        )
        for place, found in shown.items()
    ]
    if not averages:
        return words
    return f"{words} Averages over all encoder matrices, {count(map(len, shown.values()))}: {'; '.join(averages)}."
