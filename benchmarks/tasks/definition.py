"""What a task is: its data, columns, labels, metrics and length, as one frozen value."""

from dataclasses import dataclass
from typing import Literal

GLUE_HUB = "nyu-mll/glue"
# The commit every published GLUE configuration is read at; a moving branch would make two runs incomparable.
GLUE_REVISION = "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"
GLUE_SOURCE = "Wang et al. (2019), GLUE: A Multi-Task Benchmark and Analysis Platform, ICLR 2019"


@dataclass(frozen=True)
class Hub:
    """A data set on the Hugging Face hub, pinned.

    Attributes:
        path: Repository, such as ``"nyu-mll/glue"``.
        config: Configuration inside it, such as ``"rte"``.
        revision: Commit hash; never a branch.
    """

    path: str
    config: str
    revision: str


@dataclass(frozen=True)
class TsvLayout:
    """How GLUE's own download lays a task out as tab-separated files.

    Attributes:
        folder: Folder name in the download, such as ``"SST-2"``.
        texts: Header names of the text columns, in the order of the task's ``texts``.
        label: Header name of the label column.
        files: File names: the training split first, then the evaluation splits in order.
        identifier: Header name of the column that numbers the examples; empty: rows are counted from 0.
        header: Column names of files that have no header line (CoLA); empty: the first line names them.
        named_labels: Whether labels are class names ("entailment") instead of class ids ("0").
        broken_rows: Whether the official file has rows with too few fields, which everyone drops (QQP).
    """

    folder: str
    texts: tuple[str, ...]
    label: str = "label"
    files: tuple[str, ...] = ("train.tsv", "dev.tsv")
    identifier: str = ""
    header: tuple[str, ...] = ()
    named_labels: bool = False
    broken_rows: bool = False


@dataclass(frozen=True)
class TaskDefinition:
    """One task: all that is needed to load, train on and score it. A new task is one file with such a value.

    Attributes:
        name: Name in commands and keys, such as ``"rte"``.
        label: Name in tables, such as ``"RTE"``.
        kind: ``"classification"`` (one logit a class) or ``"regression"`` (one in all).
        texts: Text columns in the order the encoder reads them; one or two.
        metric: The number printed in tables, taken on ``evaluation[0]``.
        metrics: All metrics reported, names of :mod:`benchmarks.tasks.metrics`.
        source: Citation of the data.
        classes: Class names by label id; empty for regression.
        label_range: Least and greatest label of a regression task, else None.
        train_split: Name of the training split.
        evaluation: Names of the evaluation splits; the first one gives the table's number.
        max_length: Tokens an input is cut at.
        chance: Metric of always answering the most frequent class of ``evaluation[0]`` (fraction); None where
            unknown.
        hub: Where the hub holds it, else None.
        tsv: How GLUE's own download holds it, else None. A folder of parquet files serves without either.
        train_rows: Official number of training rows, None where there is none.
        evaluation_rows: Official numbers of rows of ``evaluation``; empty where there are none.
        empty_texts: Whether official rows may have one empty text of a pair.
        generated: Whether the rows are made by :mod:`benchmarks.mini` instead of read.

    Raises:
        ValueError: The fields contradict each other; all contradictions in one message.
    """

    name: str
    label: str
    kind: Literal["classification", "regression"]
    texts: tuple[str, ...]
    metric: str
    metrics: tuple[str, ...]
    source: str
    classes: tuple[str, ...] = ()
    label_range: tuple[float, float] | None = None
    train_split: str = "train"
    evaluation: tuple[str, ...] = ("validation",)
    max_length: int = 128
    chance: float | None = None
    hub: Hub | None = None
    tsv: TsvLayout | None = None
    train_rows: int | None = None
    evaluation_rows: tuple[int, ...] = ()
    empty_texts: bool = False
    generated: bool = False

    def __post_init__(self) -> None:
        faults = [*self._label_faults(), *self._column_faults(), *self._source_faults()]
        if faults:
            raise ValueError(f"task {self.name!r}: " + "; ".join(faults))

    @property
    def outputs(self) -> int:
        """Logits a head gives: one a class, one in all for regression."""
        return len(self.classes) if self.kind == "classification" else 1

    @property
    def splits(self) -> tuple[str, ...]:
        """All splits that are loaded, training first."""
        return (self.train_split, *self.evaluation)

    def _label_faults(self) -> list[str]:
        faults = []
        if self.kind == "classification" and (len(set(self.classes)) < 2 or self.label_range is not None):
            faults.append(
                "a classification task has two or more distinct classes and no label_range, "
                f"got classes {self.classes} and label_range {self.label_range}"
            )
        if self.kind == "regression" and (self.classes or self.label_range is None):
            faults.append(
                "a regression task has a label_range and no classes, "
                f"got label_range {self.label_range} and classes {self.classes}"
            )
        if self.label_range is not None and not self.label_range[0] < self.label_range[1]:
            faults.append(f"label_range is (least, greatest), got {self.label_range}")
        return faults

    def _column_faults(self) -> list[str]:
        faults = []
        if len(self.texts) not in (1, 2) or len(set(self.texts)) < len(self.texts):
            faults.append(f"texts names one column or two different ones, got {self.texts}")
        if self.metric not in self.metrics:
            faults.append(f"metric is one of metrics, got {self.metric!r} and {self.metrics}")
        if not self.evaluation or len(set(self.splits)) < len(self.splits):
            faults.append(f"splits are distinct and one at least is for evaluation, got {self.splits}")
        if self.evaluation_rows and len(self.evaluation_rows) != len(self.evaluation):
            faults.append(f"evaluation_rows has one number a split of {self.evaluation}, got {self.evaluation_rows}")
        if self.max_length < 4:
            faults.append(f"max_length is 4 tokens or more, got {self.max_length}")
        return faults

    def _source_faults(self) -> list[str]:
        faults = []
        if self.generated and (self.hub is not None or self.tsv is not None):
            faults.append(f"generated rows have neither hub nor tsv, got hub={self.hub}, tsv={self.tsv}")
        if self.tsv is not None and len(self.tsv.texts) != len(self.texts):
            faults.append(f"tsv.texts matches texts {self.texts}, got {self.tsv.texts}")
        if self.tsv is not None and len(self.tsv.files) != len(self.splits):
            faults.append(f"tsv.files has one file a split of {self.splits}, got {self.tsv.files}")
        return faults
