"""What a table says in words: its caption, and the sentences that become footnotes."""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.records import Record
from methods.contract import Family
from reports import precision
from reports.statistics import mean
from reports.tables.footnotes import Place
from reports.tables.table import NO_RUN, Gap, percent

SLACK = 1e-3  # a budget counts as met up to this excess of the kept share: ranks are whole numbers
PLAIN, COSTLY = "kd", 3.0  # a distillation this many times as costly as the plain one says so
BEST = "Bold (*): best mean of the column among compressed models with the most seeds."
CORRELATIONS = ("matthews", "pearson", "spearman")


def caption(records: Sequence[Record], seeds: Sequence[int]) -> str:
    """What was measured, how, how often, and what the signs mean."""
    if not records:
        return "Nothing has been measured yet."
    first = records[0]
    metrics: dict[str, set[str]] = {}
    for record in records:
        factor = " x 100" if any(name in record.metric for name in CORRELATIONS) else ""
        metrics.setdefault(record.metric + factor, set()).add(record.task)
    by_task = "; ".join(f"{metric} of {', '.join(sorted(tasks))}" for metric, tasks in sorted(metrics.items()))
    return (
        f"Backbone {first.backbone}, protocol {first.protocol}, seeds {', '.join(map(str, seeds))}. "
        f"Columns: share of the encoder's matrix weights kept. Cells: mean ± sample standard deviation (n - 1) "
        f"over n = {len(seeds)} seeds, in percent; other n are marked. {by_task[:1].upper()}{by_task[1:]}; "
        f"evaluated on: {_splits(records)}; checkpoint kept: {_selection(records)}."
    )


def collect(
    cells: Mapping[Place, Sequence[Record]], missing: Mapping[Place, Sequence[Gap]], seeds: Sequence[int]
) -> dict[str, set[Place]]:
    """Sentence -> the places it is true of (none: of the whole table)."""
    said: dict[str, set[Place]] = {}
    for place, found in cells.items():
        for sentence in (
            *absence(found, missing[place], seeds),
            *_excess(found),
            *dict.fromkeys(note for record in found for note in record.notes),
        ):
            said.setdefault(sentence, set()).add(place)
    for place, found in cells.items():
        for sentence in _storage(found):
            said.setdefault(sentence, set()).update(one for one in cells if one[0] == place[0])
    for sentence, method in _costs(cells):
        said.setdefault(sentence, set()).update(place for place in cells if place[0] == method)
    said.update({sentence: set[Place]() for sentence in (*_precisions(cells), *_ranks(cells))})
    return said


def _splits(records: Sequence[Record]) -> str:
    splits: dict[str, set[str]] = {}
    for record in records:
        splits.setdefault(record.split, set()).add(record.task)
    if len(splits) == 1:
        return next(iter(splits))
    return ", ".join(f"{split} ({', '.join(sorted(tasks))})" for split, tasks in sorted(splits.items()))


def _selection(records: Sequence[Record]) -> str:
    rules = {
        str(recipe["selection"])
        for record in records
        for recipe in record.recipes.values()
        if isinstance(recipe, dict) and "selection" in recipe
    }
    return " and ".join(sorted(rules)) or "not stated"


def absence(found: Sequence[Record], gaps: Sequence[Gap], seeds: Sequence[int]) -> Iterable[str]:
    """Why a cell has fewer values than there are seeds."""
    if len(found) == len(seeds):
        return
    reasons: dict[str, list[int]] = {}
    for gap in gaps:
        if gap.reason == NO_RUN:  # said once of the whole table
            return
        reasons.setdefault(f"{'refused' if gap.refused else 'failed'}: {gap.reason}", []).append(gap.seed)
    unknown = set(seeds) - {record.seed for record in found} - {gap.seed for gap in gaps}
    if unknown:
        reasons["not measured yet; run the table again"] = sorted(unknown)
    if found:
        detail = "; ".join(f"{_seeds(which)} {reason}" for reason, which in reasons.items())
        yield f"n = {len(found)} of {len(seeds)}: {detail}"
    elif len(reasons) == 1:
        yield next(iter(reasons))
    else:
        yield "; ".join(f"{_seeds(which)} {reason}" for reason, which in reasons.items())


def _seeds(which: Sequence[int]) -> str:
    return f"seed{'s' if len(which) > 1 else ''} {', '.join(map(str, which))}"


def _excess(found: Sequence[Record]) -> Iterable[str]:
    """A model that is larger than asked says so."""
    over = [share for record in found if (share := kept(record)) > record.budget + SLACK]
    if over:
        yield f"budget not met: {percent(max(over))} of the encoder weights kept, {percent(found[0].budget)} asked"


def kept(record: Record) -> float:
    """The share of the dense encoder's matrix weights that counts against the budget.

    For a pruned model the non-zero weights, for a factorized one the stored weights: the smaller of the two.
    """
    sizes = record.sizes
    return min(sizes.encoder_nonzero, sizes.encoder_weights) / sizes.dense_encoder_weights


def _storage(found: Sequence[Record]) -> Iterable[str]:
    """Unstructured pruning saves no storage as it is: the zeros are stored."""
    if any(
        Family(r.family) is Family.UNSTRUCTURED_PRUNING and r.sizes.encoder_nonzero < r.sizes.encoder_weights
        for r in found
    ):
        yield (
            "the budget counts non-zero weights (encoder_nonzero); the matrices are stored dense, zeros included "
            "(encoder_weights in the records)"
        )


def _costs(cells: Mapping[Place, Sequence[Record]]) -> Iterable[tuple[str, str]]:
    """What a distillation costs that takes several times as long as plain KD in the cells they share; and its method.

    Seconds are those beyond tokenising and the dense teacher, as they were measured, also side by side with others.
    """
    seconds: dict[str, dict[tuple[str, float, int], float]] = {}
    for (method, task, budget), found in cells.items():
        for record in found:
            if record.family == Family.TASK_DISTILLATION.value:
                seconds.setdefault(method, {})[task, budget, record.seed] = record.cost.seconds_marginal
    plain = seconds.get(PLAIN, {})
    for method, own in seconds.items():
        shared = own.keys() & plain.keys()
        if shared and method != PLAIN:
            times = sum(own[where] for where in shared) / sum(plain[where] for where in shared)
            if times >= COSTLY:
                yield f"cost: {times:.1f} times the seconds of plain KD, the dense teacher apart", method


def _precisions(cells: Mapping[Place, Sequence[Record]]) -> Iterable[str]:
    """Which task was computed in which precision, where they are not all alike."""
    tasks: dict[str, dict[str, None]] = {}
    for (_, task, _), found in cells.items():
        for record in found:
            tasks.setdefault(precision.of(record.recipes) or "a precision not recorded", {})[task] = None
    if len(tasks) > 1:
        yield (
            "not all tasks were trained in one precision (all are evaluated in float32): "
            + "; ".join(f"{', '.join(tasks[name])} in {name}" for name in sorted(tasks))
        )


def _ranks(cells: Mapping[Place, Sequence[Record]]) -> Iterable[str]:
    """The average rank of the encoder matrices, a method and budget over its tasks and seeds."""
    ranks: dict[str, dict[float, list[float]]] = {}
    for (_, _, budget), found in cells.items():
        for record in found:
            if "rank" in record.ranks and Family(record.family) is not Family.REFERENCE:
                ranks.setdefault(record.label, {}).setdefault(budget, []).append(record.ranks["rank"])
    if ranks:
        budgets = sorted({budget for one in ranks.values() for budget in one}, reverse=True)
        rows = (
            f"{label} " + "/".join(f"{mean(one[budget]):.0f}" if budget in one else "–" for budget in budgets)  # noqa: RUF001
            for label, one in ranks.items()
        )
        kept_shares = "/".join(f"{100 * budget:.4g}" for budget in budgets)
        yield f"average rank of the encoder matrices at {kept_shares} % kept: {'; '.join(rows)}"
