"""Two methods measured with the same seeds, and the test that suits what was measured."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.records import Record
from reports import answers
from reports.answers import Answers
from reports.named import is_dense
from reports.statistics import mean
from reports.statistics.bootstrap import METRICS, accuracy
from reports.statistics.crossed import Crossed, crossed
from reports.statistics.crossed_bootstrap import BOOTSTRAP_SEED, CrossedBootstrap, crossed_bootstrap
from reports.statistics.paired import PairedT, paired_t
from reports.tables.consistency import one_a_seed

POINTS = 100.0  # a fraction in percentage points
CLOSE = 1e-6  # points; rounding of a mean


@dataclasses.dataclass(frozen=True)
class Pair:
    """The records of two methods on one task at one budget, one a shared seed, in the order of the seeds."""

    task: str
    budget: float
    first: tuple[Record, ...]
    second: tuple[Record, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The shared seeds."""
        return tuple(record.seed for record in self.first)

    @property
    def values(self) -> tuple[list[float], list[float]]:
        """The table's values of both, (seeds,) in points."""
        return [POINTS * one.value for one in self.first], [POINTS * one.value for one in self.second]


@dataclasses.dataclass(frozen=True)
class Tested:
    """A difference (first minus second, in points) by the best test there is for it."""

    test: str  # its name in words
    difference: float
    low: float
    high: float
    p: float
    detail: Crossed | CrossedBootstrap | PairedT
    why: str = ""  # why it is not the test over seeds and examples


def pairs(first: Iterable[Record], second: Iterable[Record]) -> list[Pair]:
    """Every task and budget at which both methods were measured with a common seed; budgets from the largest.

    The dense reference has no budget and is paired with every budget of the other method.
    """
    a, b = _by_place(first), _by_place(second)
    places = [(task, budget) for task, budget in a if (task, budget) in b]
    places += [(task, other) for task, budget in a if budget is None for name, other in b if name == task]
    places += [(task, other) for task, budget in b if budget is None for name, other in a if name == task]
    found = []
    for task, budget in sorted(set(places), key=lambda place: (place[0], -(place[1] or 1.0))):
        ours, theirs = (
            {record.seed: record for record in one_a_seed(every.get((task, budget)) or every.get((task, None)) or ())}
            for every in (a, b)
        )
        seeds = sorted(set(ours) & set(theirs))
        if seeds:
            found.append(Pair(task, budget or 1.0, tuple(ours[s] for s in seeds), tuple(theirs[s] for s in seeds)))
    return found


def both(pair: Pair, folder: Path) -> tuple[Answers, Answers] | str:
    """The predictions of both methods on the same examples, or the reason why they cannot be compared."""
    first, second = answers.of_classes(pair.first, folder), answers.of_classes(pair.second, folder)
    if isinstance(first, str):
        return first
    if isinstance(second, str):
        return second
    if not first.same_examples(second):
        return "the two methods were measured on different examples"
    return first, second


def inference(pair: Pair, given: tuple[Answers, Answers] | str) -> Tested | None:
    """Seeds x examples for metrics of classes with predictions (F1 and Matthews by the bootstrap), else paired t.

    None with a single seed.
    """
    if len(pair.seeds) < 2:
        return None
    metric = METRICS.get(pair.first[0].metric)
    if isinstance(given, str):
        why = given
    elif metric is None:
        why = f"{pair.first[0].metric} is no metric of classes"
    elif metric is accuracy:
        first, second = given
        one = crossed(POINTS * np.subtract(first.correct, second.correct, dtype=np.float64))
        return Tested("seeds x examples", one.difference, one.low, one.high, one.p, one)
    else:
        first, second = given
        again = crossed_bootstrap(first.labels, first.classes, second.classes, metric, BOOTSTRAP_SEED)
        a, b = pair.values
        if abs(POINTS * again.difference - (mean(a) - mean(b))) < CLOSE:
            low, high = POINTS * again.low, POINTS * again.high
            return Tested("bootstrap over seeds x examples", POINTS * again.difference, low, high, again.p, again)
        why = "the predictions do not give the recorded values"
    t = paired_t(*pair.values)
    return Tested("paired t over seeds", t.difference, t.low, t.high, t.p, t, why)


def _by_place(records: Iterable[Record]) -> dict[tuple[str, float | None], list[Record]]:
    """The records by task and budget; None is the budget of the dense reference."""
    found: dict[tuple[str, float | None], list[Record]] = {}
    for record in records:
        found.setdefault((record.task, None if is_dense(record) else record.budget), []).append(record)
    return found


def seeds_of(records: Sequence[Record]) -> str:
    """'seeds 1, 2, 3'."""
    seeds = sorted({record.seed for record in records})
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
