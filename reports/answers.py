"""What was answered to each example: the predictions beside the records, one array for all seeds."""

import dataclasses
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import predictions
from benchmarks.records import Record

Integers = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Answers:
    """The predictions of one method on one split for several seeds.

    `ids` [examples], `labels` [examples], `logits` [seeds, examples, outputs]; classes are the greatest logit.
    `lengths` [examples] are word pieces before padding; None where predictions were stored without them.
    """

    ids: npt.NDArray[Any]
    labels: Integers
    logits: npt.NDArray[np.float64]
    lengths: Integers | None = None

    @property
    def classes(self) -> Integers:
        """Predicted class ids, [seeds, examples]."""
        return np.asarray(self.logits.argmax(axis=2), dtype=np.int64)

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """[seeds, examples]."""
        return np.asarray(self.classes == self.labels, dtype=bool)

    def same_examples(self, other: "Answers") -> bool:
        """Whether both are of the same examples in the same order."""
        return np.array_equal(self.ids, other.ids) and np.array_equal(self.labels, other.labels)


def of_classes(records: Sequence[Record], folder: Path) -> Answers | str:
    """The answers of these records (one a seed) on their split, or the reason why there are none.

    Args:
        records: of one method, task and budget.
        folder: where the records were read from.
    """
    ids: npt.NDArray[Any] | None = None
    labels: npt.NDArray[Any] | None = None
    lengths: npt.NDArray[Any] | None = None
    logits = []
    for record in records:
        path = record.path(folder).parent / Path(record.predictions).name
        try:
            arrays = predictions.read(path)
            here, true, given = (arrays[f"{record.split}.{name}"] for name in ("ids", "labels", "logits"))
            lengths = arrays.get(f"{record.split}.lengths", lengths)  # one tokenizer, one length, whatever the seed
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as fault:
            return f"no predictions of {record.method}, seed {record.seed} ({path.name}: {_why(fault)})"
        if given.ndim != 2 or given.shape[1] < 2 or not np.issubdtype(true.dtype, np.integer):
            return f"{record.task} has no classes: its predictions are scores"
        if ids is None or labels is None:
            ids, labels = here, true
        elif not (np.array_equal(ids, here) and np.array_equal(labels, true)):
            return f"the seeds of {record.method} were measured on different examples"
        logits.append(given)
    if ids is None or labels is None:
        return "no records"
    if lengths is not None and lengths.shape != labels.shape:
        return f"lengths and labels are of the same examples, got {lengths.shape} and {labels.shape}"
    return Answers(
        ids,
        labels.astype(np.int64),
        np.stack(logits).astype(np.float64),
        None if lengths is None else lengths.astype(np.int64),
    )


def _why(fault: Exception) -> str:
    return "no such file" if isinstance(fault, FileNotFoundError) else f"not readable: {fault}"
