"""What a run answered, in a few counts: right answers, confusion, agreement with the dense model of its seed."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.records import Record
from reports import answers
from reports.answers import Answers
from reports.forensics import thirds
from reports.page.cells import Cell, Setting, setting

CLASSES = 12  # a table of confusions with more of them is no summary
ITSELF = "this is the dense model"
NO_DENSE = "no run of the dense model with this seed in this setting"


@dataclasses.dataclass(frozen=True)
class Summary:
    """Counts of one run on its table's split; `confusion[i][j]`: examples of label i answered j, None if too many."""

    examples: int
    right: int
    confusion: list[list[int]] | None
    lengths: list[tuple[str, int, int]]  # word pieces ('4 to 9'), examples, right answers; empty: stored without
    majority: float  # share of the most frequent label
    agreeing: int | None  # examples answered as the dense model of the same seed does; None: `reason` says why
    reason: str = ""


class Summaries:
    """Summaries by record; each file of the dense model is read once."""

    def __init__(self, cells: Iterable[Cell], folder: Path) -> None:
        self._folder = folder
        self._dense: dict[tuple[Setting, int], Answers | str] = {}
        self._references = {
            (cell.setting, record.seed): record for cell in cells if cell.is_reference for record in cell.seeds
        }

    def of(self, record: Record) -> Summary | str:
        """The summary, or the reason why there is none."""
        given = answers.of_classes((record,), self._folder)
        if isinstance(given, str):
            return given
        dense = self._of_dense(record)
        reason = dense if isinstance(dense, str) else ""
        if not isinstance(dense, str) and not given.same_examples(dense):
            reason = "the dense model was measured on different examples"
        agreeing = None if reason or isinstance(dense, str) else int((given.classes == dense.classes).sum())
        return _summary(given, agreeing, reason)

    def _of_dense(self, record: Record) -> Answers | str:
        place = (setting(record), record.seed)
        if self._references.get(place) == record:
            return ITSELF
        if place not in self._dense:
            reference = self._references.get(place)
            self._dense[place] = NO_DENSE if reference is None else answers.of_classes((reference,), self._folder)
        return self._dense[place]


def _by_length(given: Answers) -> list[tuple[str, int, int]]:
    if given.lengths is None:
        return []
    right = given.correct[0]
    return [(name, int(inside.sum()), int(right[inside].sum())) for name, inside in thirds(given.lengths).items()]


def _summary(given: Answers, agreeing: int | None, reason: str) -> Summary:
    classes = max(int(given.labels.max(initial=0)) + 1, given.logits.shape[2])
    counts = np.zeros((classes, classes), dtype=np.int64)
    known = given.labels >= 0  # a hidden label is -1
    np.add.at(counts, (given.labels[known], given.classes[0][known]), 1)
    examples = len(given.labels)
    return Summary(
        examples=examples,
        right=int(given.correct.sum()),
        confusion=counts.tolist() if classes <= CLASSES else None,
        lengths=_by_length(given),
        majority=float(counts.sum(axis=1).max()) / examples if examples else 0.0,
        agreeing=agreeing,
        reason=reason,
    )
