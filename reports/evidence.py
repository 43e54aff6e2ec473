"""The files behind records: what a table or figure was made of, and what a model answered."""

import dataclasses
import hashlib
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import files
from benchmarks.records import Record
from reports.statistics.arrays import Floats
from reports.statistics.bootstrap import METRICS
from reports.tables.table import Gap

SHORT = 12  # hex digits that are printed
CLOSE = 1e-9  # rounding of a mean


@dataclasses.dataclass(frozen=True)
class Classes:
    """The answers of one model: `labels` [examples], `given` [examples]; `examples` is a hash of ids and labels."""

    examples: str
    labels: npt.NDArray[np.int64]
    given: npt.NDArray[np.int64]

    @property
    def confusion(self) -> Floats:
        """How many examples of each label were given each answer, [label, answer]."""
        width = int(max(self.labels.max(), self.given.max(), 1)) + 1
        counts = np.bincount(self.labels * width + self.given, minlength=width**2)
        return counts.reshape(width, width).astype(np.float64)


class Evidence:
    """The prediction files below a folder of records; what was read once is kept."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self._files = {path.name: path for path in sorted(runs.rglob("*.npz"))}
        self._hashes: dict[Path, str] = {}
        self._known: dict[tuple[str, str, str], Classes | str] = {}

    def file(self, record: Record) -> Path | None:
        """The record's predictions; None where the file is not below the folder."""
        return self._files.get(record.predictions)

    def source(self, records: Iterable[Record], gaps: Iterable[Gap] = ()) -> str:
        """What these records are, in words: how many, and the sha256 of their keys and prediction files.

        Gaps are counted and hashed with them.
        """
        keys = sorted({(record.key, self._hash(record)) for record in records})
        lost = sorted({repr(dataclasses.astuple(gap)) for gap in gaps})
        if not keys and not lost:
            return ""
        digest = hashlib.sha256("\n".join((*(" ".join(one) for one in keys), *lost)).encode()).hexdigest()
        bare = sum(not of_file for _, of_file in keys)
        lacking = f" ({bare} without predictions)" if bare else ""
        missing = f" and {len(lost)} refused or failed" if lost else ""
        return f"Made of {len(keys)} record{'s' * (len(keys) != 1)}{lacking}{missing}, sha256 {digest[:SHORT]}."

    def classes(self, record: Record) -> "Classes | str":
        """What the model answered to which examples.

        A text says why that is not known: no file, a file that cannot be read, or predictions that do not give the
        recorded value (of metrics of classes, whose value follows from them).
        """
        place = (record.predictions, record.split, record.metric)
        if place not in self._known:
            self._known[place] = self._looked(record)
        return self._known[place]

    def _looked(self, record: Record) -> "Classes | str":
        metric = METRICS.get(record.metric)
        if metric is None:
            return f"{record.metric} is no metric of classes"
        path = self.file(record)
        if path is None:
            return "no stored predictions"
        try:
            with np.load(path, allow_pickle=False) as kept:
                ids, labels, logits = (kept[f"{record.split}.{name}"] for name in ("ids", "labels", "logits"))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return "predictions that cannot be read"
        whole = np.issubdtype(labels.dtype, np.integer) and len(labels) > 0 and labels.min() >= 0
        if not whole or logits.ndim != 2 or logits.shape[1] < 2 or len(logits) != len(labels):
            return "predictions of no classes"
        found = Classes(
            _name(ids, labels), labels.astype(np.int64), np.asarray(logits.argmax(axis=1), dtype=np.int64)
        )
        if abs(float(metric(found.confusion)) - record.value) > CLOSE:
            return "predictions that do not give the recorded value"
        return found

    def _hash(self, record: Record) -> str:
        path = self.file(record)
        if path is None:
            return ""
        if path not in self._hashes:
            self._hashes[path] = files.sha256(path)
        return self._hashes[path]


def _name(*arrays: npt.NDArray[Any]) -> str:
    """A hash of arrays: kind, shape and content."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
