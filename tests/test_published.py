"""The published numbers: every table is loaded, every cell is there, and a wrong form is told."""

from collections import Counter
from pathlib import Path

import pytest

from benchmarks import tasks
from reports import published
from reports.faults import UsageError

# rows x columns as printed: methods x tasks x budgets, and the dense model's row where it has one
CELLS = {
    "1": 4 * 3,
    "2": 15 * 6 * 3 + 6,
    "3": 8 * 2 * 3 + 2,
    "4": 3 * 4,
    "5": 3 * 3 * 2,
    "6": 3 * 3,
    "7": 5 * 3,
    "8": 4 * 4,
}


def test_every_cell_of_the_paper_is_there_once() -> None:
    assert [path.name for path in published.files()] == [f"table_{n}.csv" for n in range(1, 9)]
    cells = published.read_all()
    assert Counter(cell.table for cell in cells) == CELLS
    assert len({(cell.table, cell.row, cell.column) for cell in cells}) == sum(CELLS.values())


def test_a_table_holds_cells_of_its_number_alone() -> None:
    for path in published.files():
        assert {cell.table for cell in published.read(path)} == {path.stem.removeprefix("table_")}


def test_examples_and_units_agree_with_the_tasks() -> None:
    for cell in published.read_all():
        if cell.metric in ("accuracy", "f1"):
            assert cell.unit == "%"
            assert 0 < cell.value < 100
            assert cell.n_examples is not None
        if cell.task in tasks.available() and cell.n_examples is not None:
            assert cell.n_examples == tasks.get(cell.task).evaluation_rows[0]


def test_digits_are_kept_as_printed() -> None:
    cells = {cell.place: cell for cell in published.read_all()}
    assert cells["Table 2, LPAF, RTE, 25%"].printed == "68.0"
    assert cells["Table 2, LPAF, RTE, 25%"].unit_of_last_digit == pytest.approx(0.1)
    assert cells["Table 4, v=0.50, rank"].unit_of_last_digit == 1
    assert cells["Table 4, v=0.50, k=260"].runs is None  # the paper does not say


def test_an_average_of_the_paper_is_found_again() -> None:
    """'99.8 % retained' of the abstract is LPAF-260's average over the GLUE tasks against BERT-base's."""
    cells = [cell for cell in published.read_all() if cell.table == "2"]
    mean = {
        row: sum(cell.value for cell in cells if cell.row == row and cell.budget == budget) / 6
        for row, budget in (("LPAF", 0.5), ("BERT-base", 1.0))
    }
    assert round(100 * mean["LPAF"] / mean["BERT-base"], 1) == 99.8


HEAD = ",".join(published.COLUMNS)
GOOD = "2,LPAF,RTE,lpaf,bert-base,rte,0.5,260,accuracy,68.2,%,277,3,,"
WRONG = {
    "columns": ("table,row\n2,LPAF\n", "row 1: the columns are table, row, column"),
    "no rows": (f"{HEAD}\n", "this has none"),
    "fields": (f"{HEAD}\n2,LPAF\n", "row 2: a row has 15 fields"),
    "number": (f"{HEAD}\n{GOOD.replace('68.2', 'sixty')}\n", "row 2: value is the number as printed, got 'sixty'"),
    "nan": (f"{HEAD}\n{GOOD.replace('68.2', 'nan')}\n", "row 2: value is the number as printed, got 'nan'"),
    "budget": (f"{HEAD}\n{GOOD.replace('0.5', '50')}\n", "write 0.5 for 50 %"),
    "runs": (f"{HEAD}\n{GOOD.replace(',3,', ',three,')}\n", "row 2: runs is a whole number above 0"),
    "twice": (f"{HEAD}\n{GOOD}\n{GOOD}\n", "row 3: a place has one value, row 2 has the same"),
    "reason": (f"{HEAD}\n{GOOD[:-1]}odd,\n", "an erratum has its reason"),
    "empty": (f"{HEAD}\n{GOOD.replace('LPAF', '')}\n", "row 2: row must be given"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_form_is_told_with_file_and_row(case: str, tmp_path: Path) -> None:
    text, sentence = WRONG[case]
    path = tmp_path / "mine.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as told:
        published.read(path)
    assert sentence in str(told.value)
    assert str(told.value).startswith(str(path))


def test_what_is_no_text_or_no_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "picture.csv"
    path.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(UsageError, match="this is none"):
        published.read(path)
    with pytest.raises(UsageError, match="cannot be read"):
        published.read(tmp_path / "nowhere.csv")
