"""Latency: a stage that changes no other key, and what reports make of it."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import weighin
from benchmarks import experiment, records
from benchmarks.experiment import Options
from benchmarks.latency import Latency
from benchmarks.records import Record
from methods.stages.stage import Stage
from reports import latency
from reports.page import data
from reports.page.cells import cells
from reports.page.names import Names
from reports.page.predictions import Summaries
from sample_records import sample

OPTIONS = Options(methods=("dense", "svd-ft"), budgets=(0.5,), seeds=(1,), protocol="smoke")


def timed(method: str, seed: int, milliseconds: float, **changes: Any) -> Record:
    """A record with a latency at batch 1, and ten times as much at batch 32."""
    middle = {
        size: {"lower_quartile": 0.9 * value, "median": value, "upper_quartile": 1.1 * value}
        for size, value in (("1", milliseconds), ("32", 10 * milliseconds))
    }
    found = records.Latency(32, 20, "float32", "cpu, x86_64, 2 cores", 2, middle)
    budget = 1.0 if method == "dense" else 0.5
    return sample(method, "rte", budget, seed, latency=dataclasses.replace(found, **changes))


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(weighin.app, [str(word) for word in words])


def test_asking_for_it_changes_no_other_key() -> None:
    plain = experiment.cells(OPTIONS)
    asked = experiment.cells(dataclasses.replace(OPTIONS, latency=True))
    assert [cell.key for cell in asked] == [cell.key for cell in plain]
    for one, other in zip(asked, plain, strict=True):
        more = {stage.key for stage in one.wanted} - {stage.key for stage in other.wanted}
        assert more == {one.latency.key}
        assert one.stages == other.stages
        assert one.latency.length == one.setting.task.max_length
        assert one.latency.model == one.stage.model


def test_it_has_the_machine_to_itself_and_others_do_not() -> None:
    assert Latency.alone
    assert not Stage.alone
    (cell, *_) = experiment.cells(OPTIONS)
    assert "alone" not in str(cell.latency.description)
    assert not any(stage.alone for stage in cell.stages)


def test_impossible_values_are_refused_together() -> None:
    (cell, *_) = experiment.cells(OPTIONS)
    with pytest.raises(ValueError, match=r"length .* got 0; repeats .* got 0; batch_sizes .* got \[\]"):
        Latency(cell.stage.model, 0, (), 0)


def test_a_ratio_is_of_the_same_seeds_and_machine() -> None:
    ours = [timed("lpaf", seed, 2.0) for seed in (1, 2)]
    dense = [timed("dense", seed, 4.0 * seed) for seed in (1, 2, 3)]
    assert latency.middle(ours, "1") == 2.0
    assert latency.ratio(ours, dense, "1") == pytest.approx(2 / 6)
    assert latency.ratio(ours, dense[:1], "1") is None
    assert latency.ratio(ours, [timed("dense", seed, 4.0, threads=1) for seed in (1, 2)], "1") is None
    assert latency.middle([*ours, timed("lpaf", 3, 1.0, device="other")], "1") is None
    assert latency.middle([*ours, sample("lpaf", seed=3)], "1") is None
    assert latency.middle(ours, "8") is None
    assert latency.sizes([*ours, sample()]) == ("1", "32")
    assert latency.said(ours) == "float32, 32 word pieces, cpu, x86_64, 2 cores, 2 threads"


def test_old_records_without_it_are_read(tmp_path: Path) -> None:
    record = sample()
    path = record.write(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace(' "latency": null,\n', ""), encoding="utf-8")
    assert "latency" not in path.read_text(encoding="utf-8")
    assert records.read(path) == record
    both = timed("lpaf", 2, 3.0)
    assert records.read(both.write(tmp_path)) == both


@pytest.mark.parametrize(
    ("changes", "said"),
    [({}, "Latency: mean over seeds"), ({"threads": 1}, "Latencies are of several machines"), (None, "no latency")],
)
def test_pareto_has_a_panel_where_one_machine_timed(
    tmp_path: Path, changes: dict[str, Any] | None, said: str
) -> None:
    for seed in (1, 2):
        timed("dense", seed, 4.0).write(tmp_path)
        timed("lpaf", seed, 2.0, **(changes or {})).write(tmp_path)
        sample("svd-ft", "rte", 0.5, seed).write(tmp_path)  # not timed
    if changes is None:
        for record in records.read_all(tmp_path):
            dataclasses.replace(record, latency=None).write(tmp_path)
    out = tmp_path / "p.svg"
    drawn = call("report", "pareto", "--runs", tmp_path, "--out", out)
    assert drawn.exit_code == 0, drawn.output
    assert said in " ".join(drawn.output.split())
    assert ("milliseconds a forward pass" in out.read_text(encoding="utf-8")) is (changes == {})


def test_the_page_and_compare_have_the_ratio(tmp_path: Path) -> None:
    found = [record for seed in (1, 2) for record in (timed("dense", seed, 4.0), timed("lpaf", seed, 2.0))]
    found += [sample("svd-ft", "rte", 0.5, seed) for seed in (1, 2)]
    for record in found:
        record.write(tmp_path)
    all_cells = cells(found)
    board = data.board(all_cells, Names(cell.setting for cell in all_cells))["cells"]
    assert {cell["method"]: cell["latency"] for cell in board} == {
        "dense": {"1": [4.0, None], "32": [40.0, None]},
        "lpaf": {"1": [2.0, 0.5], "32": [20.0, 0.5]},
        "svd-ft": {},
    }
    runs = data.runs(all_cells, Summaries(all_cells, tmp_path), tmp_path)["cells"]
    assert {run["latency"]["threads"] for one in runs.values() for run in one["runs"] if run["latency"]} == {2}
    words = " ".join(call("compare", "lpaf", "dense", "--runs", tmp_path).output.split())
    assert "Latency at batch 1 (float32, 32 word pieces, cpu, x86_64, 2 cores, 2 threads)" in words
    assert "lpaf 2 ms, dense 4 ms, ratio 0.50" in words
    exported = tmp_path / "all.csv"
    assert call("export", exported, "--runs", tmp_path).exit_code == 0
    assert "latency_ms" in exported.read_text(encoding="utf-8").splitlines()[0]
