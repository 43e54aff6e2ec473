"""Figures 2-4: every figure of the registry is drawn from records and from nothing, alike twice, and says its n."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

import weighin
from benchmarks import experiment, spectra
from benchmarks.cells import Cell
from benchmarks.experiment import Results
from benchmarks.records import Record
from methods.ops.rank import describe
from reports import figures
from reports.faults import UsageError
from reports.figures import canvas, figure_2, figure_3, figure_4
from reports.figures.picture import Picture, Wanted
from reports.tables.consistency import MixedRecordsError
from reports.tables.table import Gap
from sample_records import MATRICES, inspected, sample

TASKS, SEEDS, BUDGETS = ("rte", "mrpc"), (1, 2, 3), (0.75, 0.5, 0.25, 0.1)


PAPER = ("figure2", "figure3", "figure4")  # the others: test_report_all


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("figures") / "runs"


@pytest.fixture(scope="module")
def records(runs: Path) -> list[Record]:
    """All that the figures need by default."""
    plain = [sample("dense", task, 1.0, seed, 0.9) for task in TASKS for seed in SEEDS]
    plain += [
        sample(method, task, budget, seed, 0.5 + budget / 3 + seed / 100)
        for task in TASKS
        for method in ("svd-ft", "up-zero", "up-first")
        for budget in BUDGETS
        for seed in SEEDS
    ]
    return inspected(plain, runs)


def drawn(name: str, records: list[Record], runs: Path, **choices: Any) -> Picture:
    blueprint = figures.get(name)
    return blueprint.draw(Wanted.of(blueprint.defaults, records, runs=runs, **choices))


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(weighin.app, [str(word) for word in words])


def test_the_registry_has_the_papers_figures() -> None:
    assert figures.available()[:3] == PAPER


@pytest.mark.parametrize("name", PAPER)
def test_every_figure_is_drawn_with_its_words_and_equal_bytes_twice(
    name: str, records: list[Record], runs: Path, tmp_path: Path
) -> None:
    for attempt in "ab":
        picture = drawn(name, records, runs)
        for form in canvas.FORMS:
            canvas.save(picture.figure, tmp_path / attempt / f"{name}.{form}")
    assert picture.footnotes == ()
    assert picture.caption.startswith(f"Figure {name[-1]}. ")
    assert "n = 3 seeds" in picture.caption
    assert picture.rows
    for form in canvas.FORMS:
        first, second = (tmp_path / attempt / f"{name}.{form}" for attempt in "ab")
        assert first.read_bytes() == second.read_bytes()
    assert (tmp_path / "a" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    pixels = matplotlib.image.imread(tmp_path / "a" / f"{name}.png")
    assert float(np.std(pixels[..., :3])) > 0.05  # not blank


@pytest.mark.parametrize("name", PAPER)
def test_every_figure_is_drawn_from_nothing_and_says_so(name: str, tmp_path: Path) -> None:
    picture = drawn(name, [], tmp_path)
    assert "Nothing has been measured yet." in picture.caption
    assert all(note.startswith("no run (not measured): ") for note in picture.footnotes)
    for method in (*(figures.get(name).defaults.methods or ()), figures.get(name).defaults.reference):
        label = {"svd-ft": "SVD_Ft", "up-zero": "UP_zero", "up-first": "UP_first", "dense": "Dense"}.get(method, "")
        assert label in picture.footnotes[0]
    texts = [text.get_text() for panel in picture.figure.axes for text in panel.texts]
    assert texts == ["no run"] * len(picture.figure.axes)


@pytest.mark.parametrize("name", PAPER)
def test_records_that_may_not_be_compared_are_refused(name: str, records: list[Record], runs: Path) -> None:
    stranger = dataclasses.replace(records[-1], protocol="paper", seed=9)
    with pytest.raises(MixedRecordsError):
        drawn(name, [*records, stranger], runs)


def test_missing_cells_are_named_with_their_reasons(records: list[Record], runs: Path) -> None:
    lost = [r for r in records if (r.method, r.task, r.budget, r.seed) != ("up-first", "mrpc", 0.1, 2)]
    lost = [r for r in lost if (r.method, r.task, r.budget) != ("up-zero", "mrpc", 0.1)]
    gap = Gap("up-zero", "UP_zero", "Unstructured pruning", "mrpc", 0.1, 1, "NaN loss at step 7", refused=False)
    for name in PAPER:
        picture = drawn(name, lost, runs, gaps=[gap])
        assert "n = 2 of 3 (not measured): UP_first on mrpc at 10 %." in picture.footnotes
        assert "no run (NaN loss at step 7; not measured): UP_zero on mrpc at 10 %." in picture.footnotes
        texts = [text.get_text() for panel in picture.figure.axes for text in panel.texts]
        assert any(text.startswith("no run") for text in texts)


def test_figure_2_plots_means_and_breaks_lines_at_missing_cells(records: list[Record], runs: Path) -> None:
    some = [r for r in records if (r.method, r.task, r.budget) != ("up-first", "rte", 0.5)]
    picture = drawn("figure2", some, runs)
    rows = {(row["task"], row["method"], row["budget"]): row for row in picture.rows}
    row = rows["mrpc", "up-zero", "25 %"]
    cell = [r for r in records if (r.task, r.method, r.budget) == ("mrpc", "up-zero", 0.25)]
    assert row["n"] == 3
    assert row["metric"] == pytest.approx(100 * np.mean([r.value for r in cell]))
    assert row["rank_sd"] == pytest.approx(np.std([r.ranks["rank"] for r in cell], ddof=1))
    assert rows["rte", "up-first", "50 %"]["metric"] is None
    panel = picture.figure.axes[0]  # rte, metric
    broken = [line for line in panel.lines if np.isnan(np.asarray(line.get_ydata(), dtype=float)).any()]
    assert len([line for line in broken if line.get_marker() == "^"]) == 1  # UP_first's
    assert "no run: UP_first" in [text.get_text() for text in panel.texts]
    (dense,) = [line for line in panel.lines if line.get_label() == "Dense"]
    assert dense.get_linestyle() == "--"
    assert float(dense.get_ydata()[0]) == pytest.approx(90.0)


def test_figure_3_counts_what_the_file_holds(records: list[Record], runs: Path, tmp_path: Path) -> None:
    picture = drawn("figure3", records, runs)
    path = canvas.save(picture.figure, tmp_path / "figure3.svg")
    words = path.read_text(encoding="utf-8")
    for row in picture.rows:
        record = next(
            r for r in records if (r.method, r.task, r.budget, r.seed) == (row["method"], "mrpc", 0.1, row["seed"])
        )
        assert record.inspection is not None
        pattern = spectra.read(record.path(runs).with_name(record.inspection.arrays)).pattern
        assert pattern is not None
        rows, columns = sum(not any(line) for line in pattern), sum(not any(line) for line in pattern.T)
        assert (row["zero_rows"], row["zero_columns"]) == (rows, columns)
        assert f"<!-- output units (zero rows: {rows} of 24) -->" in words
        assert f"<!-- input units (zero columns: {columns} of 24) -->" in words
        drawn_shades = figure_3.shades(pattern)
        assert (drawn_shades == figure_3.KEPT).sum() == pattern.sum()
        assert (drawn_shades == figure_3.STRUCK).all(axis=1).sum() >= rows
    assert picture.rows[1]["zero_rows"] > picture.rows[0]["zero_rows"]


def test_figure_4_measures_what_truncation_loses() -> None:
    weight = torch.randn(30, 20, generator=torch.Generator().manual_seed(0))
    spectrum = describe(weight)
    values = spectrum.singular_values.numpy().astype(np.float32)
    left, sigma, right = torch.linalg.svd(weight, full_matrices=False)
    for k in (1, 7, 20):
        approximation = (left[:, :k] * sigma[:k]) @ right[:k]
        assert figure_4.error(values, k) == pytest.approx(float(torch.linalg.norm(weight - approximation)), abs=1e-4)
        assert figure_4.error(values, k) == pytest.approx(spectrum.truncation_error(k), abs=1e-5)
        assert figure_4.share(values, k) == pytest.approx(spectrum.captured(k), rel=1e-5)
    assert figure_4.share(np.zeros(4, np.float32), 2) == 1.0
    assert figure_4.error(np.zeros(4, np.float32), 2) == 0.0


def test_the_ranks_of_figure_4_go_with_the_width(records: list[Record], runs: Path) -> None:
    assert figure_4.ranks(768) == (40, 60, 80, 100)
    assert figure_4.ranks(384) == (20, 30, 40, 50)
    assert figure_4.ranks(96) == (5, 8, 10, 13)
    assert figure_4.ranks(8) == (1,)
    picture = drawn("figure4", records, runs)
    assert "in proportion to the width (24 / 768, rounded)" in picture.caption
    rows = {(row["method"], row["k"]): row for row in picture.rows}
    assert {k for _, k in rows} == {1, 2, 3}
    assert rows["up-first", 3]["share"] > rows["up-zero", 3]["share"] > 0
    assert rows["dense", 1]["matrices"] == len(MATRICES)


def test_a_record_without_singular_values_is_said_not_drawn(records: list[Record], runs: Path) -> None:
    old = [dataclasses.replace(r, inspection=None) if r.method == "up-zero" else r for r in records]
    for name in ("figure3", "figure4"):
        (note,) = drawn(name, old, runs).footnotes
        assert note.startswith("no run (measured before singular values were kept; run the figure to add them)")
    (note,) = drawn("figure3", records, runs, methods=("svd-ft",)).footnotes
    assert "factorized" in note
    assert drawn("figure2", old, runs).footnotes == ()  # the averages are in old records too


def test_a_lost_or_broken_file_is_a_sentence(records: list[Record], tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"file beside it, got .*spectra\.npz, which cannot be read .*run the figure"
    ):
        drawn("figure3", records, tmp_path)
    copies = inspected(records, tmp_path)
    for copy in copies:
        if copy.inspection and copy.inspection.arrays:
            copy.path(tmp_path).with_name(copy.inspection.arrays).write_bytes(b"no archive")
    with pytest.raises(UsageError, match="cannot be read"):
        drawn("figure4", copies, tmp_path)


def test_the_mini_worlds_tasks_stand_in_for_the_papers(runs: Path) -> None:
    mini = [sample("up-zero", "mini-rte", 0.1), sample("up-zero", "mini-mrpc", 0.1)]
    assert Wanted.of(figure_4.DEFAULTS, mini, runs=runs).tasks == ("mini-mrpc", "mini-rte")
    assert Wanted.of(figure_2.DEFAULTS, [sample("up-zero", "rte", 0.1), *mini], runs=runs).tasks == ("rte", "mrpc")


def test_report_writes_all_forms_or_the_one_asked(records: list[Record], runs: Path, tmp_path: Path) -> None:
    result = call("report", "figure3", "--runs", runs)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (runs.parent / "figures").iterdir()) == [
        "figure3.pdf",
        "figure3.png",
        "figure3.svg",
    ]
    assert re.sub(r"\s+", " ", result.stdout).startswith("Figure 3. Weights of layer.0.query (24 x 24)")
    assert "written: " in result.stderr
    found = json.loads(call("report", "figure3", "--runs", runs, "--out", tmp_path / "x.svg", "--json").stdout)
    assert found["written"] == [str(tmp_path / "x.svg")]
    assert found["figure"]["rows"][0]["matrix"] == "layer.0.query"
    assert (tmp_path / "x.svg").is_file()
    chosen = call("report", "figure3", "--runs", runs, "--out", tmp_path / "y", "--format", "png", "--budgets", "0.5")
    assert chosen.exit_code == 0, chosen.output
    assert "at 50 %" in re.sub(r"\s+", " ", chosen.stdout)
    assert [path.name for path in tmp_path.iterdir() if path.stem == "y"] == ["y.png"]


WRONG = {
    "name": (["report", "figur3"], "did you mean 'figure3'"),
    "format": (
        ["report", "figure3", "--format", "md"],
        "--format of a figure is one of png, svg, pdf, all, got 'md'",
    ),
    "ending": (["report", "figure3", "--out", "x.jpg"], "--out of a figure ends in .png, .svg, .pdf, got x.jpg"),
    "both": (
        ["report", "figure3", "--out", "x.png", "--format", "svg"],
        "--out and --format agree, got x.png and svg",
    ),
    "budget": (["report", "figure3", "--budgets", "half"], "--budgets is a list of numbers"),
    "no such budget": (["report", "figure3", "--budgets", "0.33"], "--budgets chooses among the records'"),
    "no records": (["report", "figure2", "--runs", "nowhere"], "run a table first"),
    "plan": (["plan", "figure2", "--tasks", "mini-rte", "--budgets", "50"], "write 0.5 for 50 %"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage_is_status_2_and_a_sentence(
    case: str, records: list[Record], runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words, sentence = WRONG[case]
    where = [] if "--runs" in words or words[0] == "plan" else ["--runs", runs]
    result = call(*words, *where)
    assert result.exit_code == 2, result.output
    assert sentence in re.sub(r"\s+", " ", result.stderr)
    assert list(tmp_path.iterdir()) == []


def test_run_measures_and_draws_what_was_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Cell] = []

    def execute(cells: list[Cell], options: object, *, runs: Path, **more: object) -> Results:
        asked.extend(cells)
        plain = [sample(c.method, "mini-rte", c.setting.budget.kept, c.setting.seed, key=c.key) for c in cells[1:]]
        return Results(records=inspected(plain, runs), failed={cells[0].key: "NaN loss at step 7"})

    monkeypatch.setattr(experiment, "execute", execute)
    words = ("--tasks", "mini-rte", "--seeds", "1", "--budgets", "0.5", "--protocol", "smoke")
    result = call("run", "figure4", *words, "--runs", tmp_path / "runs", "--store", tmp_path / "store")
    assert result.exit_code == 1
    assert [cell.method for cell in asked] == ["up-zero", "up-first", "dense"]
    assert "no run (NaN loss at step 7): UP_zero on mini-rte at 50 %." in re.sub(r"\s+", " ", result.stdout)
    assert sorted(path.suffix for path in (tmp_path / "figures").iterdir()) == [".pdf", ".png", ".svg"]


def test_plan_lists_a_figures_stages(tmp_path: Path) -> None:
    words = ("plan", "figure3", "--tasks", "mini-rte", "--protocol", "smoke", "--store", tmp_path, "--json")
    stages = json.loads(call(*words).stdout)["stages"]
    kinds = sorted(stage["kind"] for stage in stages)
    assert kinds == ["encode", "evaluate", "evaluate", "finetune", "inspect", "inspect", "logits", "prune", "prune"]
    assert next(stage["shared_by"] for stage in stages if stage["kind"] == "finetune") == 2  # cells, not stages
    assert next(stage["shared_by"] for stage in stages if stage["kind"] == "prune") == 1
