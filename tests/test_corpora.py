"""Texts are found, read alike from any form, known by their content, and refused in a sentence."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import corpora
from benchmarks.corpora import CorpusError
from benchmarks.mini import corpus
from benchmarks.store import Store
from benchmarks.workbench import StageWorkbench
from methods.stages.text import EncodeText

LINES = ["one sentence", "", "a question\tand what follows", "  blanks around  "]


def written(path: Path) -> Path:
    path.write_text("\n".join(LINES), encoding="utf-8")
    return path


def test_a_line_is_a_passage_and_a_tab_parts_it(tmp_path: Path) -> None:
    text = corpora.get(str(written(tmp_path / "own.txt")))
    assert text.rows.texts == (
        ("one sentence", "a question", "blanks around"),
        ("", "and what follows", ""),
    )
    assert (text.name, text.origin, text.lines) == ("own.txt", "file", 3)


def test_the_same_text_has_the_same_fingerprint_in_any_form(tmp_path: Path) -> None:
    plain = corpora.get(str(written(tmp_path / "own.txt")))
    (tmp_path / "set").mkdir()
    pq.write_table(pa.table({"text": LINES}), tmp_path / "set" / "train-0.parquet")
    pq.write_table(pa.table({"text": ["not for training"]}), tmp_path / "set" / "test-0.parquet")
    folder = corpora.get(str(tmp_path / "set"))
    assert folder.origin == "folder"
    assert folder.fingerprint == plain.fingerprint
    (tmp_path / "other.txt").write_text("one sentence")
    assert corpora.get(str(tmp_path / "other.txt")).fingerprint != plain.fingerprint


def test_the_mini_corpus_is_what_the_mini_encoder_began_with() -> None:
    text = corpora.get("mini")
    assert text.lines == corpora.MINI_LINES
    line = corpus(1)[0]
    assert (text.rows.texts[0][0], text.rows.texts[1][0]) == (line.first, line.second or "")


def test_the_hub_is_asked_for_text_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def download(repository: str, **options: object) -> str:
        asked.update(options, repository=repository)
        return str(tmp_path)

    written(tmp_path / "train.txt")
    monkeypatch.setattr(corpora, "snapshot_download", download)
    text = corpora.get("org/text@abc")
    assert text.origin == f"hub org/text@{tmp_path.name}"
    assert asked == {
        "repository": "org/text",
        "repo_type": "dataset",
        "revision": "abc",
        "allow_patterns": ["*.txt", "*.parquet"],
    }


def test_what_is_no_text_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CorpusError, match=r"'\./nowhere', which is not there"):
        corpora.get("./nowhere")
    (tmp_path / "blank.txt").write_text("\n \n")
    with pytest.raises(CorpusError, match=r"one passage a line or more, got none in .*blank\.txt"):
        corpora.get(str(tmp_path / "blank.txt"))
    (tmp_path / "odd.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(CorpusError, match="read as UTF-8, got a byte that is none at 0"):
        corpora.get(str(tmp_path / "odd.txt"))
    pq.write_table(pa.table({"body": ["x"]}), tmp_path / "odd.parquet")
    with pytest.raises(CorpusError, match="has a column 'text', got body"):
        corpora.get(str(tmp_path / "odd.parquet"))

    def download(repository: str, **options: object) -> str:
        raise OSError("no route")

    monkeypatch.setattr(corpora, "snapshot_download", download)
    with pytest.raises(CorpusError, match=r"org/text was not \(OSError\); give a file or a folder"):
        corpora.get("org/text")


def test_a_text_that_changed_since_is_noticed(tmp_path: Path) -> None:
    planned = "f" * 64
    sources = {"corpora": {planned: str(written(tmp_path / "own.txt"))}}
    stage = EncodeText("e" * 64, planned, lines=2, max_length=8)
    bench = StageWorkbench(stage, Store(tmp_path / "store"), tmp_path, sources=sources)
    with pytest.raises(ValueError, match=r"own\.txt: the text is what the run was planned with, ffffffffffff, got"):
        bench.rows(planned, "train")
