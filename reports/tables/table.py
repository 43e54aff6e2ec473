"""The model of a table: numbers, marks and words, with nothing said about how they are printed."""

import dataclasses
from collections.abc import Iterator


@dataclasses.dataclass(frozen=True)
class Defaults:
    """The cells a table needs when the user names none; `methods` None means all of the registry."""

    tasks: tuple[str, ...]
    budgets: tuple[float, ...]
    seeds: tuple[int, ...]
    methods: tuple[str, ...] | None = None
    reference: str = "dense"  # the method that is measured with every choice of methods


@dataclasses.dataclass(frozen=True)
class Gap:
    """A measurement that is missing although it was asked for, and why."""

    method: str
    label: str
    family: str
    task: str
    budget: float
    seed: int
    reason: str
    refused: bool  # by the method itself; otherwise it failed


@dataclasses.dataclass(frozen=True)
class Entry:
    """One cell: mean and sample standard deviation over `n` seeds, in percent."""

    mean: float | None = None
    sd: float | None = None
    n: int = 0
    best: bool = False
    marks: str = ""


@dataclasses.dataclass(frozen=True)
class Group:
    """The columns of one task: a column a budget (fractions, largest first)."""

    task: str
    budgets: tuple[float, ...]
    marks: str = ""


@dataclasses.dataclass(frozen=True)
class Row:
    """One method: an entry a column; where `spans`, an entry a group (the dense reference has no budget)."""

    method: str
    label: str
    entries: tuple[Entry, ...]
    spans: bool = False
    marks: str = ""


@dataclasses.dataclass(frozen=True)
class Block:
    """The rows of one family."""

    title: str
    rows: tuple[Row, ...]


@dataclasses.dataclass(frozen=True)
class Table:
    """A whole table. `footnotes` are (mark, sentence); a footnote of the whole table has an empty mark."""

    title: str
    caption: str
    groups: tuple[Group, ...]
    blocks: tuple[Block, ...]
    footnotes: tuple[tuple[str, str], ...] = ()

    def placed(self) -> Iterator[tuple[Block, Row, Group, float, Entry]]:
        """Every entry with its place; the budget of an entry that spans its group is 1."""
        columns = [(group, budget) for group in self.groups for budget in group.budgets]
        for block in self.blocks:
            for row in block.rows:
                places = [(group, 1.0) for group in self.groups] if row.spans else columns
                for (group, budget), entry in zip(places, row.entries, strict=True):
                    yield block, row, group, budget, entry


def percent(kept: float) -> str:
    """A budget as a column says it: 0.5 -> '50 %'."""
    return f"{100 * kept:.4g} %"


def number(entry: Entry) -> str:
    """Mean and standard deviation with one decimal; a dash where nothing was measured."""
    if entry.mean is None:
        return "–"  # noqa: RUF001  # the dash of an empty cell
    return f"{entry.mean:.1f}" + ("" if entry.sd is None else f"±{entry.sd:.1f}")
