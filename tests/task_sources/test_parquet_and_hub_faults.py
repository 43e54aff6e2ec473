"""Every fault of parquet files, of missing files and of the hub, with its message."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import tasks
from benchmarks.tasks.sources import DataError, load

TaskFiles = Any  # the class of conftest.py


def renamed(rows: dict[str, list[Any]], names: Mapping[str, str]) -> dict[str, list[Any]]:
    return {names.get(name, name): values for name, values in rows.items()}


Change = Callable[[dict[str, list[Any]]], dict[str, list[Any]]]

PARQUET_FAULTS: list[tuple[str, Change, list[str]]] = [
    (
        "rte",
        lambda rows: renamed(rows, {"sentence1": "sentance1"}),
        [
            "needs the columns sentence1, sentence2, label; has sentance1, sentence2, label, idx",
            "probably renamed: rename 'sentance1' to 'sentence1'",
        ],
    ),
    (
        "rte",
        lambda rows: renamed(rows, {"sentence1": "question", "sentence2": "sentence"}),
        ["missing sentence1, sentence2; these are the columns of QNLI: is the file in the wrong folder?"],
    ),
    (
        "rte",
        lambda rows: renamed(rows, {"sentence1": "first", "sentence2": "second"}),
        ["rename 'first' to 'sentence1', 'second' to 'sentence2'"],
    ),
    (
        "rte",
        lambda rows: {"label": rows["label"]},
        ["missing sentence1, sentence2; take the file of the task"],
    ),
    (
        "rte",
        lambda rows: rows | {"label": rows["sentence1"], "sentence1": rows["label"]},
        [
            "column sentence1 holds strings, this one holds int64",
            "column label holds class ids (integers), this one "
            "holds string; store 0 for entailment, 1 for not_entailment",
        ],
    ),
    (
        "stsb",
        lambda rows: rows | {"label": ["5"] * 6},
        ["column label holds scores (floats), this one holds string"],
    ),
    (
        "rte",
        lambda rows: rows | {"label": [-1] * 6},
        [
            "labels are 0 (entailment) or 1 (not_entailment): row 1 (got -1), row 2 (got -1), "
            "row 3 (got -1) ... (6 in all); -1 marks the test split"
        ],
    ),
    (
        "rte",
        lambda rows: rows | {"label": [0, 1, 2, 0, None, 1]},
        ["row 3 (got 2), row 5 (got None); take the file"],
    ),
    (
        "rte",
        lambda rows: rows | {"label": [0, 1, 2, 0, 7, 1]},
        ["row 3 (got 2), row 5 (got 7); class names and"],
    ),
    (
        "stsb",
        lambda rows: rows | {"label": [0.0, 5.0, 5.1, float("nan"), 1.0, -1.0]},
        ["labels are scores in [0, 5]: row 3 (got 5.1), row 4 (got nan), row 6 (got -1.0); take the file"],
    ),
    (
        "rte",
        lambda rows: rows | {"sentence2": ["a", "", "\t ", "d", None, "f"]},
        ["sentence2 is never empty, but is: row 2, row 3, row 5; complete or remove the rows"],
    ),
    (
        "rte",
        lambda rows: {n: pa.array([], pa.int64() if n == "label" else pa.string()) for n in rows},
        ["a split has one row at least, this one has none"],
    ),
]


@pytest.mark.parametrize(("name", "change", "messages"), PARQUET_FAULTS)
def test_faults_of_parquet_files(
    files: TaskFiles, name: str, change: Change, messages: list[str], tmp_path: Path
) -> None:
    task = tasks.get(name)
    home = files.parquet(tmp_path, task, train=change(files.rows(task, "train")))
    message = files.message(task, tmp_path)
    assert message.startswith(f"{name}: the data cannot be used, ")
    assert f"- {home / 'train.parquet'}: " in message
    for part in messages:
        assert part in message


def test_bytes_that_are_no_utf_8_in_parquet(files: TaskFiles, tmp_path: Path) -> None:
    cola = tasks.get("cola")
    home = files.parquet(tmp_path, cola)
    offsets, data = pa.py_buffer(b"\0\0\0\0\1\0\0\0\3\0\0\0"), pa.py_buffer(b"ab\xff")
    broken = pa.Array.from_buffers(pa.string(), 2, [None, offsets, data])
    pq.write_table(pa.table({"sentence": broken, "label": [0, 1]}), home / "train.parquet")
    assert "train.parquet: sentence is UTF-8: row 2 (byte 0xff); write the file again" in files.message(
        cola, tmp_path
    )


def test_classes_in_another_order_are_noticed(files: TaskFiles, tmp_path: Path) -> None:
    rte = tasks.get("rte")
    home = files.parquet(tmp_path, rte)
    labels = datasets.ClassLabel(names=["not_entailment", "entailment"])
    texts = {column: datasets.Value("string") for column in rte.texts}
    features = datasets.Features({**texts, "label": labels, "idx": datasets.Value("int64")})
    turned = datasets.Dataset.from_dict(files.rows(rte, "train"), features)
    pq.write_table(turned.data.table, home / "train.parquet")
    expected = "label ids stand for entailment, not_entailment in this order, the file says not_entailment"
    assert expected in files.message(rte, tmp_path)


def test_a_file_cut_short_is_told(files: TaskFiles, tmp_path: Path) -> None:
    rte = tasks.get("rte")
    home = files.parquet(tmp_path, rte)
    (home / "train.parquet").write_bytes(b"PAR1 and no more")
    assert "train.parquet: is not a readable parquet file" in files.message(rte, tmp_path)


def test_faults_of_all_files_come_together(files: TaskFiles, tmp_path: Path) -> None:
    rte = tasks.get("rte")
    rows = files.rows(rte, "train")
    bad = rows | {"sentence1": ["", *rows["sentence1"][1:]], "label": [9] * 6}
    files.parquet(tmp_path, rte, train=bad, validation=renamed(rows, {"sentence2": "hypothesis"}))
    message = files.message(rte, tmp_path)
    assert "3 kinds of fault (rows and lines count from 1)" in message
    assert message.count("\n- ") == 3


def test_missing_places_are_told(files: TaskFiles, tmp_path: Path) -> None:
    rte = tasks.get("rte")
    nowhere = tmp_path / "nowhere"
    assert f"{nowhere}: the data location is a folder of task folders or 'hub'" in files.message(rte, nowhere)
    (tmp_path / "cola").mkdir()
    assert "has no folder RTE/ or rte/ (in any case, here or one level down); has cola" in files.message(
        rte, tmp_path
    )
    home = files.parquet(tmp_path, rte)
    assert "has no folder RTE/ or rte/" in files.message(rte, home)
    assert "give the folder above it" in files.message(rte, home)
    (tmp_path / "RTE").mkdir(exist_ok=True)
    if (tmp_path / "rte").samefile(tmp_path / "RTE"):
        pytest.skip("this file system does not tell capital letters apart")
    assert "holds one folder for RTE, has " in files.message(rte, tmp_path)


def test_missing_splits_are_told(files: TaskFiles, tmp_path: Path) -> None:
    mnli = tasks.get("mnli")
    home = files.parquet(tmp_path, mnli)
    (home / "validation_mismatched.parquet").unlink()
    expected = (
        "MNLI needs the split validation_mismatched; looked for validation_mismatched.parquet, "
        "validation_mismatched_rebuilt.parquet, dev_mismatched.tsv; there is train.parquet, "
        "validation_matched.parquet; put the file there"
    )
    assert f"- {home}: {expected}" in files.message(mnli, tmp_path)


def test_missing_text_files_are_told(files: TaskFiles, tmp_path: Path) -> None:
    rte = tasks.get("rte")
    home = files.tsv(tmp_path, rte)
    (home / "dev.tsv").rename(home / "test.tsv")
    expected = "needs the split validation; looked for dev.tsv, validation.parquet; there is test.tsv, train.tsv"
    assert expected in files.message(rte, tmp_path)


def test_a_task_without_a_hub_copy_needs_a_folder() -> None:
    local = replace(tasks.get("rte"), hub=None)
    with pytest.raises(DataError, match="rte: this task is not on the hub; give the folder that holds its files"):
        load(local, None)


def test_an_unreachable_hub_names_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(
        DataError, match=r"rte: cannot load nyu-mll/glue \(rte\) .*no route to host; without a network"
    ):
        load(tasks.get("rte"), None)


def test_faults_of_the_hub_s_splits(files: TaskFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    rte = tasks.get("rte")
    labels = datasets.ClassLabel(names=["not_entailment", "entailment"])
    texts = {column: datasets.Value("string") for column in rte.texts}
    features = datasets.Features({**texts, "label": labels, "idx": datasets.Value("int64")})
    turned = datasets.DatasetDict({"train": datasets.Dataset.from_dict(files.rows(rte, "train"), features)})
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: turned)
    with pytest.raises(DataError, match=r"2 kinds of fault") as error:
        load(rte, "hub")
    assert "nyu-mll/glue rte validation: the split is missing; there are train" in str(error.value)
    assert "nyu-mll/glue rte train: label ids stand for entailment, not_entailment" in str(error.value)
