"""The paper's numbers beside ours, and the tables of which nothing was measured."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

import methods
from benchmarks.records import Record
from methods.contract import Family
from reports import paper_rows, published, tables
from reports.evidence import Evidence
from reports.tables import finish
from reports.tables.table import NO_RUN, Entry, Table, number
from reports.tables.table import published as printed
from sample_records import sample

NOWHERE = Evidence(Path("nowhere"))


def drawn(name: str, records: list[Record], paper: bool | None = None) -> Table:
    return finish.finished(tables.get(name), records, NOWHERE, paper=paper)


def cells(table: Table) -> dict[tuple[str, str, float | None], Entry]:
    return {(row.method, group.task, column.budget): entry for _, row, group, column, entry in table.placed()}


def sentences(table: Table) -> str:
    return "\n".join(sentence for _, sentence in table.footnotes)


def bert(method: str = "lpaf", task: str = "rte", budget: float = 0.5, value: float = 0.7, **more: Any) -> Record:
    return sample(method, task, budget, value=value, backbone="bert-base", protocol="paper", **more)


def test_every_row_of_the_paper_is_a_method_of_ours_or_has_a_family() -> None:
    known = methods.available()
    named = {(row.table, row.row) for row in paper_rows.rows()}
    assert named == {(cell.table, cell.row) for cell in published.read_all()}
    for row in paper_rows.rows():
        name = row.method.split("(")[0]
        if name in known:
            assert methods.get(row.method).family is row.family
        else:
            assert row.family is not Family.REFERENCE


@pytest.mark.parametrize("name", tables.available())
def test_the_rows_of_our_tables_have_the_papers_numbers(name: str) -> None:
    table = drawn(name, [])
    shown = [entry for *_, entry in table.placed() if entry.published]
    of_paper = [cell for _, cell in paper_rows.cells(tables.get(name).number)]
    before = [cell for cell in of_paper if cell.metric == "accuracy before re-training"]
    assert len(shown) == len(of_paper) - len(before)  # the value before stands in the cell of the value after


def test_the_difference_is_ours_minus_the_papers() -> None:
    found = cells(drawn("table2", [bert(value=0.7), bert("svd-ft", value=0.7)]))
    cell = next(c for _, c in paper_rows.cells("2") if (c.row, c.column) == ("LPAF", "RTE, 50%"))
    entry = found["lpaf", "rte", 0.5]
    assert entry.published is not None
    assert entry.published.printed == cell.printed
    assert entry.published.difference == pytest.approx(70 - cell.value)
    assert printed(entry) == f"{cell.printed} ({70 - cell.value:+.1f})"


def test_the_same_backbone_and_protocol_is_told_apart_from_others() -> None:
    same, other = drawn("table2", [bert()]), drawn("table2", [sample()])
    assert "the difference is of two means, without a test" in sentences(same)
    assert "off-protocol" not in sentences(same)
    assert "off-protocol: ours are of mini, protocol quick" in sentences(other)
    assert "replicat" not in sentences(same) + sentences(other)


@pytest.mark.parametrize(
    "record",
    [
        bert(task="mini-rte"),
        bert(budget=0.4),
        bert(metric="f1", metrics={"validation": {"f1": 0.7}}),
        bert("up-zero"),
    ],
    ids=["mini task", "budget", "metric", "method"],
)
def test_other_cells_have_no_number_of_the_paper(record: Record) -> None:
    table = drawn("table2", [record])
    assert not any(entry.published for *_, entry in table.placed())
    assert "paper" not in sentences(table)
    assert "paper: Table 2 has none of these cells" in sentences(drawn("table2", [record], paper=True))


def test_the_papers_numbers_can_be_left_out() -> None:
    table = drawn("table2", [bert()], paper=False)
    assert not any(row.published for block in table.blocks for row in block.rows)


def test_errata_are_marked_footnotes() -> None:
    table = drawn("table3", [])
    entry = cells(table)["tinybert", "squad-v2.0", 0.25]
    assert entry.published is not None
    assert "repeats other cells" in dict(table.footnotes)[entry.published.marks]


def test_table_5_has_both_numbers_of_the_paper() -> None:
    entry = cells(drawn("table5", []))["lpaf", "sst2", 0.5]
    assert printed(entry) == "81.4 → 92.4"


def test_table_4_has_the_papers_ranks() -> None:
    entry = cells(drawn("table4", []))["lpaf(v=0.25, weighting='none', mixed_rank=False)", "sst2", None]
    assert printed(entry) == "557"


@pytest.mark.parametrize("name", [name for name in tables.available() if name != "table1"])
def test_what_was_not_measured_says_no_run(name: str) -> None:
    table = drawn(name, [])
    assert {number(entry) for *_, entry in table.placed()} == {NO_RUN}
    assert "no run: nothing of this table has been measured" in sentences(table)
    assert table.source == ""
    assert not re.search("failed|refused", sentences(table))


def test_rows_without_a_run_stand_in_the_papers_order() -> None:
    labels = [row.method for block in drawn("table8", []).blocks for row in block.rows]
    assert labels == ["ckd", "svd-ft", "lpaf", "dense"]


def test_table_1_is_computed_from_the_rank() -> None:
    table = drawn("table1", [])
    rows = {row.method: [round(entry.mean or 0, 2) for entry in row.entries] for row in table.blocks[0].rows}
    assert rows["dense"] == [100.0, 84.93, 11.19, 35.37]  # 84,934,656 weights
    assert rows["lpaf(rank=260)"][:2] == [50.78, 43.13]
    assert "off-protocol" not in sentences(table)


def test_table_1_has_the_counters_of_records() -> None:
    records = [sample(budget=budget, seed=seed) for budget in (0.5, 0.25) for seed in (1, 2)]
    table = drawn("table1", [*records, sample("dense", budget=1.0)])
    assert [column.head for group in table.groups for column in group.columns][-1] == "MACs (G), 32"
    rows = {row.label: row.entries for row in table.blocks[1].rows}
    assert list(rows) == ["LPAF, 50 % kept, rank 50", "LPAF, 25 % kept, rank 25", "Dense"]
    assert (rows["LPAF, 25 % kept, rank 25"][0].mean, rows["LPAF, 25 % kept, rank 25"][0].n) == (25.0, 2)
    assert rows["Dense"][-1].mean == pytest.approx(1e-3)


def test_table_8_has_a_column_for_each_split_of_mnli() -> None:
    metrics = {"validation_matched": {"accuracy": 0.8}, "validation_mismatched": {"accuracy": 0.7}}
    records = [
        sample(method, "mnli", 1.0 if method == "dense" else 0.5, split="validation_matched", metrics=metrics)
        for method in ("lpaf", "svd-ft", "dense")
    ]
    table = drawn("table8", records)
    assert [group.task for group in table.groups] == ["mnli", "mnli-mm"]
    found = cells(table)
    assert found["lpaf", "mnli", 0.5].mean == pytest.approx(80)
    assert found["lpaf", "mnli-mm", 0.5].mean == pytest.approx(70)
    assert printed(found["lpaf", "mnli-mm", 0.5]) == "84.5 (-14.5)"
    again = dataclasses.replace(records[0], task="mnli-mm", split="validation_mismatched")
    assert len(tables.get("table8").taken([*records, again])) == 4
