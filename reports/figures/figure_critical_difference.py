"""Mean ranks over tasks with the critical difference: which methods differ across tasks (Demsar 2006)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reports.figures import canvas
from reports.figures.palette import style
from reports.figures.picture import Picture, Wanted, count, scene
from reports.figures.scores import Scores, collected
from reports.statistics.across_tasks import friedman, nemenyi, shared_ranks
from reports.tables.consistency import check
from reports.tables.table import Defaults, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEFAULTS = Defaults(tasks=("rte", "mrpc", "sst2", "qqp", "qnli", "mnli"), budgets=(0.5, 0.25, 0.16), seeds=(1, 2, 3))
ALPHA = 0.05
LINE = 0.22  # inches a method
TOO_FEW = "Needs 2 methods on 2 tasks"

Ranked = dict[str, Any]


def draw(wanted: Wanted) -> Picture:
    """Draw a panel a budget: methods at their mean ranks, bars over those that cannot be told apart."""
    check(wanted.records)
    found = [collected(wanted, budget, DEFAULTS.reference) for budget in wanted.budgets]
    rows: list[Ranked] = []
    most = max((len(scores.methods) for scores in found), default=0)
    with canvas.sheet():
        figure, panels = canvas.panels(len(found), 1, width=6.5, height=0.9 + LINE * max(2, most))
        for scores, (panel,) in zip(found, panels, strict=True):
            panel.set_title(f"{percent(scores.budget)} kept", fontsize=10, loc="left")
            if len(scores.methods) < 2 or len(scores.tasks) < 2:
                canvas.absent(panel, TOO_FEW)
                panel.set_xticks([])
                panel.set_yticks([])
            else:
                rows += _panel(panel, wanted, scores)
        caption = _caption(wanted, found, rows)
        footnotes = tuple(f"Left out: {one}." for scores in found for one in scores.left_out)
        canvas.words(figure, (caption, *footnotes))
    return Picture("critical-difference", caption, footnotes, tuple(rows), figure)


def cliques(ranks: Sequence[float], separated: "np.ndarray[Any, np.dtype[np.bool_]]") -> list[tuple[int, int]]:
    """The longest runs of neighbours of which no two are separated, as (first, last) places.

    Args:
        ranks: (methods,) mean ranks in ascending order.
        separated: (methods, methods), true where two methods differ.
    """
    runs: list[tuple[int, int]] = []
    for first in range(len(ranks)):
        last = first
        while last + 1 < len(ranks) and not separated[first, last + 1]:
            last += 1
        if last > first and not any(start <= first and last <= end for start, end in runs):
            runs.append((first, last))
    return runs


def _panel(panel: "Axes", wanted: Wanted, scores: Scores) -> list[Ranked]:
    tested = friedman(scores.values.mean(axis=1).T)  # (tasks, methods)
    order = np.argsort(tested.mean_ranks, kind="stable")
    ranks = tested.mean_ranks[order]
    pairs = nemenyi(ranks, len(scores.tasks), ALPHA)
    shared = shared_ranks(-ranks, pairs.separated)
    for place, method in enumerate(order):
        name = scores.methods[method]
        colour, marker = style(wanted.methods.index(name))
        panel.plot(ranks[place], place, color=colour, marker=marker, markersize=6)
        left = place < len(order) / 2
        panel.annotate(
            f"{wanted.label(name)}  ({ranks[place]:.2f}, rank {shared[place]})",
            (ranks[place], place),
            xytext=(9 if left else -9, 0),
            textcoords="offset points",
            va="center",
            ha="left" if left else "right",
            fontsize=8,
            bbox=canvas.PAPER,
        )
    bars = cliques(ranks.tolist(), pairs.separated)
    for place, (first, last) in enumerate(bars):
        level = len(order) + 0.1 + 0.5 * place
        panel.plot([ranks[first] - 0.03, ranks[last] + 0.03], [level, level], color="0.25", linewidth=3)
    panel.plot([1, 1 + pairs.critical_difference], [-1.1, -1.1], color="black", marker="|", linewidth=1)
    panel.annotate(f"CD = {pairs.critical_difference:.2f}", (1, -1.1), xytext=(0, 4), textcoords="offset points",
                   fontsize=7)  # fmt: skip
    panel.set_ylim(len(order) + 0.3 + 0.5 * len(bars), -1.9)
    panel.set_xlim(0.8, max(len(order), 1 + pairs.critical_difference) + 0.2)
    panel.set_yticks([])
    panel.set_xlabel(f"mean rank over {len(scores.tasks)} tasks (1 is best); Friedman p = {tested.F_p:.2g}")
    panel.grid(visible=True, axis="x", color="0.9", linewidth=0.6)
    panel.set_axisbelow(True)
    return [
        {
            "budget": percent(scores.budget),
            "method": scores.methods[method],
            "mean_rank": float(ranks[place]),
            "shared_rank": shared[place],
            "tasks": len(scores.tasks),
            "n": len(scores.seeds),
            "critical_difference": pairs.critical_difference,
            "friedman_p": tested.F_p,
        }
        for place, method in enumerate(order)
    ]


def _caption(wanted: Wanted, found: Sequence[Scores], rows: Sequence[Ranked]) -> str:
    tasks = dict.fromkeys(task for scores in found for task in scores.tasks)
    few = " With fewer than 10 tasks the test is rough." if 0 < len(tasks) < 10 else ""
    if not rows:
        return f"Mean ranks of the methods over tasks ({', '.join(tasks) or 'none'}). {scene(wanted)} {TOO_FEW}."
    return (
        f"Mean ranks of the methods over tasks ({', '.join(tasks)}), one score a task: the mean over "
        f"{count(row['n'] for row in rows)}. {scene(wanted)} Bars join methods that the Nemenyi test cannot tell "
        f"apart at {ALPHA:g}: their mean ranks differ by less than the critical difference (CD). Friedman's test in "
        f"the form of Iman and Davenport. Rank: 1 and as many as are better and can be told apart.{few}"
    )
