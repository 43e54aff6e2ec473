"""Predicates: what a claim says, as a function of records of one backbone and one protocol.

A predicate takes the evidence and its own parameters and gives a verdict with the numbers it rests on. What is not
measured is 'not testable', what the numbers cannot decide 'inconclusive'. New ones are added to `PREDICATES`.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.records import Record
from reports.answers import Answers
from reports.named import is_dense, is_named
from reports.pairs import POINTS, Pair, both, inference, pairs
from reports.replication import Verdict
from reports.statistics import mean
from reports.statistics.arrays import Floats
from reports.statistics.crossed import Crossed, crossed
from reports.statistics.multiplicity import adjust
from reports.statistics.paired import PairedT, paired_t

ALPHA = 0.05


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What a predicate may look at: records of one backbone and protocol, and the folder of their predictions."""

    records: tuple[Record, ...]
    folder: Path

    def of(self, method: str) -> list[Record]:
        """The records of a method."""
        return [record for record in self.records if is_named(record, method)]

    def dense(self) -> list[Record]:
        """The records of the reference."""
        return [record for record in self.records if is_dense(record)]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A verdict and the numbers behind it, a sentence each."""

    verdict: Verdict
    evidence: tuple[str, ...]


Predicate = Callable[..., Outcome]


def better(seen: Evidence, first: Sequence[str], second: Sequence[str], budgets: Sequence[float]) -> Outcome:
    """Every method of `first` beats every one of `second` at those of these budgets, and on those tasks, there are.

    Replicated if each difference is above 0 after Holm's adjustment over all of them; contradicted if one is below;
    inconclusive where two of the methods were never compared.
    """
    tested, absent = [], []
    for one, other in ((one, other) for one in first for other in second):
        found = [
            (f"{one} - {other}, {pair.task}, {100 * pair.budget:g} %", result)
            for pair in pairs(seen.of(one), seen.of(other))
            if pair.budget in budgets and (result := inference(pair, both(pair, seen.folder))) is not None
        ]
        tested += found
        absent += [] if found else [f"not measured: {one} - {other}"]
    if not tested:
        return _missing([*first, *second], budgets)
    p = adjust([found.p for _, found in tested], "all comparisons of the claim", "holm").adjusted
    lines = [
        f"{place}: {found.difference:+.2f} points ({found.low:+.2f} to {found.high:+.2f}), Holm p = {adjusted:.3f}"
        for (place, found), adjusted in zip(tested, p, strict=True)
    ]
    signs = [_sign(found.difference, adjusted) for (_, found), adjusted in zip(tested, p, strict=True)]
    return Outcome(_of_signs([*signs, *(0 for _ in absent)]), (*lines, *absent))


def retains(seen: Evidence, methods: Sequence[str], share: float, budgets: Sequence[float]) -> Outcome:
    """Every method keeps at least this share of the dense model's value, on the mean of the tasks at each budget.

    The share of a seed is its mean value over tasks by the dense model's with the same seed; the interval is
    Student's over seeds. Replicated if it lies above the share, contradicted if it lies below, inconclusive where a
    method was not measured.
    """
    signs, lines = [], []
    for method in methods:
        for budget in budgets:
            found = [pair for pair in pairs(seen.of(method), seen.dense()) if pair.budget == budget]
            seeds = sorted(set.intersection(*(set(pair.seeds) for pair in found))) if found else []
            if len(seeds) < 2:
                continue
            kept, whole = (_mean_over_tasks(found, seeds, at) for at in (0, 1))
            if (whole <= 0).any():  # a correlation may be 0, and is no measure then
                signs.append(0)
                lines.append(f"{method}, {100 * budget:g} %: the dense model's value is 0 for a seed, no share of it")
                continue
            one = paired_t(kept / whole, np.full(len(seeds), share))
            signs.append(1 if one.low >= 0 else -1 if one.high < 0 else 0)
            lines.append(
                f"{method}, {100 * budget:g} %, {', '.join(pair.task for pair in found)}: keeps "
                f"{100 * float(np.mean(kept / whole)):.1f} % ({100 * (share + one.low):.1f} to "
                f"{100 * (share + one.high):.1f}), claimed {100 * share:g} %"
            )
    absent = [method for method in methods if not any(line.startswith(f"{method}, ") for line in lines)]
    if not lines:
        return _missing(methods, budgets)
    return Outcome(
        _of_signs([*signs, *(0 for _ in absent)]), (*lines, *(f"not measured: {method}" for method in absent))
    )


def rank_falls(seen: Evidence, method: str) -> Outcome:
    """The average rank of the method's matrices falls from each budget to the next smaller one.

    Replicated if it does for every task and seed, contradicted if for one task the smallest budget has no smaller
    mean rank than the largest.
    """
    signs, lines = [], []
    for task, by_budget in _ranks(seen.of(method)).items():
        budgets = sorted(by_budget, reverse=True)
        if len(budgets) < 2:
            continue
        seeds = set.intersection(*(set(by_budget[budget]) for budget in budgets))
        falls = all(
            by_budget[more][seed] > by_budget[less][seed] for seed in seeds for more, less in pairwise(budgets)
        )
        means = [mean(list(by_budget[budget].values())) for budget in budgets]
        signs.append(1 if falls and seeds else -1 if means[-1] >= means[0] else 0)
        lines.append(f"{method}, {task}: average rank {_series(budgets, means)}")
    return Outcome(_of_signs(signs), tuple(lines)) if lines else _missing([method], ())


def rank_stays(seen: Evidence, method: str, share: float) -> Outcome:
    """At the smallest budget the average rank is still this share of the dense model's.

    Replicated if it is for every task and seed, contradicted if for one task it is for no seed.
    """
    signs, lines = [], []
    dense = _ranks(seen.dense())
    for task, by_budget in _ranks(seen.of(method)).items():
        if task not in dense:
            continue
        whole = mean([rank for seeds in dense[task].values() for rank in seeds.values()])
        smallest = min(by_budget)
        kept = [rank / whole for rank in by_budget[smallest].values()]
        enough = [one >= share for one in kept]
        signs.append(1 if all(enough) else 0 if any(enough) else -1)
        lines.append(
            f"{method}, {task}, {100 * smallest:g} %: average rank {100 * mean(kept):.1f} % of the dense model's "
            f"{whole:.0f}, claimed {100 * share:g} %"
        )
    return Outcome(_of_signs(signs), tuple(lines)) if lines else _missing([method, "the dense model"], ())


def gains_with_budget(seen: Evidence, first: str, second: str, large: float, small: float) -> Outcome:
    """First minus second is larger at the large budget than at the small one, on every task.

    The contrast of both differences is tested like any difference (seeds x examples where there are predictions).
    Replicated if it is above 0 on every task after Holm's adjustment, contradicted if it is below on one.
    """
    tested: list[tuple[str, Crossed | PairedT]] = []
    by_place = {(pair.task, pair.budget): pair for pair in pairs(seen.of(first), seen.of(second))}
    for task in sorted({task for task, _ in by_place}):
        here = by_place.get((task, large)), by_place.get((task, small))
        if here[0] is not None and here[1] is not None and here[0].seeds == here[1].seeds and len(here[0].seeds) > 1:
            tested.append((task, _contrast(here[0], here[1], seen.folder)))
    if not tested:
        return _missing([first, second], (large, small))
    p = adjust([found.p for _, found in tested], "all tasks of the claim", "holm").adjusted
    lines = tuple(
        f"{first} - {second}, {task}, at {100 * large:g} % less at {100 * small:g} %: {found.difference:+.2f} points "
        f"({found.low:+.2f} to {found.high:+.2f}), Holm p = {adjusted:.3f}"
        for (task, found), adjusted in zip(tested, p, strict=True)
    )
    signs = [_sign(found.difference, adjusted) for (_, found), adjusted in zip(tested, p, strict=True)]
    return Outcome(_of_signs(signs), lines)


PREDICATES: Mapping[str, Predicate] = {
    one.__name__: one for one in (better, retains, rank_falls, rank_stays, gains_with_budget)
}


def _sign(difference: float, p: float) -> int:
    return (difference > 0) - (difference < 0) if p <= ALPHA else 0


def _of_signs(signs: Iterable[int]) -> Verdict:
    """1: the numbers are for it, -1: against it, 0: they cannot tell."""
    found = set(signs)
    if -1 in found:
        return "contradicted"
    return "replicated" if found == {1} else "inconclusive"


def _missing(methods: Sequence[str], budgets: Sequence[float]) -> Outcome:
    at = f" at {', '.join(f'{100 * one:g} %' for one in budgets)}" if budgets else ""
    names = ", ".join(dict.fromkeys(methods))
    return Outcome("not testable", (f"too few seeds or budgets of {names}{at} in these records",))


def _mean_over_tasks(found: Sequence[Pair], seeds: Sequence[int], at: int) -> Floats:
    """Values of the first (0) or second (1) method, mean over tasks: (seeds,)."""
    rows = [[pair.values[at][pair.seeds.index(seed)] for seed in seeds] for pair in found]
    return np.asarray(np.mean(rows, axis=0), dtype=np.float64)


def _ranks(records: Iterable[Record]) -> dict[str, dict[float, dict[int, float]]]:
    """Task -> budget -> seed -> average rank."""
    found: dict[str, dict[float, dict[int, float]]] = {}
    for record in records:
        if "rank" in record.ranks:
            found.setdefault(record.task, {}).setdefault(record.budget, {})[record.seed] = record.ranks["rank"]
    return found


def _series(budgets: Sequence[float], values: Sequence[float]) -> str:
    return ", ".join(f"{value:.0f} at {100 * budget:g} %" for budget, value in zip(budgets, values, strict=True))


def _contrast(large: Pair, small: Pair, folder: Path) -> Crossed | PairedT:
    """The difference at the large budget minus that at the small one, in points."""
    at_large, at_small = both(large, folder), both(small, folder)
    alike = (
        not isinstance(at_large, str)
        and not isinstance(at_small, str)
        and at_large[0].same_examples(at_small[0])
        and large.first[0].metric == "accuracy"
    )
    if alike and not isinstance(at_large, str) and not isinstance(at_small, str):
        return crossed(POINTS * (_difference(at_large) - _difference(at_small)))
    (a, b), (c, d) = large.values, small.values
    return paired_t(np.subtract(a, b), np.subtract(c, d))


def _difference(given: tuple[Answers, Answers]) -> Floats:
    return np.subtract(given[0].correct, given[1].correct, dtype=np.float64)  # [seeds, examples]
