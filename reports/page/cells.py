"""Records grouped into cells: only measurements of the same thing under the same protocol share one."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from benchmarks.records import Record
from methods.contract import Family
from reports.statistics import mean, spread
from reports.tables.consistency import MixedRecordsError, one_a_seed

FAMILIES = tuple(family.value for family in Family)


class Setting(NamedTuple):
    """What two cells must have in common to be compared; `recipes` is the whole protocol as canonical JSON."""

    backbone: str
    backbone_fingerprint: str
    protocol: str
    recipes: str
    task: str
    task_fingerprint: str
    split: str
    metric: str


class Score(NamedTuple):
    """A metric over the seeds of a cell, in points; `sd` is None with one seed."""

    mean: float
    sd: float | None
    n: int


@dataclasses.dataclass(frozen=True)
class Cell:
    """One method with its knobs in one setting at one budget.

    `seeds` holds one record a seed; it is empty, and `fault` says why, where a seed was measured in two versions.
    """

    setting: Setting
    method: str
    label: str
    family: str
    knobs: dict[str, Any]
    budget: float
    records: tuple[Record, ...]
    seeds: tuple[Record, ...]
    fault: str = ""

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that stay the same as long as setting, method, knobs and budget do."""
        text = canonical([*self.setting, self.method, self.knobs, self.budget])
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def is_reference(self) -> bool:
        """Whether it is of the dense model."""
        return self.family == Family.REFERENCE.value

    def scores(self) -> dict[str, Score]:
        """Every metric of the setting's split; a cell with a fault has none."""
        every = [record.metrics[self.setting.split] for record in self.seeds]
        found = {}
        for name in dict.fromkeys(name for metrics in every for name in metrics):
            values = [100 * metrics[name] for metrics in every if name in metrics]  # (seeds,)
            found[name] = Score(mean(values), spread(values), len(values))
        return found


def cells(records: Iterable[Record]) -> tuple[Cell, ...]:
    """The cells of all records, by setting, family, budget (largest first) and method."""
    groups: dict[tuple[Setting, str, str, float], list[Record]] = {}
    for record in records:
        key = (setting(record), record.method, canonical(record.knobs), record.budget)
        groups.setdefault(key, []).append(record)
    found = [_cell(where, budget, group) for (where, _, _, budget), group in groups.items()]
    return tuple(sorted(found, key=_order))


def setting(record: Record) -> Setting:
    """The setting a record was measured in."""
    return Setting(
        record.backbone,
        record.backbone_fingerprint,
        record.protocol,
        canonical(record.recipes),
        record.task,
        record.task_fingerprint,
        record.split,
        record.metric,
    )


def canonical(value: Any) -> str:
    """JSON that is equal where the values are."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _cell(where: Setting, budget: float, group: Sequence[Record]) -> Cell:
    first = group[0]
    try:
        seeds, fault = tuple(one_a_seed(group)), ""
    except MixedRecordsError as twice:
        seeds, fault = (), str(twice)
    ordered = tuple(sorted(group, key=lambda record: (record.seed, record.key)))
    return Cell(where, first.method, first.label, first.family, first.knobs, budget, ordered, seeds, fault)


def _order(cell: Cell) -> tuple[Any, ...]:
    place = FAMILIES.index(cell.family) if cell.family in FAMILIES else len(FAMILIES)
    return (*cell.setting, place, -cell.budget, cell.method, canonical(cell.knobs))
