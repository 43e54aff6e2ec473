"""Loads a task's rows from the hub, a local folder or the generator of the mini tasks, and checks them."""

from pathlib import Path

from benchmarks.tasks.definition import TaskDefinition
from benchmarks.tasks.sources.checks import check_rows, official_notes, repetition_notes
from benchmarks.tasks.sources.findings import DataError, Findings
from benchmarks.tasks.sources.folder import read_folder
from benchmarks.tasks.sources.generated import read_generated
from benchmarks.tasks.sources.heldout import HELD, Slice, divide
from benchmarks.tasks.sources.hub import read_hub
from benchmarks.tasks.sources.rows import RawSplit, Rows, TaskData, fingerprint

__all__ = ["HELD", "DataError", "Rows", "Slice", "TaskData", "divide", "fingerprint", "load"]

HUB = "hub"


def load(task: TaskDefinition, location: str | None) -> TaskData:
    """All splits of a task, checked.

    Args:
        task: The task. A generated (mini) task is generated whatever the location.
        location: ``"hub"`` or None for the hub, else a folder: see
            :func:`benchmarks.tasks.sources.folder.read_folder`.

    Raises:
        DataError: The data cannot be used; one message names every fault found, with file and row.
    """
    findings = Findings(task.name)
    found, origin = _read(task, location, findings)
    splits = {split: check_rows(task, split, raw, findings) for split, raw in found.items()}
    findings.check()
    return TaskData(
        task=task,
        splits=splits,
        fingerprint=fingerprint(task, splits),
        origin=origin,
        notes=(*findings.notes, *official_notes(task, splits), *repetition_notes(task, splits)),
    )


def _read(task: TaskDefinition, location: str | None, findings: Findings) -> tuple[dict[str, RawSplit], str]:
    if task.generated:
        return read_generated(task, findings), "generated"
    if location is not None and location != HUB:
        return read_folder(task, Path(location).expanduser(), findings)
    if task.hub is None:
        raise DataError(f"{task.name}: this task is not on the hub; give the folder that holds its files")
    return read_hub(task, task.hub, findings), f"hub {task.hub.path}@{task.hub.revision}"
