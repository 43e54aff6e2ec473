"""Table 7 of the paper: the initial probability p_init of the sparse parent in mixed-rank fine-tuning."""

from collections.abc import Sequence

from benchmarks.records import Record
from reports.tables.grid import Layout, grid
from reports.tables.table import Defaults, Gap, Table

ROWS = {f"lpaf(p_init={p})": f"p_init = {p}" for p in (0.7, 0.5, 0.3, 0.1, 0.0)}
DEFAULTS = Defaults(tasks=("sst2",), budgets=(0.5, 0.25, 0.16), seeds=(1, 2, 3), methods=tuple(ROWS))
TITLE = "Table 7: LPAF by p_init; at 0 only the two passes and their consistency loss remain"


def draw(
    records: Sequence[Record], gaps: Sequence[Gap] = (), order: Sequence[str] = (), tasks: Sequence[str] = ()
) -> Table:
    """Draw Table 7 from its records; see `grid` for the arguments."""
    layout = Layout(labels=ROWS)
    return grid(TITLE, records, gaps, order or DEFAULTS.methods or (), tasks or DEFAULTS.tasks, layout)
