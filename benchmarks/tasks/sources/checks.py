"""Checks what a reader found and makes rows of it: faults stop the load, oddities become notes."""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.tasks.definition import TaskDefinition
from benchmarks.tasks.sources.findings import Findings
from benchmarks.tasks.sources.rows import RawSplit, Rows


def check_rows(task: TaskDefinition, split: str, raw: RawSplit, findings: Findings) -> Rows:
    """Rows of one split; when a fault was found, they are not to be used.

    Args:
        task: The task.
        split: Name of the split.
        raw: What the reader found.
        findings: Takes missing or empty texts (as notes where official data has them), labels out of range
            and splits without rows.
    """
    if not raw.labels:
        findings.fault(raw.where, "a split has one row at least, this one has none")
    _check_texts(task, split, raw, findings)
    return Rows(
        ids=tuple(raw.ids),
        texts=tuple(tuple(text or "" for text in column) for column in raw.texts),
        labels=_check_labels(task, raw, findings),
    )


def _check_texts(task: TaskDefinition, split: str, raw: RawSplit, findings: Findings) -> None:
    empty = [[row for row, text in enumerate(column) if not text or text.isspace()] for column in raw.texts]
    everywhere = sorted(set(empty[0]).intersection(*empty[1:]))
    for name, rows in zip(task.texts, empty, strict=True):
        if task.empty_texts:
            rows = [row for row in rows if row not in everywhere]  # noqa: PLW2901
        if not rows:
            continue
        if task.empty_texts:
            count = _count(len(rows), "row has", "rows have")
            findings.note(f"{split}: {count} an empty {name}, first {raw.place(rows[0])}")
        else:
            places = [raw.place(row) for row in rows]
            findings.fault(raw.where, f"{name} is never empty, but is", places, "complete or remove the rows")
    if everywhere and task.empty_texts:
        places = [raw.place(row) for row in everywhere]
        findings.fault(raw.where, f"{' and '.join(task.texts)} are not both empty", places, "remove the rows")


def _check_labels(task: TaskDefinition, raw: RawSplit, findings: Findings) -> list[int] | list[float]:
    given = np.array([np.nan if label is None else label for label in raw.labels], dtype=np.float64)
    if task.label_range is not None:
        least, greatest = task.label_range
        law = f"labels are scores in [{least:g}, {greatest:g}]"
    else:
        least, greatest = 0, len(task.classes) - 1
        law = "labels are " + " or ".join(f"{number} ({name})" for number, name in enumerate(task.classes))
    good = (given >= least) & (given <= greatest)  # false for NaN too
    if not good.all():
        bad: list[int] = np.flatnonzero(~good).tolist()
        written = raw.labels if raw.written is None else raw.written
        places = [f"{raw.place(row)} (got {written[row]!r})" for row in bad]
        findings.fault(raw.where, law, places, _label_cure(task, [written[row] for row in bad]))
        given = np.where(good, given, least)
    if task.kind == "regression":
        return [float(value) for value in given.astype(np.float32)]
    return [int(value) for value in given]


def _label_cure(task: TaskDefinition, wrong: Sequence[object]) -> str:
    as_text = {str(value) for value in wrong}
    if as_text <= {"-1", "-1.0"}:
        return "-1 marks the test split, whose labels are not public: use the training and validation files"
    if task.kind == "classification" and (as_text <= set(task.classes) or all(map(str.isdigit, as_text))):
        return "class names and class ids were mixed up, or the file is another task's"
    return "take the file as GLUE distributes it"


def official_notes(task: TaskDefinition, splits: Mapping[str, Rows]) -> list[str]:
    """One note for each split whose number of rows is not the official one."""
    official = dict(zip(task.evaluation, task.evaluation_rows, strict=False))
    if task.train_rows is not None:
        official[task.train_split] = task.train_rows
    return [
        f"{split} has {len(rows):,} of {official[split]:,} official rows"
        if len(rows) < official[split]
        else f"{split} has {len(rows):,} rows, officially {official[split]:,}"
        for split, rows in splits.items()
        if split in official and len(rows) != official[split]
    ]


def repetition_notes(task: TaskDefinition, splits: Mapping[str, Rows]) -> list[str]:
    """Counts of repeated rows, of texts with contradicting labels, and of evaluation rows also in training.

    Official data has all three (SST-2, CoLA, STS-B), so they are told, never repaired.
    """
    notes: list[str] = []
    training: set[tuple[str, ...]] = set()
    for split, rows in splits.items():
        keys = list(zip(*rows.texts, strict=True))
        distinct = set(keys)
        labelled = set(zip(keys, rows.labels, strict=True))
        repeats, conflicts = len(keys) - len(labelled), len(labelled) - len(distinct)
        if repeats:
            notes.append(f"{split}: {_count(repeats, 'duplicate row', 'duplicate rows')}")
        if conflicts:
            notes.append(f"{split}: {_count(conflicts, 'row repeats', 'rows repeat')} a text with another label")
        if split == task.train_split:
            training = distinct
        elif shared := sum(key in training for key in keys):
            notes.append(f"{split}: {_count(shared, 'row has its text', 'rows have their text')} in training too")
    return notes


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
