"""Writes small task files in every layout, for the tests of loading."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.tasks import TaskDefinition
from benchmarks.tasks.sources import DataError, load

# What makes GLUE's files hard: bare quotes, a lone separator of Unicode, trailing blanks, text beyond ASCII.
TEXTS = ('he said "no', 'a "b" c ', "caf\u00e9\u2028bar\x85baz", "'tis", '"', "plain words")

HEADERS = {  # of the files that GLUE distributes
    "rte": "index sentence1 sentence2 label",
    "cola": "source label mark sentence",
    "mrpc": "Quality|#1 ID|#2 ID|#1 String|#2 String",
    "sst2": "sentence label",
    "qqp": "id qid1 qid2 question1 question2 is_duplicate",
    "qnli": "index question sentence label",
    "mnli": "index promptID pairID genre sentence1_binary_parse sentence2_binary_parse sentence1_parse "
    "sentence2_parse sentence1 sentence2 label1 gold_label",
    "stsb": "index genre filename year old_index source1 source2 sentence1 sentence2 score",
}


class TaskFiles:
    """Small files of a task, all with the same six rows a split."""

    def rows(self, task: TaskDefinition, split: str) -> dict[str, list[Any]]:
        """Six rows with all labels, different in each split."""
        columns: dict[str, list[Any]] = {name: [f"{text}|{split}{name}" for text in TEXTS] for name in task.texts}
        scores = [0.0, 5.0, 3.8, 2.667, 1.25, 4.4]
        columns["label"] = scores if task.kind == "regression" else [row % task.outputs for row in range(6)]
        columns["idx"] = list(range(6))
        return columns

    def parquet(self, folder: Path, task: TaskDefinition, **replaced: Mapping[str, list[Any]]) -> Path:
        """``folder/<task>/<split>.parquet`` for all splits; returns the folder of the task."""
        home = folder / task.name
        home.mkdir(parents=True, exist_ok=True)
        for split in task.splits:
            table = pa.table(dict(replaced.get(split, self.rows(task, split))))
            pq.write_table(table, home / f"{split}.parquet")
        return home

    def lines(self, task: TaskDefinition, split: str) -> list[str]:
        """Lines of GLUE's own layout with the same content as :meth:`rows`."""
        layout, content = task.tsv, self.rows(task, split)
        assert layout is not None
        header = [layout.identifier or "number", *layout.texts, layout.label]
        if task.name in HEADERS:
            header = HEADERS[task.name].split("|" if "|" in HEADERS[task.name] else " ")
        lines = [] if layout.header else ["\t".join(header)]
        for row in range(6):
            cells = dict.fromkeys(header, "-")
            cells.update({name: content[column][row] for name, column in zip(layout.texts, task.texts, strict=True)})
            label = content["label"][row]
            cells[layout.label] = task.classes[label] if layout.named_labels else str(label)
            if layout.identifier:
                cells[layout.identifier] = str(content["idx"][row])
            lines.append("\t".join(cells[name] for name in header))
        return lines

    def tsv(self, folder: Path, task: TaskDefinition, name: str | None = None) -> Path:
        """GLUE's own layout; MRPC with the byte order mark and carriage returns of its distribution."""
        assert task.tsv is not None
        home = folder / (name or task.tsv.folder)
        home.mkdir(parents=True)
        for split, file in zip(task.splits, task.tsv.files, strict=True):
            lines = self.lines(task, split)
            text = "".join(line + ("\r\n" if task.name == "mrpc" else "\n") for line in lines)
            mark = b"\xef\xbb\xbf" if task.name == "mrpc" else b""
            (home / file).write_bytes(mark + text.encode())
        return home

    def message(self, task: TaskDefinition, location: Path) -> str:
        with pytest.raises(DataError) as error:
            load(task, str(location))
        return str(error.value)


@pytest.fixture
def files() -> TaskFiles:
    return TaskFiles()
