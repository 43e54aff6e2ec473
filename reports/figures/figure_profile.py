"""Performance profiles: how many runs of a method keep more than a given share of the dense model's score."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reports.figures import canvas
from reports.figures.palette import line, style
from reports.figures.picture import NO_RUN, Picture, Wanted, count, scene
from reports.figures.scores import Scores, collected
from reports.statistics.aggregates import (
    Interval,
    interquartile_mean,
    interquartile_mean_interval,
    performance_profile,
    probability_of_improvement_interval,
)
from reports.statistics.arrays import Floats
from reports.tables.consistency import check
from reports.tables.table import Defaults, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEFAULTS = Defaults(tasks=("rte", "mrpc", "sst2", "qqp", "qnli", "mnli"), budgets=(0.5, 0.25, 0.16), seeds=(1, 2, 3))
STEPS = 400  # thresholds
SEED = 0  # of the bootstrap


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
        caption = _caption(wanted, found, rows)
        left_out = (f"Left out: {one}." for scores in found for one in scores.left_out)
        footnotes = (*(said for scores in found for said in _best(wanted, scores, rows)), *left_out)
        canvas.words(figure, (caption, *footnotes))
    return Picture("profile", caption, footnotes, tuple(rows), figure)


def _panel(
    panel: "Axes",
    wanted: Wanted,
    scores: Scores,
    relative: Floats,
    thresholds: Floats,
) -> list[dict[str, Any]]:
    """The curves of one budget; `relative` (methods, seeds, tasks)."""
    rows = []
    for method, runs in zip(scores.methods, relative, strict=True):
        place = wanted.methods.index(method)
        above = performance_profile(runs, thresholds)
        middle = _middle(runs)
        panel.plot(100 * thresholds, 100 * above, color=style(place)[0], linestyle=line(place), linewidth=1.6,
                   drawstyle="steps-pre", label=wanted.label(method))  # fmt: skip
        rows.append(
            {
                "budget": percent(scores.budget),
                "method": method,
                "runs": runs.size,
                "n": len(scores.seeds),
                "interquartile_mean": middle.estimate,
                "interquartile_mean_low": middle.low,
                "interquartile_mean_high": middle.high,
                "least": float(runs.min()),
                "most": float(runs.max()),
            }
        )
    panel.set_xlim(100 * thresholds[0], 100 * thresholds[-1])
    panel.set_ylim(-3, 103)
    canvas.frame(panel)
    return rows


def _middle(runs: Floats) -> Interval:
    """The interquartile mean of (seeds, tasks); with one seed there is nothing to draw from."""
    if len(runs) < 2:
        alone = interquartile_mean(runs)
        return Interval(alone, alone, alone)
    return interquartile_mean_interval(runs, SEED)


def _best(wanted: Wanted, scores: Scores, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The method with the highest interquartile mean, and how often it beats the next."""
    mine = [row for row in rows if row["budget"] == percent(scores.budget)]
    if scores.relative is None or len(mine) < 2 or len(scores.seeds) < 2:
        return
    runs = dict(zip(scores.methods, scores.relative, strict=True))  # method -> (seeds, tasks)
    best, second = sorted(mine, key=lambda row: -row["interquartile_mean"])[:2]
    beats = probability_of_improvement_interval(runs[best["method"]], runs[second["method"]], SEED)
    yield (
        f"{percent(scores.budget)} kept: the highest interquartile mean is {_shown(wanted, best)}, the next "
        f"{_shown(wanted, second)}; a run of the first beats one of the next with probability {beats.estimate:.2f} "
        f"({beats.low:.2f} to {beats.high:.2f})."
    )


def _shown(wanted: Wanted, row: dict[str, Any]) -> str:
    middle, low, high = (100 * row[f"interquartile_mean{end}"] for end in ("", "_low", "_high"))
    return f"{wanted.label(row['method'])}'s {middle:.1f} % ({low:.1f} to {high:.1f})"


def _caption(wanted: Wanted, found: Sequence[Scores], rows: Sequence[dict[str, Any]]) -> str:
    tasks = dict.fromkeys(task for scores in found for task in scores.tasks)
    return (
        f"Performance profiles (Agarwal et al. 2021): the share of runs whose score is above a share of the dense "
        f"model's mean score on the same task. {scene(wanted)} Runs: {count(row['n'] for row in rows)} on "
        f"{', '.join(tasks) or 'no task'}, every task weighing the same. A curve above another everywhere is better "
        "everywhere; where they cross, neither is. In parentheses: 95 % intervals of a bootstrap that draws the "
        "seeds anew within each task, too narrow with few seeds and tasks."
    )
