"""Does a published value come out again? A verdict a cell, from where a new mean of as many runs would fall."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from benchmarks.backbones.known import KNOWN
from benchmarks.records import Record
from reports.named import is_dense, is_named
from reports.published import Published
from reports.statistics import mean
from reports.statistics.prediction import prediction_interval
from reports.tables.consistency import MixedRecordsError, one_a_seed

Verdict = Literal["replicated", "inconclusive", "contradicted", "not testable"]
VERDICTS: tuple[Verdict, ...] = ("replicated", "inconclusive", "contradicted", "not testable")
MARGIN = 1.0  # points; an interval that reaches further to either side would agree with nearly anything
PROTOCOL = "paper"
RUNS = 3  # of a cell that does not say: the paper's captions that do say 3
SPLITS = {"mnli-mm": ("mnli", "validation_mismatched")}  # published tasks that are a further split of one of ours
REASONS = "no possible mean", "below chance", "repeats other cells"  # errata with which no number is left to test


@dataclasses.dataclass(frozen=True)
class Replication:
    """The verdict on one cell. `ours` and the interval are in the cell's unit; None where nothing was measured."""

    cell: Published
    verdict: Verdict
    reason: str
    ours: float | None = None
    seeds: int = 0
    low: float | None = None
    high: float | None = None


def replicate(
    cells: Iterable[Published], records: Sequence[Record], margin: float = MARGIN, protocol: str = PROTOCOL
) -> tuple[Replication, ...]:
    """The verdict on each cell.

    From our seeds follows the 95 % prediction interval of a new mean of as many runs as the cell is of, widened by
    half a unit of the printed value's last digit. A published value outside is contradicted. Inside, it is
    replicated if the interval reaches at most `margin` points to either side, else inconclusive.

    Args:
        cells: published cells.
        records: ours; only those of the cell's encoder and of `protocol` count.
        margin: points.
        protocol: the training protocol whose records are compared.
    """
    return tuple(_verdict(cell, records, margin, protocol) for cell in cells)


def counts(results: Iterable[Replication]) -> dict[Verdict, int]:
    """How many cells have each verdict."""
    found = Counter(one.verdict for one in results)
    return {verdict: found[verdict] for verdict in VERDICTS}


def _verdict(cell: Published, records: Sequence[Record], margin: float, protocol: str) -> Replication:
    if cell.errata in REASONS:
        return Replication(cell, "not testable", f"the published value is in doubt: {cell.errata}")
    task, split = SPLITS.get(cell.task, (cell.task, None))
    found = [
        record
        for record in records
        if record.task == task
        and record.protocol == protocol
        and is_encoder(record, cell.backbone)
        and is_method(record, cell)
    ]
    if not found:
        return Replication(cell, "not testable", f"no record of {_asked(cell, protocol)}")
    try:
        seeds = one_a_seed(found)
    except MixedRecordsError as fault:
        return Replication(cell, "not testable", str(fault))
    values = [value for record in seeds if (value := value_of(record, cell, split)) is not None]
    if len(values) < len(seeds):
        return Replication(cell, "not testable", f"our records of it have no {cell.metric}")
    if len(values) < 2:
        return Replication(cell, "not testable", "one seed tells no spread; run more", values[0], 1)
    return _judged(cell, values, prediction_interval(values, cell.runs or RUNS), margin)


def _judged(cell: Published, values: Sequence[float], interval: tuple[float, float], margin: float) -> Replication:
    low, high = interval
    slack = cell.unit_of_last_digit / 2
    reach = (high - low) / 2
    runs = f"{cell.runs} runs" if cell.runs else f"{RUNS} runs (not stated)"
    said = f"a new mean of {runs} falls within {low:.1f} to {high:.1f}, published {cell.printed}"
    verdict: Verdict
    if not low - slack <= cell.value <= high + slack:
        verdict = "contradicted"
    elif reach > margin:
        verdict, said = "inconclusive", f"{said}; the interval reaches {reach:.1f} points, more than {margin:g}"
    else:
        verdict = "replicated"
    return Replication(cell, verdict, said, mean(values), len(values), low, high)


def is_method(record: Record, cell: Published) -> bool:
    """The cell's method at the cell's budget, with the rank the budget gives or the cell's own."""
    if cell.method == "dense":
        return is_dense(record)
    fits = record.budget == cell.budget and record.knobs.get("rank") in (None, cell.k)
    return fits and is_named(record, cell.method, free=("rank",))


def value_of(record: Record, cell: Published, split: str | None) -> float | None:
    """Our value in the cell's unit, None where the record has none."""
    if cell.metric == "average rank":
        return record.ranks.get("rank")
    value = record.metrics.get(split or record.split, {}).get(cell.metric)
    return 100 * value if value is not None and cell.unit == "%" else None


def is_encoder(record: Record, name: str) -> bool:
    """Whether the record's encoder goes by this short name, its hub id or the last part of it (a folder's name)."""
    ids = [known.hub.partition("@")[0] for known in KNOWN if known.name == name]
    return record.backbone in {name, *ids, *(one.rpartition("/")[2] for one in ids)}


def _asked(cell: Published, protocol: str) -> str:
    budget = "" if cell.method == "dense" or cell.budget is None else f" at {100 * cell.budget:g} %"
    return f"{cell.method or cell.row} on {cell.task or 'any task'}{budget} with {cell.backbone}, protocol {protocol}"
