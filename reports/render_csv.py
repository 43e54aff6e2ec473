"""A table as CSV: one line a cell, numbers unrounded, reasons spelt out."""

import csv
import io

from reports.tables.table import Table

COLUMNS = ("family", "method", "label", "task", "budget", "mean", "sd", "n", "best", "notes")


def render(table: Table) -> str:
    """The cells of the table in its order; mean and sd in percent, empty where there is none."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(COLUMNS)
    for block, row, group, budget, entry in table.placed():
        signs = row.marks + group.marks + entry.marks
        notes = " | ".join(sentence for mark, sentence in table.footnotes if mark and mark in signs)
        values = ("" if value is None else repr(value) for value in (entry.mean, entry.sd))
        writer.writerow(
            (block.title, row.method, row.label, group.task, repr(budget), *values, entry.n, int(entry.best), notes)
        )
    return target.getvalue()
