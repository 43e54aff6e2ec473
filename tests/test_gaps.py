"""Cells without a record: kept beside the records, seen in tables, figures and on the page, gone when measured."""

import dataclasses
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import weighin
from benchmarks import gaps, records
from reports import selection
from reports.faults import UsageError
from sample_gaps import gap_of
from sample_records import sample, samples

REASON = "knows no classes <b>|&\\emph{x}"


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(weighin.app, [str(word) for word in words])


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Records of three methods on rte, a method that was refused, and one that failed with one of its seeds."""
    folder = tmp_path / "runs"
    for record in samples(("rte",), (0.5,)):
        if (record.method, record.seed) != ("svd-ft", 2):
            record.write(folder)
    for seed in (1, 2, 3):
        gap_of(sample("up-first", "rte", 0.5, seed), "refused", REASON).write(folder)
    gap_of(sample("svd-ft", "rte", 0.5, 2)).write(folder)
    return folder


def test_a_gap_is_read_as_it_was_written_and_is_no_record(runs: Path) -> None:
    found = list(gaps.read_all(runs))
    assert len(found) == 4
    assert found == sorted(found, key=lambda gap: gap.path(runs))
    assert gaps.read(found[0].path(runs)) == found[0]
    assert not any("gap" in record.key for record in records.read_all(runs))
    assert len(list(records.read_all(runs))) == 11
    # one cell has one gap, whatever became of it
    again = dataclasses.replace(found[0], state="failed", reason="other")
    assert again.write(runs) == found[0].path(runs)


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 1}', '{"schema": 99}'])
def test_a_file_that_is_no_gap_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.gap.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"x\.gap\.json"):
        gaps.read(path)
    with pytest.raises(UsageError):
        selection.read_found(tmp_path)


def test_a_state_without_a_word_is_refused() -> None:
    with pytest.raises(ValueError, match="refused or failed, got 'lost'"):
        gap_of(sample(), "lost")


def test_a_table_has_a_row_and_a_footnote_for_them(runs: Path) -> None:
    said = call("report", "table2", "--runs", runs)
    assert said.exit_code == 0, said.output
    words = " ".join(said.output.split())
    assert "UP_first" in words
    assert "refused: knows no classes" in words
    assert "n = 2 of 3: seed 2 failed: the loss was NaN at step 3" in words
    assert "(11 without predictions) and 4 refused or failed" in words
    chosen = call("report", "table2", "--runs", runs, "--methods", "lpaf,up-first")
    assert "refused: knows no classes" in " ".join(chosen.output.split())
    assert "NaN" not in chosen.output


@pytest.mark.parametrize(
    ("form", "kept", "broken"),
    [("html", "&lt;b&gt;", "<b>|"), ("latex", r"\textbackslash{}emph\{x\}", r"\emph{x}"), ("md", r"\|&", "<b>|")],
)
def test_reasons_are_escaped(runs: Path, form: str, kept: str, broken: str) -> None:
    said = call("report", "table2", "--runs", runs, "--format", form)
    assert said.exit_code == 0, said.output
    assert "knows no classes" in said.output
    assert kept in said.output
    assert broken not in said.output


def test_a_figure_says_them_and_its_hash_knows_them(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "reports"
    first = call("report", "all", "--runs", runs, "--out", out)
    assert first.exit_code == 0, first.output
    said = call("report", "pareto", "--runs", runs, "--out", tmp_path / "p.svg")
    assert "n = 2 of 3 (the loss was NaN at step 3): SVD_Ft on rte at 50" in " ".join(said.output.split())
    assert call("report", "all", "--check", "--runs", runs, "--out", out).exit_code == 0
    gap_of(sample("svd-ft", "rte", 0.5, 2), reason="out of ideas").write(runs)
    checked = call("report", "all", "--check", "--runs", runs, "--out", out)
    assert checked.exit_code == 1
    for name in ("table2.md", "pareto.svg"):
        assert name in checked.output


@pytest.mark.parametrize("name", ["critical-difference", "profile"])
def test_figures_across_tasks_say_who_is_left_out_and_why(runs: Path, tmp_path: Path, name: str) -> None:
    said = " ".join(call("report", name, "--runs", runs, "--out", tmp_path / "x.svg").output.split())
    assert "Left out: SVD_Ft at 50 %: no rte with all seeds (the loss was NaN at step 3)." in said
    assert "Left out: UP_first at 50 %: no rte with all seeds (knows no classes" in said


def test_a_folder_of_reports_is_a_folder(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    said = call("report", "all", "--runs", runs, "--out", tmp_path / "file")
    assert said.exit_code == 2
    assert "is a folder, got the file" in said.output


def test_a_measured_cell_has_no_gap(runs: Path) -> None:
    sample("svd-ft", "rte", 0.5, 2).write(runs)  # by another program version, which did not clear the gap
    assert {gap.method for gap in selection.read_found(runs).gaps} == {"up-first"}


def test_gaps_of_other_recipes_data_or_encoders_stay_out(runs: Path) -> None:
    strange = sample("up-zero", "rte", 0.25, 7)
    for changes in (
        {"recipes": {"name": "quick", "dense": {"epochs": 9}}},
        {"task_fingerprint": "other"},
        {"backbone_fingerprint": "other"},
        {"protocol": "paper"},
    ):
        gap_of(strange, reason="stranger", **changes).write(runs)
    assert len(selection.read_found(runs).gaps) == 8
    said = call("report", "table2", "--runs", runs)
    assert said.exit_code == 0, said.output
    assert "stranger" not in said.output


def test_of_gaps_alone_there_is_a_table_and_a_sentence(tmp_path: Path) -> None:
    for seed in (1, 2):
        gap_of(sample("up-first", "rte", 0.5, seed), "refused", "no").write(tmp_path)
    said = call("report", "table2", "--runs", tmp_path)
    assert said.exit_code == 0, said.output
    assert "refused: no" in said.output
    compared = call("compare", "lpaf", "svd-ft", "--runs", tmp_path)
    assert compared.exit_code == 2
    assert "2 refused or failed cells" in compared.output
