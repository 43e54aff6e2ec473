"""Which of our methods a row of the paper's tables is: results/paper/rows.csv, beside the published numbers."""

import csv
import dataclasses
from functools import cache

from methods.contract import Family
from reports import published
from reports.faults import UsageError

COLUMNS = ["table", "row", "method", "family"]
BACKBONES = {"minilm-12-384": "minilm-12"}  # the paper's name -> ours, where they differ


@dataclasses.dataclass(frozen=True)
class PaperRow:
    """A row as printed, the method that is the same here (it may not exist yet), and its block in Table 2."""

    table: str
    row: str
    method: str
    family: Family


@cache
def rows() -> tuple[PaperRow, ...]:
    """Every row of every table, in the paper's order.

    Raises:
        UsageError: the file is not as it should be.
    """
    path = published.folder() / "rows.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.reader(stream, strict=True))
    if lines[:1] != [COLUMNS]:
        raise UsageError(f"{path}: the columns are {', '.join(COLUMNS)}, got {', '.join(lines[0]) if lines else '-'}")
    return tuple(PaperRow(table, row, method, Family(family)) for table, row, method, family in lines[1:])


@cache
def cells(table: str) -> tuple[tuple[PaperRow, published.Published], ...]:
    """The published cells of one table with our name for their row, in the paper's order."""
    mine = {row.row: row for row in rows() if row.table == table}
    return tuple((mine[cell.row], cell) for cell in _all() if cell.table == table and cell.row in mine)


def backbone(name: str) -> str:
    """Our name for an encoder of the paper."""
    return BACKBONES.get(name, name)


@cache
def _all() -> tuple[published.Published, ...]:
    return published.read_all()
