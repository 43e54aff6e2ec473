"""The mini tasks: generated twins of the real ones, with the same columns, classes and metrics."""

from dataclasses import replace

from benchmarks.tasks import cola, mnli, mrpc, qnli, qqp, rte, sst2, stsb
from benchmarks.tasks.definition import TaskDefinition

PREFIX = "mini-"


def _twin(task: TaskDefinition) -> TaskDefinition:
    return replace(
        task,
        name=PREFIX + task.name,
        label="mini " + task.label,
        source="generated; columns and labels after " + task.label,
        max_length=32,
        chance=None,
        hub=None,
        tsv=None,
        train_rows=None,
        evaluation_rows=(),
        empty_texts=False,
        generated=True,
    )


TASKS = tuple(_twin(module.TASK) for module in (rte, cola, mrpc, sst2, qqp, qnli, mnli, stsb))
