"""Takes the splits of a mini task from its generator."""

import pyarrow as pa

from benchmarks.tasks.definition import TaskDefinition
from benchmarks.tasks.mini import PREFIX
from benchmarks.tasks.sources.findings import Findings
from benchmarks.tasks.sources.rows import RawSplit
from benchmarks.tasks.sources.tables import read_table


def read_generated(task: TaskDefinition, findings: Findings) -> dict[str, RawSplit]:
    """All splits of a generated task, checked like files.

    Args:
        task: A task with ``generated``.
        findings: Takes what the reader of tables finds.
    """
    from benchmarks.mini import rows

    found: dict[str, RawSplit] = {}
    for split in task.splits:
        table = pa.table(rows(task.name.removeprefix(PREFIX), split))
        raw = read_table(task, table, f"{task.name} {split}", findings)
        if raw is not None:
            found[split] = raw
    return found
