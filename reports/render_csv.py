"""A table as CSV: one line a cell, numbers unrounded, reasons spelt out."""

import csv
import io

from benchmarks.strangers import cell
from reports.tables.table import Beside, Table

COLUMNS = (
    "family",
    "method",
    "label",
    "task",
    "quantity",
    "budget",
    "mean",
    "sd",
    "n",
    "best",
    "p",
    "before",
    "published",
    "difference",
    "notes",
)


def render(table: Table) -> str:
    """The cells of the table in its order; numbers in percent or the quantity's unit, empty where there are none."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(COLUMNS)
    for block, row, group, column, entry in table.placed():
        beside = entry.published or Beside("")
        signs = row.marks + group.marks + entry.marks + beside.marks
        notes = " | ".join(sentence for mark, sentence in table.footnotes if mark and mark in signs)
        before = entry.before.mean if entry.before else None
        budget, center, spread, p, start, apart = (
            "" if value is None else repr(value)
            for value in (column.budget, entry.mean, entry.sd, entry.p, before, beside.difference)
        )
        names = map(cell, (block.title, row.method, row.label, group.task))
        writer.writerow(
            (*names, column.quantity, budget, center, spread, entry.n,
             int(entry.best), p, start, beside.printed, apart, cell(notes))
        )  # fmt: skip
    return target.getvalue()
