"""Loaded task data: rows of texts and labels, their fingerprint, and what a reader hands over."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.tasks.definition import TaskDefinition


@dataclass(frozen=True)
class Rows:
    """One split.

    Attributes:
        ids: Number of each example in its source, n of them.
        texts: One tuple of n strings a text column, in the order of the task's ``texts``.
        labels: n class ids (int), or n scores (float, of float32 precision) for regression.
    """

    ids: tuple[int | str, ...]
    texts: tuple[tuple[str, ...], ...]
    labels: list[int] | list[float]

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.labels)


@dataclass(frozen=True)
class TaskData:
    """All splits of a task.

    Attributes:
        task: The task.
        splits: Rows by split name, training first.
        fingerprint: sha256 (hex) of the content, see :func:`fingerprint`.
        origin: Where the rows come from, for people.
        notes: What a reader of results should know: parts of official data, repeated rows, rebuilt files.
    """

    task: TaskDefinition
    splits: Mapping[str, Rows]
    fingerprint: str
    origin: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RawSplit:
    """What a reader found, before it is checked.

    Attributes:
        where: File, or split where there is no file; faults name it.
        ids: Example numbers.
        texts: One sequence a text column; None for a missing value.
        labels: Class ids or scores; None for a label that could not be read.
        positions: 1-based line or row of each example.
        unit: ``"line"`` or ``"row"``.
        written: Labels as written, where that differs from ``labels`` (text files).
    """

    where: str
    ids: Sequence[int | str]
    texts: Sequence[Sequence[str | None]]
    labels: Sequence[int | float | None]
    positions: Sequence[int]
    unit: str
    written: Sequence[str] | None = None

    def place(self, row: int) -> str:
        """Name of the place of the row with that 0-based number."""
        return f"{self.unit} {self.positions[row]}"


def fingerprint(task: TaskDefinition, splits: Mapping[str, Rows]) -> str:
    """Hash of what a model can see: task name, split names, column names, texts and labels in order.

    Ids stay out, as each source numbers rows its own way; so the same content read from parquet, from GLUE's
    text files or from the hub has the same fingerprint. Labels enter as int64 or float32, little-endian;
    texts as their lengths in code points and their UTF-8 bytes, which together leave no ambiguity.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    number = np.dtype("<i8") if task.kind == "classification" else np.dtype("<f4")

    def put(content: bytes) -> None:
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)

    put(task.name.encode())
    for split in sorted(splits):
        rows = splits[split]
        put(split.encode())
        for column, texts in zip(task.texts, rows.texts, strict=True):
            put(column.encode())
            put(np.fromiter(map(len, texts), dtype="<i8", count=len(texts)).tobytes())
            put("".join(texts).encode())
        put(b"label")
        put(np.asarray(rows.labels, dtype=number).tobytes())
    return digest.hexdigest()
