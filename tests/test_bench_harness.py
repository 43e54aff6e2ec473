"""The harness's own costs are measured on what it says, and the short ways give what the long ones do."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import records
from benchmarks.bench import harness
from reports import facts


def test_listing_and_storing_are_measured(tmp_path: Path) -> None:
    assert {name for name, seconds in harness._listing(tmp_path / "runs", 12).items() if seconds >= 0} == {
        "12 records listed into a data frame, wall seconds (promised: at most 3)",
        "listed, processor seconds",
        "12 records read whole into a data frame, wall seconds",
        "read whole, processor seconds",
    }
    assert list(harness._storing(tmp_path / "store", 7)) == [
        "7 artifacts of a store listed, wall seconds",
        "7 manifests read, wall seconds",
    ]


@pytest.mark.slow
def test_everything_is_measured() -> None:
    found = harness.compare(cells=50, stages=3, listed=5, artifacts=5)
    assert all(value > 0 for name, value in found.items() if "plan" in name or "stage" in name)


def test_records_without_their_matrices_are_the_same_otherwise(tmp_path: Path) -> None:
    path = harness._record(3).write(tmp_path)
    whole, listed = records.read(path), records.read(path, inspected=False)
    assert whole.inspection is not None
    assert listed.inspection is None
    assert records.frame([listed]).equals(records.frame([whole]))
    assert {**vars(listed), "inspection": whole.inspection} == vars(whole)
    path.write_text(path.read_text().replace("\n", ""))  # laid out by somebody else
    assert records.read(path, inspected=False) == listed


def test_long_lists_look_as_short_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"key": f"{place:08x}", "kind": "factorize" * (place % 2), "cells": place, "for": "wörds and more " * place}
        for place in range(8)
    ]

    def drawn() -> list[str]:
        file = io.StringIO()
        Console(file=file, width=80, highlight=False).print(facts.columns(rows, ("key", "kind", "cells", "for")))
        return [line.rstrip() for line in file.getvalue().splitlines()]

    short = drawn()
    monkeypatch.setattr(facts, "MANY", 0)
    assert drawn() == short
