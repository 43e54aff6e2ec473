"""Table 2 of the paper: every method on GLUE at three budgets."""

from collections.abc import Sequence

from benchmarks.records import Record
from reports.tables.grid import grid
from reports.tables.table import Defaults, Gap, Table

DEFAULTS = Defaults(tasks=("rte", "mrpc", "sst2", "qqp", "qnli", "mnli"), budgets=(0.5, 0.25, 0.16), seeds=(1, 2, 3))


def draw(
    records: Sequence[Record], gaps: Sequence[Gap] = (), order: Sequence[str] = (), tasks: Sequence[str] = ()
) -> Table:
    """Draw Table 2 from its records; see `grid` for the arguments."""
    return grid("Table 2: task performance by method and budget", records, gaps, order, tasks or DEFAULTS.tasks)
