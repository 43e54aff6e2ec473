"""Scores of several methods on several tasks at one budget, for figures that compare methods across tasks."""

import dataclasses

import numpy as np

from benchmarks.records import Record
from reports.figures.picture import Place, Wanted
from reports.statistics.arrays import Floats
from reports.tables.table import percent


@dataclasses.dataclass(frozen=True)
class Scores:
    """The runs of one budget: `values` (methods, seeds, tasks); `relative` the same as shares of the dense model's.

    `left_out` names methods without a value for every task and seed, and says which are missing.
    """

    budget: float
    methods: tuple[str, ...]
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    values: Floats
    relative: Floats | None  # None where the dense model was not measured on all tasks, or scored 0 or less
    left_out: tuple[str, ...]


def collected(wanted: Wanted, budget: float, reference: str) -> Scores:
    """The complete block of scores at one budget.

    Tasks are those that any method was measured on, seeds those that any measurement has; methods that lack one of
    them are left out, for a rank or a share over other tasks is no rank among these.
    """
    found = {
        (method, task): {record.seed: record.value for record in wanted.found(Place(task, method, budget))}
        for method in wanted.methods
        for task in wanted.tasks
    }
    tasks = tuple(task for task in wanted.tasks if any(found[method, task] for method in wanted.methods))
    seeds = tuple(sorted({seed for values in found.values() for seed in values}))
    methods, left_out = [], []
    for method in wanted.methods:
        lacking = [task for task in tasks if len(found[method, task]) < len(seeds)]
        if tasks and not lacking:
            methods.append(method)
            continue
        why = dict.fromkeys(gap.reason for gap in wanted.gaps if (gap.method, gap.budget) == (method, budget))
        if why or any(found[method, task] for task in tasks):
            reasons = f" ({'; '.join(why)})" if why else ""
            missing = ", ".join(lacking) or "task"
            left_out.append(f"{wanted.label(method)} at {percent(budget)}: no {missing} with all seeds{reasons}")
    values = np.array(
        [[[found[method, task][seed] for task in tasks] for seed in seeds] for method in methods], dtype=np.float64
    ).reshape(len(methods), len(seeds), len(tasks))
    dense = [[r.value for r in _dense(wanted, task, reference)] for task in tasks]
    level = [float(np.mean(one)) if one else 0.0 for one in dense]
    whole = bool(level) and min(level) > 0
    return Scores(
        budget,
        tuple(methods),
        tasks,
        seeds,
        values,
        values / np.array(level) if whole else None,
        tuple(left_out),
    )


def _dense(wanted: Wanted, task: str, reference: str) -> list[Record]:
    return wanted.found(Place(task, reference, 1.0))
