"""The task's metric against what a model costs (weights, multiply-accumulates, latency), with the Pareto front."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.records import Record
from methods.contract import Family
from reports import latency
from reports.figures import canvas
from reports.figures.palette import REFERENCE, style
from reports.figures.picture import NO_RUN, Picture, Place, Wanted, count, scene
from reports.statistics import mean, spread
from reports.tables.consistency import check
from reports.tables.remarks import CORRELATIONS
from reports.tables.table import Defaults, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEFAULTS = Defaults(tasks=("rte", "mrpc", "sst2", "qqp", "qnli", "mnli"), budgets=(0.5, 0.25, 0.16), seeds=(1, 2, 3))
MILLION = 1e6
Cost = tuple[str, str, Callable[[Sequence[Record]], float | None]]
# What a model costs: how the axis is called, and the value of a cell's records. Zeros that are stored cost too.
COSTS: tuple[Cost, ...] = (
    (
        "weights",
        "encoder weights that are not zero (M, log scale)",
        lambda found: mean([r.sizes.encoder_nonzero / MILLION for r in found]),
    ),
    (
        "stored",
        "encoder weights that are stored (M, log scale)",
        lambda found: mean([r.sizes.encoder_weights / MILLION for r in found]),
    ),
    (
        "macs",
        "multiply-accumulates an input (M, log scale)",
        lambda found: mean([r.sizes.macs / MILLION for r in found]),
    ),
)
LATENCY: Cost = (
    "latency",
    "milliseconds a forward pass, batch 1 (log scale)",
    lambda found: latency.middle(found, latency.SINGLE),
)

Point = dict[str, Any]


def draw(wanted: Wanted) -> Picture:
    """Draw a row a task, a panel a cost: a point a method and budget, and a line through what nothing beats."""
    check(wanted.records)
    tasks = [task for task in wanted.tasks if any(record.task == task for record in wanted.records)]
    rows: list[Point] = []
    costs = (*COSTS, LATENCY) if _timed(wanted) else COSTS
    with canvas.sheet():
        figure, panels = canvas.panels(max(1, len(tasks)), len(costs), width=3.4, height=2.7)
        for panel in panels[0] if not tasks else ():
            canvas.absent(panel, NO_RUN)
        for task, line in zip(tasks, panels, strict=False):
            points = _points(wanted, task, costs)
            rows += points
            for panel, (cost, name, _) in zip(line, costs, strict=True):
                having = [point for point in points if point[cost] is not None]
                if having:
                    _panel(panel, wanted, having, cost)
                else:
                    canvas.absent(panel, "not timed")
                panel.set_xlabel(name)
                panel.set_title(task, fontsize=10)
            line[0].set_ylabel(_metric(wanted, task))
        canvas.legend(figure)
        caption, footnotes = _caption(wanted, rows), tuple(wanted.absences(_places(wanted, tasks), {}))
        canvas.words(figure, (caption, *footnotes))
    return Picture("pareto", caption, footnotes, tuple(rows), figure)


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points (cost, value) that no other beats: none costs as much or less and has a higher value.

    Cheapest first; of equal costs the best, of equal values the cheapest.
    """
    best = float("-inf")
    found = []
    for cost, value in sorted(points, key=lambda point: (point[0], -point[1])):
        if value > best:
            best = value
            found.append((cost, value))
    return found


def _places(wanted: Wanted, tasks: Sequence[str]) -> list[Place]:
    named = ((DEFAULTS.reference, (1.0,)), *((name, wanted.budgets) for name in wanted.methods))
    return [Place(task, method, budget) for task in tasks for method, budgets in named for budget in budgets]


def _timed(wanted: Wanted) -> bool:
    """Whether there are latencies, all of one machine: others are not comparable, and not drawn."""
    return len({record.latency.place for record in wanted.records if record.latency}) == 1


def _points(wanted: Wanted, task: str, costs: Sequence[Cost]) -> list[Point]:
    """The measured cells of a task, the dense reference first."""
    points = []
    for place in _places(wanted, (task,)):
        found = wanted.found(place)
        if found:
            values = [100 * record.value for record in found]  # (seeds,)
            points.append(
                {
                    "task": task,
                    "method": place.method,
                    "budget": percent(place.kept),
                    "n": len(found),
                    "metric": mean(values),
                    "metric_sd": spread(values),
                    **{cost: of(found) for cost, _, of in costs},
                    "reference": Family(found[0].family) is Family.REFERENCE,
                }
            )
    return points


def _panel(panel: "Axes", wanted: Wanted, points: Sequence[Point], cost: str) -> None:
    best = front([(point[cost], point["metric"]) for point in points])
    panel.plot(*zip(*best, strict=True), color="0.6", linewidth=1.2, drawstyle="steps-post", zorder=1,
               label="Pareto front of the means")  # fmt: skip
    for method in dict.fromkeys(point["method"] for point in points):
        mine = [point for point in points if point["method"] == method]
        if mine[0]["reference"]:
            colour, marker = REFERENCE[:2]
        else:
            colour, marker = style(wanted.methods.index(method))
        panel.errorbar(
            [point[cost] for point in mine],
            [point["metric"] for point in mine],
            yerr=[point["metric_sd"] or 0.0 for point in mine],
            label=wanted.label(method),
            color=colour,
            marker=marker,
            linestyle="none",
            markersize=5.5,
            capsize=2.5,
            elinewidth=0.9,
        )
    panel.set_xscale("log")
    _ticks(panel, [point[cost] for point in points])
    canvas.frame(panel)


def _ticks(panel: "Axes", costs: Sequence[float]) -> None:
    """A few plain numbers on the logarithmic axis, which has room for no more."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = min(costs), max(costs)
    panel.set_xlim(low / 1.25, high * 1.25)
    panel.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())


def _metric(wanted: Wanted, task: str) -> str:
    name = next(record.metric for record in wanted.records if record.task == task)
    return f"{name.replace('_', ' ')} ({'x 100' if any(one in name for one in CORRELATIONS) else '%'})"


def _caption(wanted: Wanted, rows: Sequence[Point]) -> str:
    lengths = sorted({record.sizes.macs_length for record in wanted.records})
    of = f"of one input of {', '.join(map(str, lengths))} word pieces" if lengths else "of one input"
    return (
        f"Task metric against cost. {scene(wanted)} Points: mean over {count(point['n'] for point in rows)}; "
        "whiskers: ± sample standard deviation (n-1). Grey: what no other model beats in both, by the means; "
        "neighbours on it need not differ significantly. Weights: of the encoder's matrices, once without zeros and "
        f"once as stored (unstructured pruning stores its zeros). MACs: {of}; zeros are multiplied too. "
        f"{_latencies(wanted)}"
    )


def _latencies(wanted: Wanted) -> str:
    places = latency.said(wanted.records)
    if not places:
        return "These records hold no latency."
    if not _timed(wanted):
        return f"Latencies are of several machines, so they are not drawn: {places}."
    return f"Latency: mean over seeds of the median pass ({places}); models without one are missing in its panel."
