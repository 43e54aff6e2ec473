"""The model of a table: numbers, marks and words, with nothing said about how they are printed."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

DASH = "–"  # noqa: RUF001  # the dash of an empty cell
NO_RUN = "no run"


@dataclasses.dataclass(frozen=True)
class Defaults:
    """The cells a table needs when the user names none; `methods` None means all of the registry."""

    tasks: tuple[str, ...]
    budgets: tuple[float, ...]
    seeds: tuple[int, ...]
    methods: tuple[str, ...] | None = None
    reference: str = "dense"  # the method that is measured with every choice of methods
    own_tasks: bool = False  # whether the table is of these tasks alone; others stand in for them in other tables
    computed: bool = False  # whether there is something to show without any record

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
class Beside:
    """The published number of a cell as it was printed, and ours minus it (None where we have none)."""

    printed: str
    difference: float | None = None
    marks: str = ""


@dataclasses.dataclass(frozen=True)
class Entry:
    """One cell: mean and sample standard deviation over `n` seeds, in percent or in the unit of its column.

    `before` is the same measured one step earlier, printed as `before -> now`; `digits` are printed after the point.
    `best` is the best of its column, or not separable from it; `p` is the adjusted p-value against the best, and
    `level` the sign for how small it is. `absent` stands where there is no number.
    """

    mean: float | None = None
    sd: float | None = None
    n: int = 0
    best: bool = False
    marks: str = ""
    before: "Entry | None" = None
    digits: int = 1
    p: float | None = None
    level: str = ""
    published: Beside | None = None
    absent: str = DASH

    @property
    def signs(self) -> str:
        """What follows the number: the level of significance, then the marks of footnotes."""
        return self.level + self.marks


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

    @property
    def published(self) -> bool:
        """Whether any of its cells has a published number."""
        return any(entry.published for entry in self.entries)


@dataclasses.dataclass(frozen=True)
class Block:
    """The rows of one family."""

    title: str
    rows: tuple[Row, ...]


@dataclasses.dataclass(frozen=True)
class Table:
    """A whole table. `footnotes` are (mark, sentence); a footnote of the whole table has an empty mark.

    `caption` says what was measured, `legend` what the signs mean, `source` what the table was made of.
    """

    title: str
    caption: str
    groups: tuple[Group, ...]
    blocks: tuple[Block, ...]
    footnotes: tuple[tuple[str, str], ...] = ()
    legend: str = ""
    source: str = ""

    @property
    def words(self) -> str:
        """Caption, legend and source."""
        return " ".join(part for part in (self.caption, self.legend, self.source) if part)

    def changed(self, change: "Callable[[Row, Group, Column, Entry], Entry]") -> "Table":
        """The table with other entries; everything else stays."""
        blocks = []
        for block in self.blocks:
            rows = []
            for row in block.rows:
                entries = tuple(
                    change(row, group, column, entry)
                    for (group, column), entry in zip(self._places(row), row.entries, strict=True)
                )
                rows.append(dataclasses.replace(row, entries=entries))
            blocks.append(dataclasses.replace(block, rows=tuple(rows)))
        return dataclasses.replace(self, blocks=tuple(blocks))

    def placed(self) -> Iterator[tuple[Block, Row, Group, Column, Entry]]:
        """Every entry with its place; the column of an entry that spans its group is `WHOLE`."""
        for block in self.blocks:
            for row in block.rows:
                for (group, column), entry in zip(self._places(row), row.entries, strict=True):
                    yield block, row, group, column, entry

    def _places(self, row: Row) -> list[tuple[Group, Column]]:
        if row.spans:
            return [(group, WHOLE) for group in self.groups]
        return [(group, column) for group in self.groups for column in group.columns]

    def spread(self, row: Row) -> list[Entry | None]:
        """An entry or nothing for every column: one that spans a group stands in its middle column."""
        if not row.spans:
            return list(row.entries)
        found: list[Entry | None] = []
        for entry, group in zip(row.entries, self.groups, strict=True):
            around = len(group.columns) // 2
            found += [*[None] * around, entry, *[None] * (len(group.columns) - around - 1)]
        return found


WHOLE = Column("", 1.0)


def percent(kept: float) -> str:
    """A budget as a column says it: 0.5 -> '50 %'."""
    return f"{100 * kept:.4g} %"


def number(entry: Entry) -> str:
    """Mean and standard deviation, after what was before; a dash where nothing was measured."""
    if entry.before is not None:
        return f"{number(entry.before)} → {number(dataclasses.replace(entry, before=None))}"
    if entry.mean is None:
        return entry.absent
    return f"{entry.mean:.{entry.digits}f}" + ("" if entry.sd is None else f"±{entry.sd:.{entry.digits}f}")


def difference(entry: Entry) -> str:
    """Ours minus the published number, with its sign; nothing where there is none."""
    beside = entry.published
    return "" if beside is None or beside.difference is None else f"{beside.difference:+.{entry.digits}f}"


def published(entry: Entry | None) -> str:
    """The published number with the difference behind it, as a cell says it: '86.0 (-1.2)'."""
    if entry is None or entry.published is None:
        return ""
    found = difference(entry)
    return entry.published.printed + (f" ({found})" if found else "")
