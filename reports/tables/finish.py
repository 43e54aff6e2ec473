"""A drawn table made ready to be printed: what is significant, the paper's numbers, and what it was made of."""

import dataclasses
from collections.abc import Sequence

from benchmarks.records import Record
from reports import tables
from reports.evidence import Evidence
from reports.tables import beside, no_run, significance
from reports.tables.table import Gap, Table


def finished(
    blueprint: tables.Blueprint,
    records: Sequence[Record],
    evidence: Evidence,
    gaps: Sequence[Gap] = (),
    order: Sequence[str] = (),
    tasks: Sequence[str] = (),
    paper: bool | None = None,
) -> Table:
    """The table of these records with signs of significance, the paper's numbers and its source.

    Args:
        blueprint: which table.
        records: what it is drawn from; of none, every cell says 'no run'.
        evidence: the files behind the records.
        gaps: as for `blueprint.draw`.
        order: as for `blueprint.draw`.
        tasks: as for `blueprint.draw`.
        paper: whether the paper's numbers stand beside ours; None: where it has any of the cells.
    """
    usual = blueprint.defaults
    if not records and not gaps and not usual.computed:
        table = no_run.drawn(blueprint.name, usual, blueprint.draw)
    else:
        table = blueprint.draw(records, gaps, order, tasks)
    taken = () if usual.computed else blueprint.taken(records)
    table = beside.attached(significance.judged(table, taken, evidence), blueprint.number, taken, paper)
    return dataclasses.replace(table, source=evidence.source(records, () if usual.computed else gaps))
