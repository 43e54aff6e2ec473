"""Table 5 of the paper: what weighs the SVD (importance S, mask M, nothing), before and after Step 3."""

from collections.abc import Sequence

from benchmarks.records import Record
from reports.tables.grid import Layout, grid
from reports.tables.table import Defaults, Gap, Table

ROWS = {"lpaf": "w/ S", "lpaf(weighting='mask')": "w/ M", "lpaf-step2": "Vanilla"}
BEFORE = {
    "lpaf": "lpaf(retrained=False)",
    "lpaf(weighting='mask')": "lpaf(weighting='mask', retrained=False)",
    "lpaf-step2": "lpaf-step2(retrained=False)",
}
DEFAULTS = Defaults(tasks=("sst2",), budgets=(0.5, 0.25, 0.16), seeds=(1, 2, 3), methods=(*ROWS, *BEFORE.values()))
TITLE = (
    "Table 5: sparsity-aware SVD weighted by importance (w/ S), by the mask (w/ M) and plain, before → after Step 3"
)


def draw(
    records: Sequence[Record], gaps: Sequence[Gap] = (), order: Sequence[str] = (), tasks: Sequence[str] = ()
) -> Table:
    """Draw Table 5 from its records; see `grid` for the arguments."""
    layout = Layout(labels=ROWS, before=BEFORE)
    return grid(TITLE, records, gaps, order or DEFAULTS.methods or (), tasks or DEFAULTS.tasks, layout)
