"""Table 4 of the paper: how the kept share v of the sparse model changes its rank, and LPAF without Steps 2 and 3."""

from collections.abc import Sequence

from benchmarks.records import Record
from reports.tables.grid import Layout, grid
from reports.tables.table import Defaults, Gap, Table

ROWS = {f"lpaf(v={v}, weighting='none', mixed_rank=False)": f"v = {v:.2f}" for v in (0.5, 0.25, 0.1)}
DEFAULTS = Defaults(tasks=("sst2",), budgets=(0.5, 0.25, 0.16), seeds=(1, 2, 3), methods=tuple(ROWS))
TITLE = "Table 4: average rank of the sparse model, and LPAF with neither sparsity-aware SVD nor mixed ranks, by v"


def draw(
    records: Sequence[Record], gaps: Sequence[Gap] = (), order: Sequence[str] = (), tasks: Sequence[str] = ()
) -> Table:
    """Draw Table 4 from its records; see `grid` for the arguments."""
    layout = Layout(labels=ROWS, rank=("sparse_rank", "rank"))
    return grid(TITLE, records, gaps, order or DEFAULTS.methods or (), tasks or DEFAULTS.tasks, layout)
