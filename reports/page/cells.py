"""Records grouped into cells: only measurements of the same thing under the same protocol share one."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from benchmarks.gaps import KeptGap
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
    `gaps` are seeds that were refused or failed; a cell may have nothing else.
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
    gaps: tuple[KeptGap, ...] = ()

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that stay the same as long as setting, method, knobs and budget do."""
        text = canonical([*self.setting, self.method, self.knobs, self.budget])
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def is_reference(self) -> bool:
        """Whether it is of the dense model."""
        return self.family == Family.REFERENCE.value

    @property
    def state(self) -> str:
        """What became of it, in a word or two: measured, incomplete, refused, failed, two versions."""
        if self.fault:
            return "two versions"
        if self.seeds:
            return "incomplete" if self.gaps else "measured"
        return "failed" if any(gap.state == "failed" for gap in self.gaps) else "refused"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why seeds are missing, each reason once: 'seeds 1, 2 failed: the loss was NaN'."""
        said: dict[str, list[int]] = {}
        for gap in self.gaps:
            said.setdefault(f"{gap.state}: {gap.reason}", []).append(gap.seed)
        return tuple(
            f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, sorted(seeds)))} {reason}"
            for reason, seeds in said.items()
        )

    def scores(self) -> dict[str, Score]:
        """Every metric of the setting's split; a cell with a fault has none."""
        every = [record.metrics[self.setting.split] for record in self.seeds]
        found = {}
        for name in dict.fromkeys(name for metrics in every for name in metrics):
            values = [100 * metrics[name] for metrics in every if name in metrics]  # (seeds,)
            found[name] = Score(mean(values), spread(values), len(values))
        return found


def cells(records: Iterable[Record], gaps: Iterable[KeptGap] = ()) -> tuple[Cell, ...]:
    """The cells of all records and gaps, by setting, family, budget (largest first) and method."""
    groups: dict[tuple[Setting, str, str, float], tuple[list[Record], list[KeptGap]]] = {}
    for record in records:
        groups.setdefault(_place(record), ([], []))[0].append(record)
    for gap in gaps:
        groups.setdefault(_place(gap), ([], []))[1].append(gap)
    found = [_cell(where, budget, *group) for (where, _, _, budget), group in groups.items()]
    return tuple(sorted(found, key=_order))


def _place(item: Record | KeptGap) -> tuple[Setting, str, str, float]:
    return setting(item), item.method, canonical(item.knobs), item.budget


def setting(record: Record | KeptGap) -> Setting:
    """The setting a record was measured in, or a gap was asked for."""
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


def _cell(where: Setting, budget: float, group: Sequence[Record], gaps: Sequence[KeptGap]) -> Cell:
    first: Record | KeptGap = group[0] if group else gaps[0]
    try:
        seeds, fault = tuple(one_a_seed(group)), ""
    except MixedRecordsError as twice:
        seeds, fault = (), str(twice)
    ordered = tuple(sorted(group, key=lambda record: (record.seed, record.key)))
    return Cell(
        where, first.method, first.label, first.family, first.knobs, budget, ordered, seeds, fault, tuple(gaps)
    )


def _order(cell: Cell) -> tuple[Any, ...]:
    place = FAMILIES.index(cell.family) if cell.family in FAMILIES else len(FAMILIES)
    return (*cell.setting, place, -cell.budget, cell.method, canonical(cell.knobs))
