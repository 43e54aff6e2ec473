"""Scores logits on a task."""

import difflib
from collections.abc import Sequence

import numpy as np

from benchmarks.tasks.definition import TaskDefinition
from benchmarks.tasks.metrics.functions import METRICS


def decide(task: TaskDefinition, logits: np.ndarray) -> np.ndarray:
    """What the logits predict: class ids (greatest logit, the first of equals) or scores as they are, [n].

    Args:
        task: The task.
        logits: [n, outputs].
    """
    decided: np.ndarray = logits.argmax(axis=1) if task.kind == "classification" else logits[:, 0]
    return decided


def score(
    task: TaskDefinition, predictions: np.ndarray, labels: Sequence[int] | Sequence[float] | np.ndarray
) -> dict[str, float]:
    """All metrics of a task, as fractions in [-1, 1].

    Scores of a regression task are taken as they are, not cut to its ``label_range``.

    Args:
        task: The task; its ``metrics`` are the keys of the result, in order.
        predictions: Logits, [n, outputs].
        labels: Class ids or scores, [n].

    Raises:
        ValueError: Shapes that do not fit, no rows, logits that are not finite, or an unknown metric; all
            faults in one message.
    """
    faults = [*_shape_faults(task, predictions, labels), *_unknown(task)]
    if faults:
        raise ValueError(f"{task.name}: cannot score: " + "; ".join(faults))
    decided, true = decide(task, predictions), np.asarray(labels)
    return {name: METRICS[name](decided, true) for name in task.metrics}


def _shape_faults(
    task: TaskDefinition, predictions: np.ndarray, labels: Sequence[int] | Sequence[float] | np.ndarray
) -> list[str]:
    faults = []
    if predictions.ndim != 2 or predictions.shape[1] != task.outputs:
        faults.append(f"logits have the shape [n, {task.outputs}], got {list(predictions.shape)}")
    if len(predictions) != len(labels):
        faults.append(f"logits and labels are equally many, got {len(predictions)} and {len(labels)}")
    if len(labels) == 0:
        faults.append("there is one row at least, got none")
    wild = predictions.size - int(np.isfinite(predictions).sum())
    if wild:
        faults.append(f"logits are finite, {wild} of {predictions.size} are not: the model diverged")
    return faults


def _unknown(task: TaskDefinition) -> list[str]:
    faults = []
    for name in task.metrics:
        if name not in METRICS:
            near = difflib.get_close_matches(name, METRICS, n=1)
            hint = f" did you mean {near[0]!r}?" if near else ""
            faults.append(f"no metric is named {name!r};{hint} metrics: {', '.join(METRICS)}")
    return faults
