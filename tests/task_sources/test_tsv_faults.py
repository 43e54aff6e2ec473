"""Every fault of GLUE's text files, with its message."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import tasks

TaskFiles = Any  # the class of conftest.py


LineChange = Callable[[list[str]], list[str]]

TSV_FAULTS: list[tuple[str, LineChange, str]] = [
    (
        "rte",
        lambda lines: [lines[0], lines[1] + "\tx", lines[2], "", *lines[3:]],
        "each line has 4 fields separated by tabs (index, sentence1, sentence2, label): line 2 (has 5), "
        "line 4 (has 1); take GLUE's own file",
    ),
    (
        "rte",
        lambda lines: [lines[0].replace("sentence1", "Sentence1"), *lines[1:]],
        "missing sentence1; probably renamed: rename 'Sentence1' to 'sentence1'",
    ),
    (
        "rte",
        lambda lines: [*lines[:2], lines[2].replace("not_entailment", "maybe"), *lines[3:]],
        "labels are 0 (entailment) or 1 (not_entailment): line 3 (got 'maybe'); take the file as GLUE",
    ),
    (
        "rte",
        lambda lines: [*lines[:2], lines[2].replace("not_entailment", "1"), *lines[3:]],
        "line 3 (got '1'); class names and class ids were mixed up",
    ),
    (
        "sst2",
        lambda lines: [lines[0], *(line[:-1] + "-1" for line in lines[1:])],
        "line 2 (got '-1'), line 3 (got '-1'), line 4 (got '-1') ... (6 in all); -1 marks the test split",
    ),
    ("cola", lambda lines: [*lines[:5], "x\t1\t*\t "], "sentence is never empty, but is: line 6"),
    ("cola", lambda lines: ["source\tlabel\tmark\tsentence", *lines], "line 1 (got 'label')"),
    (
        "stsb",
        lambda lines: [*lines[:4], lines[4].replace("2.667", "high"), *lines[5:]],
        "line 5 (got 'high')",
    ),
    ("qqp", lambda lines: [*lines[:4], lines[4] + "\t\t", *lines[5:]], "is_duplicate): line 5 (has 8)"),
    (
        "rte",
        lambda lines: [line.rsplit("\t", 1)[0] for line in lines],
        "has index, sentence1, sentence2; missing label; test files have no labels",
    ),
    ("sst2", lambda lines: lines[:1], "a split has one row at least, this one has none"),
    ("sst2", lambda _: [], "needs the columns sentence, label; has none"),
]


@pytest.mark.parametrize(("name", "change", "expected"), TSV_FAULTS)
def test_faults_of_text_files(files: TaskFiles, name: str, change: LineChange, expected: str, tmp_path: Path) -> None:
    task = tasks.get(name)
    home = files.tsv(tmp_path, task)
    lines = change(files.lines(task, "train"))
    (home / "train.tsv").write_bytes("".join(line + "\n" for line in lines).encode())
    message = files.message(task, tmp_path)
    assert f"- {home / 'train.tsv'}: " in message
    assert expected in message


def test_bytes_that_are_no_utf_8_in_text_files(files: TaskFiles, tmp_path: Path) -> None:
    sst2 = tasks.get("sst2")
    home = files.tsv(tmp_path, sst2)
    (home / "dev.tsv").write_bytes(b"sentence\tlabel\nfine\t1\ncaf\xe9\t1\n")
    assert "dev.tsv: text is UTF-8: line 3 (byte 0xe9); fetch the file again" in files.message(sst2, tmp_path)
