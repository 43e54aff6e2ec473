"""Loading task data from every source, fingerprints, and notes."""

import hashlib
import os
import sys
import time
import types
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import tasks
from benchmarks.tasks.sources import Rows, fingerprint, load

REAL = [name for name, task in tasks.available().items() if not task.generated]
MINI = [name for name, task in tasks.available().items() if task.generated]
TaskFiles = Any  # the class of conftest.py


@pytest.mark.parametrize("name", [name for name in REAL if tasks.get(name).hub and tasks.get(name).tsv])
def test_parquet_text_files_and_hub_give_the_same_rows_and_fingerprint(
    files: TaskFiles, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = tasks.get(name)
    files.parquet(tmp_path / "parquet", task)
    files.tsv(tmp_path / "tsv", task)
    asked: dict[str, str] = {}

    def stand_in(path: str, config: str, *, revision: str) -> datasets.DatasetDict:
        asked.update(path=path, config=config, revision=revision)
        label = datasets.ClassLabel(names=list(task.classes)) if task.classes else datasets.Value("float32")
        texts = {column: datasets.Value("string") for column in task.texts}
        features = datasets.Features({**texts, "label": label, "idx": datasets.Value("int32")})
        return datasets.DatasetDict(
            {split: datasets.Dataset.from_dict(files.rows(task, split), features) for split in (*task.splits, "test")}
        )

    monkeypatch.setattr(datasets, "load_dataset", stand_in)
    parquet, text = load(task, str(tmp_path / "parquet")), load(task, str(tmp_path / "tsv"))
    hub, default = load(task, "hub"), load(task, None)
    assert parquet.splits == text.splits == hub.splits == default.splits
    assert len({data.fingerprint for data in (parquet, text, hub, default)}) == 1
    assert task.hub is not None
    assert asked == {"path": task.hub.path, "config": task.hub.config, "revision": task.hub.revision}
    assert (parquet.origin, text.origin) == ("folder (parquet)", "folder (tsv)")
    assert hub.origin == default.origin == f"hub {task.hub.path}@{task.hub.revision}"
    assert tuple(parquet.splits) == task.splits
    train = parquet.splits["train"]
    expected = files.rows(task, "train")
    assert train.texts == tuple(tuple(expected[column]) for column in task.texts)
    assert train.labels == pytest.approx(expected["label"], rel=1e-7)
    assert train.ids == tuple(range(6))
    assert len(train) == 6
    assert parquet.notes[0] == f"train has 6 of {task.train_rows:,} official rows"


@pytest.mark.parametrize("name", MINI)
def test_mini_tasks_come_from_their_generator(files: TaskFiles, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task = tasks.get(name)
    asked = []

    def rows(of: str, split: str) -> dict[str, list[Any]]:
        asked.append((of, split))
        made: dict[str, list[Any]] = files.rows(task, split)
        return made

    monkeypatch.setitem(sys.modules, "benchmarks.mini", types.SimpleNamespace(rows=rows))
    data = load(task, None)
    assert asked == [(name.removeprefix("mini-"), split) for split in task.splits]
    assert (data.origin, data.notes) == ("generated", ())
    assert load(task, "some folder").fingerprint == data.fingerprint


@pytest.mark.parametrize("name", MINI)
def test_the_generator_s_rows_are_sound(name: str) -> None:
    task = tasks.get(name)
    data = load(task, None)
    assert tuple(data.splits) == task.splits
    assert all(len(rows) > 0 for rows in data.splits.values())
    assert data.fingerprint == load(task, None).fingerprint


@pytest.mark.parametrize("folder", ["rte", "RTE", "Rte"])
def test_folder_names_may_be_in_any_case(files: TaskFiles, folder: str, tmp_path: Path) -> None:
    files.tsv(tmp_path, tasks.get("rte"), folder)
    assert len(load(tasks.get("rte"), str(tmp_path)).splits["train"]) == 6


@pytest.mark.parametrize("folder", ["SST-2", "sst2", "sst-2", "SST2"])
def test_folder_names_may_lack_the_hyphen_and_lie_one_level_down(
    files: TaskFiles, folder: str, tmp_path: Path
) -> None:
    files.tsv(tmp_path / "glue-small", tasks.get("sst2"), folder)
    assert load(tasks.get("sst2"), str(tmp_path)).origin == "folder (tsv)"


def small(**splits: tuple[list[str], list[int]]) -> dict[str, Rows]:
    return {
        name: Rows(tuple(range(len(labels))), (tuple(texts),), list(labels))
        for name, (texts, labels) in splits.items()
    }


def test_fingerprint_tells_every_change_apart() -> None:
    cola = tasks.get("cola")
    variants = [
        (cola, small(train=(["ab", "c"], [0, 1]))),
        (cola, small(train=(["a", "bc"], [0, 1]))),
        (cola, small(train=(["c", "ab"], [0, 1]))),
        (cola, small(train=(["ab", "c"], [1, 1]))),
        (cola, small(other=(["ab", "c"], [0, 1]))),
        (cola, small(train=(["ab"], [0]), validation=(["c"], [1]))),
        (cola, small(train=(["ab", "c "], [0, 1]))),
        (tasks.get("sst2"), small(train=(["ab", "c"], [0, 1]))),
    ]
    prints = [fingerprint(task, splits) for task, splits in variants]
    assert len(set(prints)) == len(variants)
    assert all(len(bytes.fromhex(digest)) == 32 for digest in prints)


def test_fingerprint_leaves_ids_and_the_order_of_splits_out() -> None:
    cola = tasks.get("cola")
    splits = small(train=(["ab"], [0]), validation=(["c"], [1]))
    turned = dict(reversed(splits.items()))
    other_ids = {name: Rows(("x",), rows.texts, rows.labels) for name, rows in splits.items()}
    assert fingerprint(cola, splits) == fingerprint(cola, turned) == fingerprint(cola, other_ids)


def test_fingerprint_of_a_fixed_content_does_not_change() -> None:
    """Records hold fingerprints, so their definition must not drift.

    The value is sha256 over length-prefixed (8 bytes, little-endian) parts: "cola", "train", "sentence", the
    text lengths as int64, the joined UTF-8 text, "label", the labels as int64; recompute by hand from that.
    """
    parts = [b"cola", b"train", b"sentence", (1).to_bytes(8, "little"), "\u00e9".encode(), b"label"]
    parts.append((1).to_bytes(8, "little"))
    by_hand = hashlib.sha256(b"".join(len(part).to_bytes(8, "little") + part for part in parts)).hexdigest()
    assert fingerprint(tasks.get("cola"), small(train=(["\u00e9"], [1]))) == by_hand


def test_loading_and_fingerprint_of_many_rows_are_fast(files: TaskFiles, tmp_path: Path) -> None:
    qqp = tasks.get("qqp")
    number = 360_000
    texts = [f"How do I do thing number {row} in the shortest time?" for row in range(number)]
    train = {"question1": texts, "question2": texts[::-1], "label": [row % 2 for row in range(number)]}
    files.parquet(tmp_path, qqp, train=train)
    data = load(qqp, str(tmp_path))
    start = time.perf_counter()
    assert fingerprint(qqp, data.splits) == data.fingerprint
    assert time.perf_counter() - start < 3


def test_repeated_contradicting_and_shared_rows_are_notes(files: TaskFiles, tmp_path: Path) -> None:
    cola = tasks.get("cola")
    train = {"sentence": ["a", "a", "a", "b", "c"], "label": [1, 1, 0, 1, 0]}
    validation = {"sentence": ["b", "z"], "label": [0, 1]}
    files.parquet(tmp_path, cola, train=train, validation=validation)
    assert load(cola, str(tmp_path)).notes == (
        "train has 5 of 8,551 official rows",
        "validation has 2 of 1,043 official rows",
        "train: 1 duplicate row",
        "train: 1 row repeats a text with another label",
        "validation: 1 row has its text in training too",
    )


def test_a_rebuilt_file_is_taken_only_without_the_official_one(files: TaskFiles, tmp_path: Path) -> None:
    qnli = tasks.get("qnli")
    home = files.parquet(tmp_path, qnli)
    official = load(qnli, str(tmp_path)).fingerprint
    rebuilt = home / "train_rebuilt.parquet"
    pq.write_table(pa.table({**files.rows(qnli, "train"), "label": [1, 1, 1, 0, 0, 0]}), rebuilt)
    both = load(qnli, str(tmp_path))
    assert both.fingerprint == official
    assert both.notes[0].startswith("train_rebuilt.parquet passed over, train.parquet read")
    (home / "train.parquet").unlink()
    alone = load(qnli, str(tmp_path))
    assert alone.splits["train"].labels == [1, 1, 1, 0, 0, 0]
    assert alone.notes[0] == "train is train_rebuilt.parquet: made again from other data, not the official file"


def test_one_empty_text_of_a_pair_is_a_note_where_official_data_has_it(files: TaskFiles, tmp_path: Path) -> None:
    qqp = tasks.get("qqp")
    rows = files.rows(qqp, "train")
    rows["question2"][4] = ""
    files.parquet(tmp_path, qqp, train=rows)
    data = load(qqp, str(tmp_path))
    assert data.notes[0] == "train: 1 row has an empty question2, first row 5"
    assert data.splits["train"].texts[1][4] == ""
    rows["question1"][4] = " "
    files.parquet(tmp_path, qqp, train=rows)
    assert "question1 and question2 are not both empty: row 5; remove the rows" in files.message(qqp, tmp_path)


def test_broken_rows_of_qqp_are_dropped_with_a_note(files: TaskFiles, tmp_path: Path) -> None:
    qqp = tasks.get("qqp")
    home = files.tsv(tmp_path, qqp)
    lines = files.lines(qqp, "train")
    lines[3:3] = ["7\t8\t9\tWhat is", "this?\tthat?\t0"]
    (home / "train.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    data = load(qqp, str(tmp_path))
    assert len(data.splits["train"]) == 6
    assert data.notes[0] == "train.tsv: 2 broken rows dropped, first line 4"


def test_parquet_is_read_where_both_kinds_of_file_are(files: TaskFiles, tmp_path: Path) -> None:
    rte = tasks.get("rte")
    home = files.parquet(tmp_path, rte)
    (home / "train.tsv").write_text("x", encoding="utf-8")
    data = load(rte, str(tmp_path))
    assert (data.origin, data.notes[0]) == (
        "folder (parquet)",
        "rte: parquet files read, tsv files passed over",
    )


@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
def test_real_data_loads(name: str) -> None:
    """Runs where WEIGHIN_DATA names a folder that holds GLUE, in task folders or one level below."""
    location = os.environ.get("WEIGHIN_DATA")
    if location is None:
        pytest.skip("WEIGHIN_DATA is not set")
    task = tasks.get(name)
    data = load(task, location)
    assert tuple(data.splits) == task.splits
    first = data.splits[task.evaluation[0]]
    if not any(note.startswith(task.evaluation[0] + " has") for note in data.notes):
        assert len(first) == task.evaluation_rows[0]
        if task.metric == "accuracy":
            labels = list(first.labels)
            most = max(labels.count(label) for label in range(task.outputs)) / len(labels)
            assert task.chance == pytest.approx(most, abs=5e-4)
    if task.label_range is not None:
        assert max(first.labels) <= task.label_range[1]
    else:
        assert set(first.labels) == set(range(task.outputs))
