"""Which methods of a column cannot be told from its best: shared bold, and signs for those that can."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.records import Record
from reports.evidence import Evidence
from reports.statistics.bootstrap import METRICS
from reports.statistics.crossed import crossed
from reports.statistics.crossed_bootstrap import BOOTSTRAP_SEED, crossed_bootstrap
from reports.statistics.multiplicity import adjust
from reports.statistics.paired import paired_t
from reports.tables.consistency import one_a_seed
from reports.tables.remarks import BEST
from reports.tables.table import Entry, Table, percent

LEVELS = ((0.01, "‡"), (0.05, "†"))
ALPHA = 0.05
CROSSED = "the two-way test over seeds and examples"
BOOTSTRAP = "the paired bootstrap over seeds and examples"
PAIRED = "the paired t-test over seeds"

Where = tuple[str, float]  # task, budget
Rivals = Mapping[str, Sequence[Record]]  # method -> its measurements, one a seed


@dataclasses.dataclass(frozen=True)
class Answered:
    """What one method answered: `labels` [examples], `classes` [seeds, examples]."""

    labels: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Tested:
    """What came of one column: the best method, adjusted p of the others, and the test (with its reason)."""

    best: str
    p: Mapping[str, float]
    test: str
    reason: str = ""


def judged(table: Table, records: Sequence[Record], evidence: Evidence) -> Table:
    """The table with shared bold and signs of significance.

    In each column the best mean among the compressed models with the most seeds is compared with each of the
    others; p-values are adjusted by Holm for the methods of the column. What is not separable from the best at 0.05
    is bold with it. Where a test is impossible, bold is the best mean alone.
    """
    columns = {
        place: compared(rivals, evidence) for place, rivals in _rivals(table, records).items() if len(rivals) > 1
    }
    if not any(tested.p for tested in columns.values()):
        return table
    signed = table.changed(
        lambda row, group, column, entry: (
            entry
            if row.spans or column.budget is None
            else _signed(entry, row.method, columns.get((group.task, column.budget)))
        )
    )
    return dataclasses.replace(signed, legend=_legend(columns), footnotes=(*table.footnotes, *_fallen(columns)))


def compared(rivals: Rivals, evidence: Evidence) -> Tested:
    """Compare the method with the best mean with each other one.

    Args:
        rivals: at least 2 methods, whose seeds may differ.
        evidence: the stored predictions.
    """
    best = max(rivals, key=lambda method: (np.mean([record.value for record in rivals[method]]), method))
    seeds = sorted(set.intersection(*({record.seed for record in found} for found in rivals.values())))
    if len(seeds) < 2:
        return Tested(best, {}, "", "fewer than 2 seeds in common")
    paired = {method: [r for r in found if r.seed in seeds] for method, found in rivals.items()}
    others = [method for method in paired if method != best]
    metric = " and ".join(sorted({record.metric for found in paired.values() for record in found}))
    given, reason = _given(paired, evidence)
    values = {method: [record.value for record in found] for method, found in paired.items()}  # (seeds,)

    def tested(other: str) -> float:
        if not given:
            return paired_t(values[best], values[other]).p
        labels = given[best].labels
        first, second = given[best].classes, given[other].classes
        if metric == "accuracy":
            return crossed((first == labels).astype(np.float64) - (second == labels)).p
        return crossed_bootstrap(labels, first, second, METRICS[metric], BOOTSTRAP_SEED).p

    adjusted = adjust(
        [tested(other) for other in others], "the methods of one column, each against the best"
    ).adjusted
    test = PAIRED if not given else CROSSED if metric == "accuracy" else f"{BOOTSTRAP} ({metric})"
    return Tested(best, dict(zip(others, adjusted, strict=True)), test, reason)


def _rivals(table: Table, records: Sequence[Record]) -> dict[Where, dict[str, list[Record]]]:
    """The compressed models with the most seeds, a column."""
    entries: dict[Where, dict[str, int]] = {}
    for _, row, group, column, entry in table.placed():
        if not row.spans and column.budget is not None and entry.mean is not None:
            entries.setdefault((group.task, column.budget), {})[row.method] = entry.n
    found: dict[tuple[str, str, float], list[Record]] = {}
    for record in records:
        found.setdefault((record.method, record.task, record.budget), []).append(record)
    return {
        (task, budget): {
            method: one_a_seed(found[method, task, budget])
            for method, n in counts.items()
            if n == max(counts.values()) and (method, task, budget) in found
        }
        for (task, budget), counts in entries.items()
    }


def _given(rivals: Rivals, evidence: Evidence) -> tuple[dict[str, Answered], str]:
    """Method -> what it answered; nothing, and why, where no test over seeds and examples can be used."""
    answered: dict[str, Answered] = {}
    examples: set[str] = set()
    for method, found in rivals.items():
        rows = []
        for record in found:
            looked = evidence.classes(record)
            if isinstance(looked, str):
                return {}, looked
            examples.add(looked.examples)
            rows.append(looked)
        if len(examples) > 1:
            return {}, "predictions of different examples"
        answered[method] = Answered(rows[0].labels, np.stack([row.given for row in rows]))
    return answered, ""


def _signed(entry: Entry, method: str, tested: Tested | None) -> Entry:
    if tested is None or not tested.p or (method not in tested.p and method != tested.best):
        return entry
    p = tested.p.get(method)
    level = next((sign for limit, sign in LEVELS if p is not None and p <= limit), "")
    return dataclasses.replace(entry, best=entry.best or not level, p=p, level=level)


def _legend(columns: Mapping[Where, Tested]) -> str:
    by_test: dict[str, dict[str, list[float]]] = {}
    for (task, budget), tested in columns.items():
        if tested.test:
            by_test.setdefault(tested.test, {}).setdefault(task, []).append(budget)
    if len(by_test) == 1:
        named = f"Test: {next(iter(by_test))}"
    else:
        named = "Tests: " + "; ".join(f"{test}, of {_places(by_test, test)}" for test in sorted(by_test))
    signs = ", ".join(f"{sign} at {limit:g}" for limit, sign in reversed(LEVELS))
    return (
        f"{BEST.removesuffix('.')}, and what cannot be told from it at {ALPHA:g}. Worse than the best: {signs}. "
        f"{named}; p-values adjusted by Holm, the family being the methods of one column."
    )


def _places(by_test: Mapping[str, Mapping[str, Sequence[float]]], test: str) -> str:
    """The tasks of a test, with the budgets of those that have another test at other budgets."""
    others = {task for name, tasks in by_test.items() if name != test for task in tasks}
    return ", ".join(
        f"{task} at {' and '.join(map(percent, budgets))}" if task in others else task
        for task, budgets in by_test[test].items()
    )


def _fallen(columns: Mapping[Where, Tested]) -> list[tuple[str, str]]:
    """A sentence for each reason that columns were not tested over seeds and examples."""
    reasons: dict[tuple[str, str], dict[str, list[float]]] = {}
    for (task, budget), tested in columns.items():
        if tested.reason:
            reasons.setdefault((tested.test, tested.reason), {}).setdefault(task, []).append(budget)
    return [
        (
            "",
            f"{f'tested by {test}' if test else 'not tested'} ({reason}): "
            + "; ".join(f"{task} at {', '.join(map(percent, budgets))}" for task, budgets in places.items()),
        )
        for (test, reason), places in reasons.items()
    ]
