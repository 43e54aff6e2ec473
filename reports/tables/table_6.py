"""Table 6 of the paper: mixed-rank fine-tuning, the same without its consistency loss, and plain fine-tuning."""

from collections.abc import Sequence

from benchmarks.records import Record
from reports.tables.grid import Layout, grid
from reports.tables.table import Defaults, Gap, Table

ROWS = {"lpaf": "Mixed-rank", "lpaf(consistency=None)": "w/o L_c", "lpaf-step3": "Vanilla"}
DEFAULTS = Defaults(tasks=("sst2",), budgets=(0.5, 0.25, 0.16), seeds=(1, 2, 3), methods=tuple(ROWS))
TITLE = "Table 6: mixed-rank fine-tuning, without consistency loss (w/o L_c), and plain fine-tuning"


def draw(
    records: Sequence[Record], gaps: Sequence[Gap] = (), order: Sequence[str] = (), tasks: Sequence[str] = ()
) -> Table:
    """Draw Table 6 from its records; see `grid` for the arguments."""
    layout = Layout(labels=ROWS)
    return grid(TITLE, records, gaps, order or DEFAULTS.methods or (), tasks or DEFAULTS.tasks, layout)
