"""Table 8 of the paper: a backbone that is small already (MiniLM, 12 layers of 384) at half its weights."""

import dataclasses
from collections.abc import Sequence

from benchmarks.records import Record
from reports.tables.grid import grid
from reports.tables.table import Defaults, Gap, Table

DEFAULTS = Defaults(tasks=("sst2", "qnli", "mnli"), budgets=(0.5,), seeds=(1, 2, 3), own_tasks=True)
MATCHED, MISMATCHED, SPLIT = "mnli", "mnli-mm", "validation_mismatched"
TITLE = "Table 8: compression of an encoder that is small already; mnli is matched, mnli-mm mismatched"


def taken(records: Sequence[Record]) -> list[Record]:
    """The records, those of MNLI once more for the mismatched split, which is a column of its own."""
    again = [
        dataclasses.replace(record, task=MISMATCHED, split=SPLIT)
        for record in records
        if record.task == MATCHED and SPLIT in record.metrics
    ]
    return [*records, *(() if any(record.task == MISMATCHED for record in records) else again)]


def draw(
    records: Sequence[Record], gaps: Sequence[Gap] = (), order: Sequence[str] = (), tasks: Sequence[str] = ()
) -> Table:
    """Draw Table 8 from its records; see `grid` for the arguments."""
    twice = [gap for one in gaps for gap in (one, dataclasses.replace(one, task=MISMATCHED)) if one.task == MATCHED]
    missing = [*(gap for gap in gaps if gap.task != MATCHED), *twice]
    columns = [name for task in tasks or DEFAULTS.tasks for name in (task, *[MISMATCHED] * (task == MATCHED))]
    return grid(TITLE, taken(records), missing, order, columns)
