"""Figure 2 of the paper: task metric and average rank against the share of the weights that is kept."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.records import Record
from methods.contract import Family
from methods.ops.rank import TOLERANCE
from reports.figures import canvas
from reports.figures.picture import NO_RUN, Picture, Place, Wanted, count, scene
from reports.statistics import mean, spread
from reports.tables.consistency import check
from reports.tables.remarks import CORRELATIONS, kept
from reports.tables.table import Defaults, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEFAULTS = Defaults(
    tasks=("rte", "mrpc"),
    budgets=(0.75, 0.5, 0.25, 0.1),
    seeds=(1, 2, 3),
    methods=("svd-ft", "up-zero", "up-first"),
)
ASIDE = 0.012  # factor by which neighbouring lines are moved aside, so that whiskers do not cover each other


def draw(wanted: Wanted) -> Picture:
    """Draw a column a task: the metric above, the rank below, a line a method, dashed the dense model."""
    check(wanted.records)
    with canvas.sheet():
        figure, panels = canvas.panels(2, len(wanted.tasks), width=3.5 if len(wanted.tasks) > 1 else 5.0, height=2.4)
        for task, upper, lower in zip(wanted.tasks, *panels, strict=True):
            _panel(upper, wanted, task, lambda record: 100 * record.value)
            _panel(lower, wanted, task, lambda record: record.ranks["rank"])
            upper.set_title(task, fontsize=10)
            upper.set_ylabel(_metric(wanted, task))
            lower.set_ylabel("average numerical rank")
            lower.set_xlabel("encoder matrix weights kept (%, log scale)")
            lower.set_ylim(bottom=0)
        canvas.legend(figure)
        caption, footnotes = _caption(wanted), tuple(wanted.absences(_places(wanted), {}))
        canvas.words(figure, (caption, *footnotes))
    return Picture("figure2", caption, footnotes, tuple(_rows(wanted)), figure)


def _places(wanted: Wanted) -> list[Place]:
    return [
        Place(task, method, budget)
        for task in wanted.tasks
        for method, budgets in ((DEFAULTS.reference, (1.0,)), *((name, wanted.budgets) for name in wanted.methods))
        for budget in budgets
    ]


def _panel(panel: "Axes", wanted: Wanted, task: str, value: Callable[[Record], float]) -> None:
    """The lines of one task and one quantity; what is missing is named at the foot of its column."""
    dense = wanted.found(Place(task, DEFAULTS.reference, 1.0))
    if dense:
        canvas.reference(panel, mean([value(record) for record in dense]), wanted.label(DEFAULTS.reference))
    missing: dict[float, list[str]] = {}
    for place, method in enumerate(wanted.methods):
        points = []
        for budget in wanted.budgets:
            found = wanted.found(Place(task, method, budget))
            if found:
                values = [value(record) for record in found]  # (seeds,)
                share = 100 * mean([kept(record) for record in found])
                aside = 1 + ASIDE * (place - (len(wanted.methods) - 1) / 2)
                points.append((share * aside, mean(values), spread(values) or 0.0))
            else:
                missing.setdefault(budget, []).append(wanted.label(method))
                points.append((100 * budget, math.nan, 0.0))
        if any(math.isfinite(level) for _, level, _ in points):
            across, level, whiskers = zip(*points, strict=True)
            canvas.curve(panel, across, level, whiskers, wanted.label(method), place)
    panel.set_xscale("log")
    panel.set_xlim(100 * min(wanted.budgets) / 1.2, 100 * max(wanted.budgets) * 1.2)
    panel.set_xticks(
        [100 * budget for budget in wanted.budgets], [f"{100 * budget:.4g}" for budget in wanted.budgets]
    )
    panel.set_xticks([], minor=True)
    canvas.frame(panel)
    if not dense and all(len(missing.get(budget, ())) == len(wanted.methods) for budget in wanted.budgets):
        canvas.absent(panel, NO_RUN)
        panel.set_yticks([])
        return
    for budget, names in missing.items():
        canvas.absent(panel, f"{NO_RUN}: {', '.join(names)}", 100 * budget)


def _metric(wanted: Wanted, task: str) -> str:
    """The metric with its unit."""
    names = {record.metric for record in wanted.records if record.task == task}
    name = names.pop() if names else "task metric"
    return f"{name.replace('_', ' ')} ({'x 100' if any(one in name for one in CORRELATIONS) else '%'})"


def _caption(wanted: Wanted) -> str:
    places = _places(wanted)
    found = [records for place in places if (records := wanted.found(place))]
    splits = sorted({f"{record.split} of {record.task}" for record in wanted.records})
    matrices = {len(record.inspection.matrices) for record in wanted.records if record.inspection}
    over = f"the {matrices.pop()}" if len(matrices) == 1 else "all"
    unseen = any(r.inspection is None and Family(r.family) is Family.FACTORIZATION for r in wanted.records)
    factorized = "k (it was not measured)" if unseen else "that of the product of its factors"
    measured = f" Measured on {', '.join(splits)}." if splits else ""
    return (
        "Figure 2. Task metric (top) and average rank of the encoder matrices (bottom) by the share of the encoder's "
        f"matrix weights that is kept. {scene(wanted)}{measured} Points: mean over "
        f"{count(len(one) for one in found)}; whiskers: ± sample standard deviation (n-1). Dashed: the dense "
        f"fine-tuned model. Rank: singular values above {TOLERANCE}, mean over {over} encoder matrices; of a "
        f"factorized matrix: {factorized}. Lines are moved sideways a little, so that whiskers stay apart."
    )


def _rows(wanted: Wanted) -> list[dict[str, Any]]:
    """The numbers of every point."""
    rows = []
    for place in _places(wanted):
        found = wanted.found(place)
        values, ranks = [100 * record.value for record in found], [record.ranks["rank"] for record in found]
        rows.append(
            {
                "task": place.task,
                "method": place.method,
                "budget": percent(place.kept),
                "n": len(found),
                "kept": mean([kept(record) for record in found]) if found else None,
                "metric": mean(values) if found else None,
                "metric_sd": spread(values),
                "rank": mean(ranks) if found else None,
                "rank_sd": spread(ranks),
            }
        )
    return rows
