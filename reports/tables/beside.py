"""The published numbers beside ours, where the paper's table has the cell, with what keeps them from being equal."""

import dataclasses
from collections.abc import Mapping, Sequence

from benchmarks.records import Record
from reports import paper_rows
from reports.published import Published
from reports.tables.footnotes import mark
from reports.tables.table import Beside, Column, Entry, Group, Row, Table

PROTOCOL = "paper"  # the training protocol that is the paper's
# What a published number is, as our columns call it; everything else is the task's metric.
QUANTITIES = {
    "average rank": "sparse_rank",
    "share of encoder weights": "share of encoder weights",
    "MACs": "MACs",
    "accuracy before re-training": "before",
}
OF_NO_BUDGET = ("sparse_rank", "share of encoder weights", "MACs")

Cell = tuple[str, str, float | None, str]  # method, task, budget, quantity


def attached(table: Table, number: str, records: Sequence[Record], wanted: bool | None = None) -> Table:
    """The table with the paper's number in every cell that the paper's table has.

    A cell is the same where method, task, budget and metric are; the backbone and the training protocol may differ,
    which a footnote says.

    Args:
        table: ours.
        number: of the paper's table, such as "2".
        records: what ours was drawn from; none where it was computed.
        wanted: whether to do it; None: where any cell is the same.
    """
    if wanted is False:
        return table
    metrics = {record.task: record.metric for record in records}
    cells = {
        _key(row.method, cell): cell
        for row, cell in paper_rows.cells(number)
        if cell.metric in QUANTITIES or metrics.get(cell.task, cell.metric) == cell.metric
    }
    matched = [found for _, row, group, column, _ in table.placed() if (found := _at(cells, row, group, column))]
    if not matched:
        nothing = ("", f"paper: Table {number} has none of these cells (method, task, budget and metric)")
        return dataclasses.replace(table, footnotes=(*table.footnotes, nothing)) if wanted else table
    marks = _marks(table, matched)

    def change(row: Row, group: Group, column: Column, entry: Entry) -> Entry:
        cell = _at(cells, row, group, column)
        if cell is None:
            return entry
        before = cells.get((row.method, group.task, column.budget, "before"))
        printed = f"{before.printed} → {cell.printed}" if before else cell.printed
        apart = None if entry.mean is None else entry.mean - cell.value
        return dataclasses.replace(entry, published=Beside(printed, apart, marks.get(_erratum(cell), "")))

    said = [(sign, sentence) for sentence, sign in marks.items()]
    unmarked = [one for one in table.footnotes if not one[0]]
    signed = [one for one in table.footnotes if one[0]]
    about = ("", _about(number, matched, records))
    return dataclasses.replace(table.changed(change), footnotes=(*signed, *said, about, *unmarked))


def _key(method: str, cell: Published) -> Cell:
    quantity = QUANTITIES.get(cell.metric, "metric")
    return method, cell.task, None if quantity in OF_NO_BUDGET else cell.budget, quantity


def _at(cells: Mapping[Cell, Published], row: Row, group: Group, column: Column) -> Published | None:
    budget = None if column.quantity in OF_NO_BUDGET else column.budget
    return cells.get((row.method, group.task, budget, column.quantity))


def _erratum(cell: Published) -> str:
    return f"paper: {cell.errata}: {cell.reason}" if cell.errata else ""


def _marks(table: Table, matched: Sequence[Published]) -> dict[str, str]:
    """Sentence -> mark of every erratum, after the marks that are there."""
    taken = sum(bool(sign) for sign, _ in table.footnotes)
    sentences = dict.fromkeys(sentence for cell in matched if (sentence := _erratum(cell)))
    return {sentence: mark(taken + place) for place, sentence in enumerate(sentences)}


def _about(number: str, matched: Sequence[Published], records: Sequence[Record]) -> str:
    """What the published numbers are, and whether ours were made in the same way."""
    theirs = sorted({cell.backbone for cell in matched if cell.backbone})
    runs = sorted({cell.runs for cell in matched if cell.runs})
    times = f", mean of {' or '.join(map(str, runs))} runs" if runs else ""
    what = f"paper: Table {number} as printed ({', '.join(theirs)}{times})"
    odds = sorted(
        {
            f"{record.backbone}, protocol {record.protocol}"
            for record in records
            if record.backbone not in map(paper_rows.backbone, theirs) or record.protocol != PROTOCOL
        }
    )
    if odds:
        return (
            f"{what}; off-protocol: ours are of {'; '.join(odds)}, so the difference compares two different "
            "experiments and says nothing about whether the paper's number can be reproduced"
        )
    return f"{what}; the difference is of two means, without a test" if records else what
