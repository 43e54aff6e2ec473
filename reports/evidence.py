"""The files behind records: what a table or figure was made of, and which examples a model got right."""

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
from reports.tables.table import Gap

SHORT = 12  # hex digits that are printed
CLOSE = 1e-9  # rounding of a mean


class Evidence:
    """The prediction files below a folder of records; what was read once is kept."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self._files = {path.name: path for path in sorted(runs.rglob("*.npz"))}
        self._hashes: dict[Path, str] = {}
        self._right: dict[tuple[str, str], tuple[str, npt.NDArray[np.bool_]] | str] = {}

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

    def right(self, record: Record) -> tuple[str, npt.NDArray[np.bool_]] | str:
        """A hash of the examples and their labels, and which of them the model got right (examples,).

        A text says why that is not known: no file, a file that cannot be read, or predictions that do not give the
        recorded accuracy.
        """
        known = (record.predictions, record.split)
        if known not in self._right:
            self._right[known] = self._looked(record)
        return self._right[known]

    def _looked(self, record: Record) -> tuple[str, npt.NDArray[np.bool_]] | str:
        path = self.file(record)
        if path is None:
            return "no stored predictions"
        try:
            with np.load(path, allow_pickle=False) as kept:
                ids, labels, logits = (kept[f"{record.split}.{name}"] for name in ("ids", "labels", "logits"))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return "predictions that cannot be read"
        if logits.ndim != 2 or logits.shape[1] < 2 or len(logits) != len(labels):
            return "predictions of no classes"
        right: npt.NDArray[np.bool_] = logits.argmax(axis=1) == labels
        if not len(right) or abs(float(right.mean()) - record.value) > CLOSE:
            return "predictions that do not give the recorded value"
        return _name(ids, labels), right

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
