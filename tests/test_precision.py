"""Tasks of two precisions in one table or on one page say which was computed in which."""

from pathlib import Path
from typing import Any

import pytest

from reports import precision
from reports.evidence import Evidence
from reports.page import data, paper
from reports.page.cells import cells
from reports.page.names import Names
from reports.published import read_all
from reports.tables import get
from reports.tables.finish import finished
from sample_records import samples


def recipes(dense: str, prune: str) -> dict[str, Any]:
    return {"name": "quick", "dense": {"precision": dense}, "prune": {"precision": prune}, "prune_warmup": 0.1}


BOTH = {"rte": recipes("float32", "float32"), "mrpc": recipes("bfloat16", "bfloat16")}


def test_the_precisions_of_a_protocol_are_those_of_its_recipes() -> None:
    assert precision.of(BOTH["rte"]) == "float32"
    assert precision.of(recipes("float32", "bfloat16")) == "bfloat16 and float32"
    assert precision.of({"name": "x", "dense": {"epochs": 1}}) == ""


@pytest.mark.parametrize("number", [2, 4, 6, 7])
def test_a_table_of_two_precisions_has_a_footnote(number: int, tmp_path: Path) -> None:
    table = get(f"table{number}")
    mixed = [record for task, one in BOTH.items() for record in samples((task,), (0.5,), recipes=one)]
    said = (
        "not all tasks were trained in one precision (all are evaluated in float32): mrpc in bfloat16; rte in float32"
    )
    assert ("", said) in finished(table, mixed, Evidence(tmp_path)).footnotes
    alike = samples(recipes=BOTH["rte"])
    assert not any("precision" in words for _, words in finished(table, alike, Evidence(tmp_path)).footnotes)


def test_the_page_names_it_in_every_setting_where_there_are_several() -> None:
    mixed = [record for task, one in BOTH.items() for record in samples((task,), (0.5,), recipes=one)]
    found = cells(mixed)
    names = Names(cell.setting for cell in found)
    settings = data.board(found, names)["settings"]
    shown = {one["task"]: one["protocol"].rpartition(", ")[2] for one in settings}
    assert shown == {"rte": "float32", "mrpc": "bfloat16"}
    ours = [row for row in paper.beside(read_all(), found, names) if row["ours"] is not None]
    assert ours
    assert all(row["setting"].endswith(shown[row["task"]]) for row in ours)
    alike = cells(samples(recipes=BOTH["rte"]))
    assert all(
        "float32" not in one["protocol"] for one in data.board(alike, Names(c.setting for c in alike))["settings"]
    )
