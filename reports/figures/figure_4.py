"""Figure 4 of the paper: how well the matrices of dense and pruned models are approximated at a given rank."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.records import Record
from reports.figures import canvas, matrices
from reports.figures.picture import NO_RUN, Picture, Place, Wanted, count, scene
from reports.statistics import mean, spread
from reports.tables.consistency import check
from reports.tables.table import Defaults, percent

# the paper: MRPC; of the kept share it says only that first-order pruning came to a rank of about 400, as at 10 %
DEFAULTS = Defaults(tasks=("mrpc",), budgets=(0.1,), seeds=(1, 2, 3), methods=("up-zero", "up-first"))
RANKS, WIDTH = (100, 80, 60, 40), 768  # the paper's k, for matrices whose smaller side is 768


def draw(wanted: Wanted) -> Picture:
    """Draw a row a task and budget: (a) the error and (b) the share of singular values, by rank, a line a model."""
    check(wanted.records)
    lines = [(task, budget) for task in wanted.tasks for budget in wanted.budgets]
    names = (DEFAULTS.reference, *wanted.methods)
    places = [Place(task, name, budget) for task, budget in lines for name in names]
    lacking = matrices.lacking(wanted, places)
    shown = {place: found for place in places if (found := [r for r in wanted.found(place) if r.key not in lacking])}
    width = _width(record for found in shown.values() for record in found)
    ks = ranks(width)
    rows: list[dict[str, Any]] = []
    with canvas.sheet():
        figure, panels = canvas.panels(len(lines), 2, width=3.6, height=2.6)
        for (task, budget), pair in zip(lines, panels, strict=True):
            for number, name in enumerate(names):
                place = Place(task, name, budget)
                points = _points(place, shown.get(place, []), wanted, ks)
                rows += points
                for panel, value in zip(pair, ("error", "share"), strict=True):
                    if points:
                        canvas.curve(
                            panel,
                            ks,
                            [point[value] for point in points],
                            [point[f"{value}_sd"] or 0.0 for point in points],
                            label=wanted.label(name),
                            place=number or None,
                        )
            missing = [wanted.label(name) for name in names if Place(task, name, budget) not in shown]
            for panel, letter in zip(pair, "ab", strict=True):
                panel.set_title(f"({letter}) {task}, pruned to {percent(budget)}", fontsize=9)
                panel.set_xlabel("rank k of the approximation")
                panel.set_xticks(ks)
                canvas.frame(panel)
                if missing:
                    everything = len(missing) == len(names)
                    canvas.absent(panel, NO_RUN if everything else f"{NO_RUN}: {', '.join(missing)}")
                    panel.tick_params(left=not everything, labelleft=not everything)
            pair[0].set_ylabel(r"$\|W - W_k\|_F$, mean over matrices")
            pair[1].set_ylabel("singular values in the first k (%)")
            pair[0].set_ylim(bottom=0)
            pair[1].set_ylim(0, 100)
        canvas.legend(figure)
        caption, footnotes = _caption(wanted, shown, width), tuple(wanted.absences(places, lacking))
        canvas.words(figure, (caption, *footnotes))
    return Picture("figure4", caption, footnotes, tuple(rows), figure)


def ranks(width: int) -> tuple[int, ...]:
    """The paper's ranks in proportion to the width (halves up), at least 1, each once, ascending."""
    return tuple(sorted({max(1, math.floor(k * width / WIDTH + 0.5)) for k in RANKS}))


def error(singular_values: npt.NDArray[np.floating[Any]], k: int) -> float:
    """The Frobenius norm of a matrix minus its best approximation of rank k, from all its singular values."""
    return float(np.sqrt(np.square(singular_values[k:].astype(np.float64)).sum()))


def share(singular_values: npt.NDArray[np.floating[Any]], k: int) -> float:
    """The first k singular values' share of their sum; 1 for a zero matrix."""
    values = singular_values.astype(np.float64)
    return float(values[:k].sum() / values.sum()) if values.any() else 1.0


def _width(records: Iterable[Record]) -> int:
    """The smallest side of the encoder matrices."""
    sides = [
        int(min(matrix["out"], matrix["in"]))
        for record in records
        if record.inspection
        for matrix in record.inspection.matrices.values()
    ]
    return min(sides, default=WIDTH)


def _points(place: Place, found: Sequence[Record], wanted: Wanted, ks: Sequence[int]) -> list[dict[str, Any]]:
    """The numbers of one line: means over matrices, then mean and standard deviation over seeds."""
    models = [list(matrices.spectra(record, wanted.runs).singular_values.values()) for record in found]
    points = []
    for k in ks if models else ():
        errors = [mean([error(values, k) for values in model]) for model in models]  # (seeds,)
        shares = [100 * mean([share(values, k) for values in model]) for model in models]  # (seeds,)
        points.append(
            {
                "task": place.task,
                "method": place.method,
                "budget": percent(place.kept),
                "k": k,
                "n": len(models),
                "matrices": len(models[0]),
                "error": mean(errors),
                "error_sd": spread(errors),
                "share": mean(shares),
                "share_sd": spread(shares),
            }
        )
    return points


def _caption(wanted: Wanted, shown: dict[Place, list[Record]], width: int) -> str:
    scaled = (
        f"k are the paper's {', '.join(map(str, RANKS))}."
        if width == WIDTH
        else f"k are the paper's {', '.join(map(str, RANKS))} for BERT-base, in proportion to the width ({width} / "
        f"{WIDTH}, rounded)."
    )
    return (
        "Figure 4. Approximation of the encoder matrices of dense and pruned models by truncated SVD: "
        "(a) reconstruction error in the Frobenius norm (unit: that of the weights), (b) the first k singular "
        f"values' share of their sum, in percent. {scene(wanted)} {scaled} Points: mean over the matrices, "
        f"then over {count(map(len, shown.values()))}; whiskers: ± sample standard deviation over seeds (n-1)."
    )
