"""Two methods in full: on every task and budget they share, every number that bears on which is better."""

import dataclasses
import difflib
from collections.abc import Sequence
from pathlib import Path

from benchmarks.records import Record
from methods.contract import derive
from reports import answers, named
from reports.answers import Answers
from reports.faults import UsageError, usage
from reports.forensics import Forensics, examine
from reports.pairs import Pair, Tested, both, inference, pairs, seeds_of
from reports.statistics import bootstrap, spread
from reports.statistics.bootstrap import Bootstrap
from reports.statistics.counts import McNemar, mcnemar
from reports.statistics.effects import Effect, hedges_g_paired
from reports.statistics.equivalence import Equivalence, tost
from reports.statistics.multiplicity import Family, adjust
from reports.statistics.paired import PairedT, paired_t
from reports.statistics.power import minimum_detectable, seeds_needed
from reports.tables.consistency import MixedRecordsError, check

MARGIN = 1.0  # points within which two methods count as equal
ALPHA = 0.05


@dataclasses.dataclass(frozen=True)
class Checkpoints:
    """The two models of one seed against each other."""

    seed: int
    only_first: int  # examples
    only_second: int
    mcnemar: McNemar


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One task at one budget. Values and differences (first minus second) in points, shares as fractions.

    None: not defined for one seed, without spread, or without predictions; `notes` says which.
    """

    pair: Pair
    metric: str
    split: str
    examples: int | None
    tested: Tested | None
    t: PairedT | None
    effect: Effect | None
    equivalence: Equivalence | None
    detectable: float | None  # true difference found in 80 % of cases with as many seeds
    needed: int | None  # seeds to find the observed difference in 80 % of cases
    resampled: Bootstrap | None  # of a metric that is no mean over examples, in fractions
    checkpoints: tuple[Checkpoints, ...]
    forensics: tuple[Forensics | None, Forensics | None]  # of the first and the second against the dense model
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Comparisons:
    """All of two methods; `family` holds the p-values of those that have one, in their order."""

    first: str
    second: str
    backbone: str
    protocol: str
    comparisons: tuple[Comparison, ...]
    family: Family | None

    def adjusted(self, comparison: Comparison) -> float | None:
        """The Holm-adjusted p-value of one of them."""
        if comparison.tested is None or self.family is None:
            return None
        tested = [one for one in self.comparisons if one.tested is not None]
        return self.family.adjusted[tested.index(comparison)]


def compare(
    records: Sequence[Record],
    folder: Path,
    first: str,
    second: str,
    task: str | None = None,
    budget: float | None = None,
    margin: float = MARGIN,
) -> Comparisons:
    """Compare two methods.

    Args:
        records: of one backbone and one protocol.
        folder: where they were read from.
        first: a method, as on the command line.
        second: another.
        task: only this one.
        budget: only this one.
        margin: of equivalence, in points.

    Raises:
        UsageError: a name no record has, one method twice, nothing in common, or records that do not belong together.
    """
    a, b = named.choose(records, first), named.choose(records, second)
    if {record.method for record in a} & {record.method for record in b}:
        raise UsageError(f"a comparison is of two methods, got '{first}' and '{second}'; name another")
    with usage(MixedRecordsError):
        check([*a, *b])
        found = pairs(a, b)
    chosen = [one for one in found if (task is None or one.task == task) and (budget is None or one.budget == budget)]
    if not chosen:
        raise UsageError(_nothing(found, first, second, task, budget))
    dense = [record for record in records if named.is_dense(record)]
    results = tuple(_compared(pair, folder, dense, margin) for pair in chosen)
    p = [one.tested.p for one in results if one.tested is not None]
    tasks = len({one.pair.task for one in results})
    budgets = len({one.pair.budget for one in results})
    name = (
        f"{first} against {second} on {_many(tasks, 'task')} at {_many(budgets, 'budget')}, {_many(len(p), 'test')}"
    )
    return Comparisons(first, second, a[0].backbone, a[0].protocol, results, adjust(p, name, "holm") if p else None)


def _nothing(found: Sequence[Pair], first: str, second: str, task: str | None, budget: float | None) -> str:
    if not found:
        return (
            f"'{first}' and '{second}' share no task, budget and seed in these records; run both with the same seeds"
        )
    wanted = [f"--task {task}"] if task is not None else []
    wanted += [f"--budget {budget:g}"] if budget is not None else []
    there = ", ".join(f"{one.task} at {one.budget:g}" for one in found)
    near = difflib.get_close_matches(task or "", {one.task for one in found} - {task}, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ";"
    return f"nothing to compare for {' and '.join(wanted)}{hint} both methods have: {there}"


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _compared(pair: Pair, folder: Path, dense: Sequence[Record], margin: float) -> Comparison:
    given = both(pair, folder)
    tested = inference(pair, given)
    notes = [tested.why] if tested is not None and tested.why else []
    if isinstance(given, str) and given not in notes:
        notes.append(given)
    if tested is None:
        notes.append(
            f"one shared seed ({seeds_of(pair.first)}): nothing can be said of the methods, only of two checkpoints"
        )
    several = len(pair.seeds) > 1
    a, b = pair.values
    sd = spread([x - y for x, y in zip(a, b, strict=True)]) or 0.0
    difference = sum(a) / len(a) - sum(b) / len(b)
    varies = sd > 1e-9
    if several and not varies:
        notes.append("the difference is the same with every seed: effect size and power are not defined")
    first = pair.first[0]
    return Comparison(
        pair=pair,
        metric=first.metric,
        split=first.split,
        examples=None if isinstance(given, str) else len(given[0].labels),
        tested=tested,
        t=paired_t(a, b) if several else None,
        effect=hedges_g_paired(a, b) if varies else None,
        equivalence=tost(a, b, margin) if several else None,
        detectable=minimum_detectable(sd, len(a)) if varies else None,
        needed=seeds_needed(difference, sd) if varies else None,
        resampled=_resampled(first, given),
        checkpoints=() if isinstance(given, str) else _checkpoints(pair, given),
        forensics=(None, None) if isinstance(given, str) else _forensics(pair, folder, dense, notes),
        notes=tuple(notes),
    )


def _resampled(record: Record, given: tuple[Answers, Answers] | str) -> Bootstrap | None:
    metric = bootstrap.METRICS.get(record.metric)
    if isinstance(given, str) or metric is None or record.metric == "accuracy":
        return None
    first, second = given
    seed = derive(0, f"bootstrap of {record.task}") % 2**32  # the same for every pair of methods
    return bootstrap.of_classes(first.labels, first.classes, second.classes, metric, seed)


def _checkpoints(pair: Pair, given: tuple[Answers, Answers]) -> tuple[Checkpoints, ...]:
    first, second = given[0].correct, given[1].correct  # [seeds, examples]
    found = []
    for at, seed in enumerate(pair.seeds):
        only_first, only_second = int((first[at] & ~second[at]).sum()), int((second[at] & ~first[at]).sum())
        found.append(Checkpoints(seed, only_first, only_second, mcnemar(only_first, only_second)))
    return tuple(found)


def _forensics(
    pair: Pair, folder: Path, dense: Sequence[Record], notes: list[str]
) -> tuple[Forensics | None, Forensics | None]:
    """Both methods against the dense model of the same seeds; what is missing goes into the notes."""
    found: list[Forensics | None] = []
    for records in (pair.first, pair.second):
        if named.is_dense(records[0]):
            found.append(None)
            continue
        reference = {one.seed: one for one in dense if one.task == pair.task}
        if not set(pair.seeds) <= set(reference):
            notes.append(f"no dense model for all of {seeds_of(records)}: no forensics")
            found.append(None)
            continue
        ours = answers.of_classes(records, folder)
        theirs = answers.of_classes([reference[seed] for seed in pair.seeds], folder)
        if isinstance(ours, str) or isinstance(theirs, str):
            notes.append(f"no forensics: {theirs if isinstance(theirs, str) else ours}")
            found.append(None)
        else:
            found.append(examine(ours, theirs))
    return found[0], found[1]
