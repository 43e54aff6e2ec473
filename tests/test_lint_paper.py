"""The machine checks of published tables: what they find, what they leave alone."""

import csv
import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import lint_paper, published
from reports.lint import grim, sizes, values
from reports.lint.findings import Checked
from reports.published import Published

CELL = Published("2", "A", "RTE, 50%", "a", "bert-base", "rte", 0.5, 260, "accuracy", "68.2", "%", 277, 3, "", "")


def cell(**changes: object) -> Published:
    return dataclasses.replace(CELL, **changes)  # type: ignore[arg-type]


def by_name(results: tuple[Checked, ...]) -> dict[str, Checked]:
    return {one.check: one for one in results}


@given(st.integers(1, 500), st.integers(1, 5), st.integers(0, 3), st.data())
def test_every_true_mean_is_possible_however_it_is_rounded(
    n: int, runs: int, places: int, data: st.DataObject
) -> None:
    right = [data.draw(st.integers(0, n)) for _ in range(runs)]
    mean = 100 * sum(right) / (n * runs)
    assert grim.possible(f"{mean:.{places}f}", n, runs)
    below, above = grim.nearest(f"{mean:.{places}f}", n, runs)
    assert below <= float(f"{mean:.{places}f}") + 1e-9 <= above + 2e-9


@given(st.integers(1, 300), st.integers(1, 4), st.data())
def test_a_mean_of_rounded_runs_is_possible_by_that_convention(n: int, runs: int, data: st.DataObject) -> None:
    rounded = [round(100 * data.draw(st.integers(0, n)) / n, 1) for _ in range(runs)]
    printed = f"{sum(rounded) / runs:.1f}"
    assert "every run rounded before the mean" in grim.conventions(printed, n, runs)


def test_impossible_means() -> None:
    assert not grim.possible("50.0", 7, 1)
    assert grim.conventions("50.0", 7, 1) == ()
    assert not grim.possible("100.1", 10, 1)
    found = values.possible_means([cell(printed="67.2"), cell(printed="68.2"), cell(runs=None), cell(metric="f1")])
    assert found.tested == 2
    assert [one.cells[0].printed for one in found.findings] == ["67.2"]
    assert "does not reproduce from 3 runs over 277 examples" in found.findings[0].says


def test_equal_cells_of_two_tasks_and_of_two_methods() -> None:
    tasks = {"rte": ("85.3", "78.2"), "mrpc": ("85.3", "78.2"), "qnli": ("85.3", "70.0")}
    cells = [
        cell(task=task, column=f"{task} {budget}", printed=printed, budget=budget)
        for task, both in tasks.items()
        for budget, printed in zip((0.25, 0.16), both, strict=True)
    ]
    found = values.equal_cells(cells)
    assert len(found.findings) == 1
    assert {one.task for one in found.findings[0].cells} == {"rte", "mrpc"}
    other = [dataclasses.replace(one, row="B", method="b") for one in cells if one.task == "rte"]
    assert len(values.equal_cells([*cells, *other]).findings) == 2
    again = [dataclasses.replace(one, table="5") for one in cells if one.task == "rte"]
    assert len(values.equal_cells([*[one for one in cells if one.task == "rte"], *again]).findings) == 0


def test_chance_dense_and_budget() -> None:
    cells = [
        cell(row="dense", method="dense", budget=1.0, k=None, column="RTE", printed="69.2"),
        cell(printed="70.0"),
        cell(budget=0.25, column="RTE, 25%", printed="50.0"),
        cell(budget=0.16, column="RTE, 16%", printed="50.1"),
    ]
    assert [one.cells[0].printed for one in values.above_chance(cells).findings] == ["50.0", "50.1"]
    assert [one.cells[0].printed for one in values.below_dense(cells).findings] == ["70.0"]
    assert [one.cells[1].printed for one in values.falls_with_budget(cells).findings] == ["50.1"]
    assert values.falls_with_budget(cells).tested == 3


def test_sizes_from_the_rank() -> None:
    bert = sizes.ENCODERS["bert-base"]
    assert bert.weights(None) == 84_934_656
    assert bert.weights(260) == 43_130_880
    assert [round(bert.macs(384, k) / 1e9, 2) for k in (None, 260, 130, 80)] == [35.37, 19.32, 11.04, 7.85]
    share = cell(metric=sizes.SHARE, task="", printed="50")
    assert "50.78 %" in sizes.shares([share]).findings[0].says
    assert sizes.shares([cell(metric=sizes.SHARE, task="", printed="51")]).findings == ()
    assert sizes.shares([cell(metric=sizes.SHARE, task="", backbone="else")]).tested == 0
    none = cell(metric=sizes.MACS, task="squad", unit="G", printed="0.0000001")
    assert "no length gives it" in sizes.macs([none]).findings[0].says


def test_the_paper_shows_what_its_errata_say() -> None:
    results = by_name(lint_paper.lint_files())
    assert {cell.place for one in results["chance"].findings for cell in one.cells} == {
        "Table 2, - Step-1, RTE, 25%",
        "Table 2, - Step-1, RTE, 16%",
    }
    repeated = [one for one in results["equal cells"].findings if "squad-v2.0" in one.says]
    assert {one.cells[0].row for one in repeated} == {"TinyBERT", "Theseus", "SVD_Ft"}
    assert [len(results[name].findings) for name in ("possible mean", "one configuration", "parameters")] == [4, 1, 1]
    assert {one.cells[0].column for one in results["MACs"].findings} == {"FLOPs, GLUE", "FLOPs, SQuAD"}
    for name in ("possible mean", "chance", "one configuration", "parameters", "MACs"):
        assert all(one.explained for one in results[name].findings)


def test_every_erratum_that_a_check_could_find_is_found() -> None:
    """What the checks cannot know: the stated search space, and what a fuller method reached."""
    found = {cell.place for one in lint_paper.lint_files() for finding in one.findings for cell in finding.cells}
    missed = {cell.errata for cell in published.read_all() if cell.errata and cell.place not in found}
    assert missed == {"outside the stated search", "above the fuller method"}


def test_the_words_are_neutral_and_narrow() -> None:
    lines = list(lint_paper.words(lint_paper.lint_files()))
    assert max(map(len, lines)) <= lint_paper.WIDTH
    text = " ".join(lines).lower()
    assert not any(word in text for word in ("fraud", "fake", "wrong", "cheat", "fabricat"))


def test_another_table_of_the_same_form(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, published.COLUMNS)
        writer.writeheader()
        row = {"table": "9", "row": "Ours", "column": "x", "metric": "accuracy", "value": "12.3", "unit": "%"}
        writer.writerow({**row, "n_examples": 10, "runs": 1})
    results = by_name(lint_paper.lint_files([path]))
    assert len(results["possible mean"].findings) == 1
    assert sum(len(one.findings) for one in results.values()) == 1
    data = lint_paper.as_data(results.values())
    assert data[0]["findings"][0]["cells"][0]["value"] == "12.3"


@pytest.mark.parametrize("check", lint_paper.CHECKS)
def test_no_cells_no_findings(check: object) -> None:
    assert callable(check)
    assert check([]) == Checked(check([]).check, 0, ())
