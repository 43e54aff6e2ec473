"""Reads the splits of a task from the Hugging Face hub at the task's pinned revision."""

from benchmarks.tasks.definition import Hub, TaskDefinition
from benchmarks.tasks.sources.findings import DataError, Findings
from benchmarks.tasks.sources.rows import RawSplit
from benchmarks.tasks.sources.tables import read_table


def read_hub(task: TaskDefinition, hub: Hub, findings: Findings) -> dict[str, RawSplit]:
    """All splits of the task, through the ``datasets`` library and its cache.

    Args:
        task: The task.
        hub: Repository, configuration and commit.
        findings: Takes missing splits and what the reader of tables finds.

    Raises:
        DataError: The hub cannot be reached and its cache has no copy.
    """
    import datasets

    try:
        loaded = datasets.load_dataset(hub.path, hub.config, revision=hub.revision)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{task.name}: cannot load {hub.path} ({hub.config}) at {hub.revision} from the hub: {error}; "
            "without a network, give a local folder of GLUE files as the data location"
        ) from error
    found: dict[str, RawSplit] = {}
    for split in task.splits:
        where = f"{hub.path} {hub.config} {split}"
        if split not in loaded:
            findings.fault(where, f"the split is missing; there are {', '.join(map(str, loaded))}")
            continue
        table = loaded[split].with_format("arrow")[:]
        raw = read_table(task, table, where, findings)
        if raw is not None:
            found[split] = raw
    return found
