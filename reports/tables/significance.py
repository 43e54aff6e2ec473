"""Which methods of a column cannot be told from its best: shared bold, and signs for those that can."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.records import Record
from reports.evidence import Evidence
from reports.statistics.arrays import Floats
from reports.statistics.crossed import crossed
from reports.statistics.multiplicity import adjust
from reports.statistics.paired import paired_t
from reports.tables.consistency import one_a_seed
from reports.tables.remarks import BEST
from reports.tables.table import Entry, Table, percent

LEVELS = ((0.01, "‡"), (0.05, "†"))
ALPHA = 0.05
CROSSED = "the two-way test over seeds and examples"
PAIRED = "the paired t-test over seeds"

Where = tuple[str, float]  # task, budget
Rivals = Mapping[str, Sequence[Record]]  # method -> its measurements, one a seed


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
    right, reason = _right(paired, evidence)
    if right:
        p = [crossed(right[best] - right[other]).p for other in others]
    else:
        values = {method: [record.value for record in found] for method, found in paired.items()}  # (seeds,)
        p = [paired_t(values[best], values[other]).p for other in others]
    adjusted = adjust(p, "the methods of one column, each against the best").adjusted
    return Tested(best, dict(zip(others, adjusted, strict=True)), CROSSED if right else PAIRED, reason)


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


def _right(rivals: Rivals, evidence: Evidence) -> tuple[dict[str, Floats], str]:
    """Method -> correctness (seeds, examples); nothing, and why, where the two-way test cannot be used."""
    metrics = sorted({record.metric for found in rivals.values() for record in found})
    if metrics != ["accuracy"]:
        return {}, f"{', '.join(metrics)} is no mean over examples"
    right: dict[str, Floats] = {}
    examples: set[str] = set()
    for method, found in rivals.items():
        rows = []
        for record in found:
            looked = evidence.right(record)
            if isinstance(looked, str):
                return {}, looked
            examples.add(looked[0])
            rows.append(looked[1])
        if len(examples) > 1:
            return {}, "predictions of different examples"
        right[method] = np.asarray(rows, dtype=np.float64)
    return right, ""


def _signed(entry: Entry, method: str, tested: Tested | None) -> Entry:
    if tested is None or not tested.p or (method not in tested.p and method != tested.best):
        return entry
    p = tested.p.get(method)
    level = next((sign for limit, sign in LEVELS if p is not None and p <= limit), "")
    return dataclasses.replace(entry, best=entry.best or not level, p=p, level=level)


def _legend(columns: Mapping[Where, Tested]) -> str:
    tests = sorted({tested.test for tested in columns.values() if tested.test})
    named = tests[0] if len(tests) == 1 else f"{CROSSED}; {PAIRED} where a note says so"
    signs = ", ".join(f"{sign} at {limit:g}" for limit, sign in reversed(LEVELS))
    return (
        f"{BEST.removesuffix('.')}, and what cannot be told from it at {ALPHA:g}. Worse than the best: {signs}. "
        f"Test: {named}; p-values adjusted by Holm, the family being the methods of one column."
    )


def _fallen(columns: Mapping[Where, Tested]) -> list[tuple[str, str]]:
    """A sentence for each reason that columns were not tested by the two-way test."""
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
