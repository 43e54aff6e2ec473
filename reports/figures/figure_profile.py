"""Performance profiles: how many runs of a method keep more than a given share of the dense model's score."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reports.figures import canvas
from reports.figures.palette import line, style
from reports.figures.picture import NO_RUN, Picture, Wanted, count, scene
from reports.figures.scores import Scores, collected
from reports.statistics.aggregates import interquartile_mean, performance_profile
from reports.tables.consistency import check
from reports.tables.table import Defaults, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEFAULTS = Defaults(tasks=("rte", "mrpc", "sst2", "qqp", "qnli", "mnli"), budgets=(0.5, 0.25, 0.16), seeds=(1, 2, 3))
STEPS = 400  # thresholds


def draw(wanted: Wanted) -> Picture:
    """Draw a panel a budget, a curve a method."""
    check(wanted.records)
    found = [collected(wanted, budget, DEFAULTS.reference) for budget in wanted.budgets]
    shares = [scores.relative for scores in found if scores.relative is not None and scores.relative.size]
    low = min((float(one.min()) for one in shares), default=0.0)
    high = max((float(one.max()) for one in shares), default=1.0)
    margin = 0.04 * (high - low) or 0.01
    thresholds = np.linspace(low - margin, high + margin, STEPS)
    rows: list[dict[str, Any]] = []
    with canvas.sheet():
        figure, panels = canvas.panels(1, len(found), width=3.3, height=2.9)
        for scores, panel in zip(found, panels[0], strict=True):
            panel.set_title(f"{percent(scores.budget)} kept", fontsize=10)
            panel.set_xlabel("share of the dense model's score (%)")
            if scores.relative is None or not scores.methods:
                canvas.absent(panel, NO_RUN)
                continue
            rows += _panel(panel, wanted, scores, scores.relative, thresholds)
        panels[0][0].set_ylabel("runs above it (%)")
        canvas.legend(figure)
        caption, footnotes = _caption(wanted, found, rows), tuple(one for scores in found for one in scores.left_out)
        canvas.words(figure, (caption, *(f"Left out: {one}." for one in footnotes)))
    return Picture("profile", caption, footnotes, tuple(rows), figure)


def _panel(
    panel: "Axes",
    wanted: Wanted,
    scores: Scores,
    relative: "np.ndarray[Any, np.dtype[np.float64]]",
    thresholds: "np.ndarray[Any, np.dtype[np.float64]]",
) -> list[dict[str, Any]]:
    """The curves of one budget; `relative` (methods, seeds, tasks)."""
    rows = []
    for method, runs in zip(scores.methods, relative, strict=True):
        place = wanted.methods.index(method)
        above = performance_profile(runs, thresholds)
        panel.plot(100 * thresholds, 100 * above, color=style(place)[0], linestyle=line(place), linewidth=1.6,
                   drawstyle="steps-pre", label=wanted.label(method))  # fmt: skip
        rows.append(
            {
                "budget": percent(scores.budget),
                "method": method,
                "runs": runs.size,
                "n": len(scores.seeds),
                "interquartile_mean": interquartile_mean(runs),
                "least": float(runs.min()),
                "most": float(runs.max()),
            }
        )
    panel.set_xlim(100 * thresholds[0], 100 * thresholds[-1])
    panel.set_ylim(-3, 103)
    canvas.frame(panel)
    return rows


def _caption(wanted: Wanted, found: Sequence[Scores], rows: Sequence[dict[str, Any]]) -> str:
    tasks = dict.fromkeys(task for scores in found for task in scores.tasks)
    return (
        f"Performance profiles (Agarwal et al. 2021): the share of runs whose score is above a share of the dense "
        f"model's mean score on the same task. {scene(wanted)} Runs: {count(row['n'] for row in rows)} on "
        f"{', '.join(tasks) or 'no task'}, every task weighing the same. A curve above another everywhere is better "
        "everywhere; where they cross, neither is."
    )
