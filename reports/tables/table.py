"""The model of a table: numbers, marks and words, with nothing said about how they are printed."""

import dataclasses
from collections.abc import Iterator, Sequence


@dataclasses.dataclass(frozen=True)
class Defaults:
    """The cells a table needs when the user names none; `methods` None means all of the registry."""

    tasks: tuple[str, ...]
    budgets: tuple[float, ...]
    seeds: tuple[int, ...]
    methods: tuple[str, ...] | None = None
    reference: str = "dense"  # the method that is measured with every choice of methods

    def shows(self, method: str, asked: Sequence[str] = ()) -> bool:
        """Whether a record of this method belongs into the table if `asked` are the methods the user names.

        A table of all methods shows those without knobs: `lpaf(v=0.1)` is of the table that asks for it.
        """
        if asked:
            return method in (*asked, self.reference)
        return "(" not in method if self.methods is None else method in (*self.methods, self.reference)


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
    """One cell: mean and sample standard deviation over `n` seeds, in percent or in the unit of its column.

    `before` is the same measured one step earlier, printed as `before -> now`; `digits` are printed after the point.
    """

    mean: float | None = None
    sd: float | None = None
    n: int = 0
    best: bool = False
    marks: str = ""
    before: "Entry | None" = None
    digits: int = 1


@dataclasses.dataclass(frozen=True)
class Column:
    """One column: its head, the budget it is of (None where it has none), and what its numbers are."""

    head: str
    budget: float | None = None
    quantity: str = "metric"


@dataclasses.dataclass(frozen=True)
class Group:
    """The columns of one task: one a budget (fractions, largest first), others before them."""

    task: str
    columns: tuple[Column, ...]
    marks: str = ""

    @property
    def budgets(self) -> tuple[float, ...]:
        """The budgets that have a column, largest first."""
        return tuple(column.budget for column in self.columns if column.budget is not None)


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

    def placed(self) -> Iterator[tuple[Block, Row, Group, Column, Entry]]:
        """Every entry with its place; the column of an entry that spans its group is `WHOLE`."""
        columns = [(group, column) for group in self.groups for column in group.columns]
        for block in self.blocks:
            for row in block.rows:
                places = [(group, WHOLE) for group in self.groups] if row.spans else columns
                for (group, column), entry in zip(places, row.entries, strict=True):
                    yield block, row, group, column, entry


WHOLE = Column("", 1.0)


def percent(kept: float) -> str:
    """A budget as a column says it: 0.5 -> '50 %'."""
    return f"{100 * kept:.4g} %"


def number(entry: Entry) -> str:
    """Mean and standard deviation, after what was before; a dash where nothing was measured."""
    if entry.before is not None:
        return f"{number(entry.before)} → {number(dataclasses.replace(entry, before=None))}"
    if entry.mean is None:
        return "–"  # noqa: RUF001  # the dash of an empty cell
    return f"{entry.mean:.{entry.digits}f}" + ("" if entry.sd is None else f"±{entry.sd:.{entry.digits}f}")
