"""What a figure is asked to show, and what it becomes: a drawing with its words and its numbers."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import methods
from benchmarks.records import Record
from methods.contract import Family
from reports.evidence import Evidence
from reports.tables.consistency import one_a_seed
from reports.tables.table import Defaults, Gap, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NO_RUN = "no run"
NOT_MEASURED = "not measured"


class Place(NamedTuple):
    """One cell of a figure; `kept` does not matter for the dense reference."""

    task: str
    method: str
    kept: float


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The cells a figure shows, and what is there of them. `methods` is without the dense reference."""

    records: Sequence[Record]
    tasks: tuple[str, ...]
    methods: tuple[str, ...]
    budgets: tuple[float, ...]  # largest first
    gaps: Sequence[Gap] = ()
    runs: Path = Path("results/runs")  # where the records and their files are
    source: str = ""  # what the figure is made of, in words

    @classmethod
    def of(
        cls,
        defaults: Defaults,
        records: Sequence[Record],
        *,
        tasks: Sequence[str] = (),
        methods: Sequence[str] = (),
        budgets: Sequence[float] = (),
        gaps: Sequence[Gap] = (),
        runs: Path = Path("results/runs"),
        source: Callable[[Sequence[Record], Sequence[Gap]], str] | None = None,
    ) -> "Wanted":
        """What was asked for; where nothing was said, the figure's own cells, and all methods where it names none.

        The figure's own tasks give way to those there are where none of its own was measured (the mini world).
        """
        everyone = sorted({record.method for record in records} | {gap.method for gap in gaps})
        chosen = methods or (everyone if defaults.methods is None else defaults.methods)
        shown = tuple(name for name in chosen if not _is_dense(name))
        kept = tuple(sorted(budgets or defaults.budgets, reverse=True))
        mine = [record for record in records if (record.method in shown and record.budget in kept) or _dense(record)]
        there = {record.task for record in mine} | {gap.task for gap in gaps}
        usual = defaults.tasks if not there or there & set(defaults.tasks) else tuple(sorted(there))
        named = tuple(tasks) or usual
        found = [record for record in mine if record.task in named]
        of = Evidence(runs).source if source is None else source
        lost = [gap for gap in gaps if gap.task in named and (_is_dense(gap.method) or gap.method in shown)]
        lost = [gap for gap in lost if gap.budget in kept or _dense(gap)]
        return cls(found, named, shown, kept, lost, runs, of(found, lost))

    def found(self, place: Place) -> list[Record]:
        """The measurements of a cell, one a seed."""
        return one_a_seed(record for record in self.records if _at(record, place))

    def label(self, method: str) -> str:
        """How a method is printed; two methods of one label get their names too."""
        labels = {item.method: item.label for item in self._items}
        known = methods.available()
        for name in (*self.methods, method):
            labels.setdefault(name, known[name].title() if name in known else name)
        label = labels[method]
        return label if list(labels.values()).count(label) == 1 else f"{label} [{method}]"

    @property
    def seeds(self) -> list[int]:
        """All seeds that were measured or asked for."""
        return sorted({item.seed for item in self._items})

    @property
    def _items(self) -> list[Record | Gap]:
        return [*self.gaps, *self.records]

    def absences(self, places: Iterable[Place], lacking: Mapping[str, str]) -> list[str]:
        """A sentence for each reason that cells are not shown, or not with all seeds.

        Args:
            places: The cells of the figure.
            lacking: Record key -> why this measurement cannot be shown.
        """
        said: dict[str, dict[str, list[str]]] = {}  # reason -> method and task -> budgets
        for place in places:
            found = self.found(place)
            reasons = {gap.seed: gap.reason for gap in self.gaps if _at(gap, place)}
            reasons |= {record.seed: lacking[record.key] for record in found if record.key in lacking}
            shown = {record.seed for record in found if record.key not in lacking}
            lost = sorted(set(self.seeds) - shown) if shown or self.seeds else []
            if shown and not lost:
                continue
            causes = list(dict.fromkeys(reasons.get(seed, NOT_MEASURED) for seed in lost)) or [NOT_MEASURED]
            missing = f"n = {len(shown)} of {len(self.seeds)}" if shown else NO_RUN
            cells = said.setdefault(f"{missing} ({'; '.join(causes)})", {})
            share = [] if _is_dense(place.method) else [percent(place.kept)]
            cells.setdefault(f"{self.label(place.method)} on {place.task}", []).extend(share)
        return [
            f"{reason}: " + "; ".join(f"{name}{' at ' * bool(of)}{', '.join(of)}" for name, of in cells.items()) + "."
            for reason, cells in said.items()
        ]


@dataclasses.dataclass(frozen=True)
class Picture:
    """A drawn figure. `caption` has the units and n; `footnotes` what is missing; `rows` the numbers drawn."""

    name: str
    caption: str
    footnotes: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    figure: "Figure" = dataclasses.field(repr=False, compare=False)

    def facts(self) -> dict[str, Any]:
        """All but the drawing, as plain data."""
        return {"name": self.name, "caption": self.caption, "footnotes": self.footnotes, "rows": self.rows}


def scene(wanted: Wanted) -> str:
    """Backbone, protocol and source in words."""
    if not wanted.records:
        return "Nothing has been measured yet."
    first = wanted.records[0]
    return f"Backbone {first.backbone}, protocol {first.protocol}.{' ' * bool(wanted.source)}{wanted.source}"


def count(numbers: Iterable[int]) -> str:
    """How many seeds stand behind the points: 'n = 3 seeds', 'n = 2 to 3 seeds'."""
    found = sorted(set(numbers)) or [0]
    several = f"{found[0]} to {found[-1]}" if len(found) > 1 else f"{found[0]}"
    return f"n = {several} seed{'s' * (found[-1] != 1)}"


def _at(item: Record | Gap, place: Place) -> bool:
    here = item.method == place.method and item.task == place.task
    return here and (item.budget == place.kept or _dense(item))


def _dense(item: Record | Gap) -> bool:
    return Family(item.family) is Family.REFERENCE


def _is_dense(method: str) -> bool:
    known = methods.available()
    return method in known and known[method].family is Family.REFERENCE
