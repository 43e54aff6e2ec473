"""A slice of the training rows in place of the development set, so that a search never looks at that."""

import dataclasses
from collections import Counter

import numpy as np
import numpy.typing as npt

from benchmarks.tasks.sources.findings import DataError
from benchmarks.tasks.sources.rows import Rows, TaskData, fingerprint
from methods.contract import derive

HELD = "heldout"  # the split's name


@dataclasses.dataclass(frozen=True)
class Slice:
    """How much of the training split is held out, and which of it."""

    share: float = 0.1
    most: int = 5_000  # rows: beyond them a score gains little and costs much
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse slices of nothing or of everything, all faults at once."""
        faults = []
        if not 0 < self.share < 1:
            faults.append(f"share is a fraction in (0, 1), got {self.share}; write 0.1 for 10 %")
        if self.most < 1:
            faults.append(f"most is a number of rows >= 1, got {self.most}")
        if faults:
            raise ValueError("a held-out slice: " + "; ".join(faults))


def divide(data: TaskData, part: Slice) -> TaskData:
    """The training split in two, and nothing else: what is trained on, and `heldout` to score.

    Classes have their share of the slice, rounded so that the sizes add up. A row whose texts stand in training
    more than once is never held out, for its twin would be trained on. The choice depends on the training split
    and the slice alone.

    Args:
        data: The task's data.
        part: Which slice.

    Returns:
        Data with a fingerprint of its own, of the rows in it.

    Raises:
        DataError: No row can be held out.
    """
    rows = data.splits[data.task.train_split]
    held = _held(rows, part, classes=data.task.kind == "classification")
    if not held.any():
        raise DataError(f"{data.task.name}: a slice holds one row at least, got none of {len(rows)}; raise its share")
    task = dataclasses.replace(data.task, evaluation=(HELD,), evaluation_rows=(), train_rows=None)
    splits = {task.train_split: _taken(rows, ~held), HELD: _taken(rows, held)}
    return TaskData(
        task=task,
        splits=splits,
        fingerprint=fingerprint(task, splits),
        origin=f"{data.origin}, {int(held.sum())} of {len(rows)} training rows held out (seed {part.seed})",
        notes=data.notes,
    )


def _held(rows: Rows, part: Slice, *, classes: bool) -> npt.NDArray[np.bool_]:
    texts = list(zip(*rows.texts, strict=True))
    counts = Counter(texts)
    single = np.array([counts[text] == 1 for text in texts])
    groups = np.asarray(rows.labels) if classes else np.zeros(len(rows), dtype=np.int64)
    labels, sizes = np.unique(groups, return_counts=True)
    wanted = min(round(part.share * len(rows)), part.most)
    exact = wanted * sizes / len(rows)
    quotas = np.floor(exact).astype(int)
    rest = np.argsort(quotas - exact, kind="stable")[: wanted - quotas.sum()]  # largest remainders
    quotas[rest] += 1
    order = np.random.Generator(np.random.PCG64(derive(part.seed, HELD))).permutation(len(rows))
    held = np.zeros(len(rows), dtype=bool)
    for label, quota in zip(labels, quotas, strict=True):
        held[[row for row in order if groups[row] == label and single[row]][:quota]] = True
    return held


def _taken(rows: Rows, chosen: npt.NDArray[np.bool_]) -> Rows:
    places = np.flatnonzero(chosen)
    return Rows(
        ids=tuple(rows.ids[place] for place in places),
        texts=tuple(tuple(column[place] for place in places) for column in rows.texts),
        labels=[rows.labels[place] for place in places],
    )
