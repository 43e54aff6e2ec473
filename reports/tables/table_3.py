"""Table 3 of the paper: every method on SQuAD v1.1 and v2.0 at three budgets."""

from collections.abc import Sequence

from benchmarks.records import Record
from reports.tables.grid import grid
from reports.tables.table import Defaults, Gap, Table

DEFAULTS = Defaults(tasks=("squad-v1.1", "squad-v2.0"), budgets=(0.5, 0.25, 0.16), seeds=(1, 2, 3), own_tasks=True)


def draw(
    records: Sequence[Record], gaps: Sequence[Gap] = (), order: Sequence[str] = (), tasks: Sequence[str] = ()
) -> Table:
    """Draw Table 3 from its records; see `grid` for the arguments."""
    return grid("Table 3: question answering by method and budget", records, gaps, order, tasks or DEFAULTS.tasks)
