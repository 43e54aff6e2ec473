"""What a search leaves: the certificate, the file of chosen values, and tables measured with them."""

import dataclasses
import itertools
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from typer.testing import CliRunner, Result

import weighin
from benchmarks import experiment
from benchmarks.cells import Cell
from benchmarks.experiment import Options, Results
from benchmarks.records import Record, read_all
from benchmarks.tuning import chosen
from benchmarks.tuning.certificate import certificate, expected_best, on_edge
from benchmarks.tuning.search import Request
from reports.tables.consistency import check
from sample_records import sample
from tuning_world import OPTIONS, Workers, go, searches, workers  # noqa: F401  # a fixture

SCORES = st.lists(st.integers(0, 20).map(lambda value: value / 20), min_size=1, max_size=4)


@given(SCORES)
def test_the_curve_is_the_mean_over_all_draws(values: list[float]) -> None:
    """Every sequence of n values, drawn with replacement, counts once."""
    curve = expected_best(values)
    for draws, found in enumerate(curve, start=1):
        every = [max(drawn) for drawn in itertools.product(values, repeat=draws)]
        assert found == pytest.approx(sum(every) / len(every), abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_the_curve_rises_from_the_mean_towards_the_best(values: list[float]) -> None:
    curve = expected_best(values)
    assert curve[0] == pytest.approx(sum(values) / len(values))
    assert all(later >= earlier - 1e-12 for earlier, later in itertools.pairwise(curve))
    assert curve[-1] <= max(values) + 1e-12
    assert curve == expected_best(values[::-1])


@pytest.mark.parametrize(
    ("value", "values", "edge"),
    [
        (0.5, CategoricalDistribution((0.5, 0.25, 0.1)), True),
        (0.25, CategoricalDistribution((0.5, 0.25, 0.1)), False),
        (2e-5, CategoricalDistribution((2e-5, 3e-5)), False),  # each of two is an end
        ("row", CategoricalDistribution(("row", "col", "both")), False),
        (1.04e-3, FloatDistribution(1e-3, 1e-1, log=True), True),
        (1e-2, FloatDistribution(1e-3, 1e-1, log=True), False),
        (0.97, FloatDistribution(0, 1), True),
        (3, IntDistribution(1, 3), True),
        (2, IntDistribution(1, 3), False),
    ],
)
def test_edges(value: Any, values: Any, edge: bool) -> None:
    assert on_edge(value, values) is edge


def by_knob(workers: Workers, name: str, gain: dict[Any, float]) -> None:  # noqa: F811
    """Let the score depend on one knob of the last stage."""

    def score(stage: Any) -> float:
        knobs = {"p_init": getattr(getattr(stage.model, "mixing", None), "initial", None)}
        knobs["v"] = next(each.schedule.kept for each in stage.walk() if each.kind == "prune")
        return gain[knobs[name]]

    workers.score = score


def test_the_certificate_says_what_was_found_and_what_is_missing(workers: Workers, tmp_path: Path) -> None:  # noqa: F811
    by_knob(workers, "v", {0.5: 0.9, 0.25: 0.6, 0.1: 0.5})
    go(tmp_path, Request(trials=6))
    with searches(tmp_path, Request(trials=6)) as (found,):
        told = certificate(found)
    assert told.score == 0.9
    assert told.values is not None
    assert told.values["v"] == 0.5
    assert told.trials == {"complete": 6, "pruned": 0, "failed": 0, "unfinished": 0}
    assert (told.points, told.rows, told.selection) == (24, 200, "heldout")
    assert any(
        line.startswith("the best v, 0.5, lies on the edge of its space: 0.1, 0.25, 0.5") for line in told.warnings
    )
    assert any(line.startswith("under-tuned: the expected best still rises") for line in told.warnings)


def test_a_space_that_was_tried_out_is_not_under_tuned(workers: Workers, tmp_path: Path) -> None:  # noqa: F811
    options = dataclasses.replace(OPTIONS, methods=("svd-ft", "dense"))
    request = Request(trials=18)
    go(tmp_path, request, options)
    with searches(tmp_path, request, options) as found:
        told = [certificate(one) for one in found]
    assert [sum(one.trials.values()) for one in told] == [2, 1]  # nothing to tune: once
    assert not any(one.warnings for one in told)


def entries(folder: Path, request: Request, options: Options = OPTIONS) -> list[chosen.Entry]:
    go(folder, request, options)
    with searches(folder, request, options) as found:
        return [chosen.entry(one) for one in found]


def test_the_file_is_read_as_it_was_written_and_added_to(workers: Workers, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "tuned" / "table2.json"
    first = entries(tmp_path / "a", Request(trials=3))
    chosen.write(path, "table2", first)
    assert chosen.read(path) == first
    assert str(tmp_path) not in path.read_text()
    more = entries(tmp_path / "b", Request(trials=2), dataclasses.replace(OPTIONS, budgets=(0.5,)))
    chosen.write(path, "table2", more)
    assert chosen.read(path) == [*first, *more]
    newer = entries(tmp_path / "c", Request(trials=4))
    chosen.write(path, "table2", newer)
    assert chosen.read(path) == [*newer, *more]
    path.write_text('{"schema": 1}')
    with pytest.raises(chosen.ChosenFault, match="not a file of chosen values"):
        chosen.read(path)
    with pytest.raises(chosen.ChosenFault, match="tune first"):
        chosen.read(tmp_path / "none.json")


def test_final_cells_have_the_chosen_values_and_all_training_rows(workers: Workers, tmp_path: Path) -> None:  # noqa: F811
    options = dataclasses.replace(OPTIONS, methods=("lpaf", "svd-ft", "dense"))
    found = entries(tmp_path, Request(trials=4), options)
    wanted = experiment.cells(dataclasses.replace(options, budgets=(0.25, 0.5), seeds=(1, 2)))
    final = chosen.tuned(wanted, found)
    assert len(final) == len(wanted)
    values = found[0].certificate.values
    assert values is not None
    for before, after in zip(wanted, final, strict=True):
        setting = after.setting
        assert after.tuned is not None
        assert (after.method, after.title) == (before.method, before.compressor.title())
        assert setting.task == before.setting.task
        assert setting.protocol.name == "smoke+tuned-heldout"
        assert after.key != before.key
        assert setting.protocol.dense == before.setting.protocol.dense
        if after.method == "lpaf" and setting.budget.kept == 0.25:
            assert after.compressor.knobs()["v"] == values["v"]
            assert setting.protocol.retrain.learning_rate == values["lr"]
            assert after.notes[-1].startswith("tuned on 200 held-out training rows, best of 4 trials: ")
        elif after.method == "dense":
            assert after.notes == before.notes  # nothing to tune, nothing to say
            assert after.stage.key == before.stage.key
        elif setting.budget.kept == 0.5:
            assert after.stage.key == before.stage.key
            assert after.notes[-1] == "no tuned values were found for this cell: default values"


def test_values_of_other_data_or_of_two_selections_are_refused(workers: Workers, tmp_path: Path) -> None:  # noqa: F811
    (found,) = entries(tmp_path / "a", Request(trials=2))
    cells = experiment.cells(OPTIONS)
    with pytest.raises(chosen.ChosenFault, match="tuned values are of the data they were found on, got 0000"):
        chosen.tuned(cells, [dataclasses.replace(found, data="0" * 64)])
    with pytest.raises(chosen.ChosenFault, match="needs chosen values for one cell at least"):
        chosen.tuned(cells, [])
    half = dataclasses.replace(OPTIONS, budgets=(0.5,))
    (dev,) = entries(tmp_path / "b", Request(trials=2, select="dev"), half)
    assert "favours the number" in chosen.tuned(experiment.cells(half), [dev])[0].notes[-1]
    with pytest.raises(chosen.ChosenFault, match="got heldout and dev"):
        chosen.tuned(experiment.cells(dataclasses.replace(OPTIONS, budgets=(0.25, 0.5))), [found, dev])


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(weighin.app, [str(word) for word in words])


SMALL = ("--tasks", "mini-rte", "--methods", "lpaf,svd-ft", "--budgets", "0.5,0.25", "--protocol", "smoke")


def measured(cell: Cell) -> Record:
    """What a run would have written for a cell."""
    setting = cell.setting
    assert cell.tuned is not None
    return dataclasses.replace(
        sample(cell.method, setting.task.name, setting.budget.kept, setting.seed, 0.6 + 0.05 * setting.seed),
        key=cell.key,
        protocol=setting.protocol.name,
        recipes=dataclasses.asdict(setting.protocol),
        knobs=cell.compressor.knobs(),
        label=cell.title,
        notes=cell.notes,
        tuned={"selection": cell.tuned.selection, "values": dict(cell.tuned.values)},
    )


def test_tune_then_run(workers: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The whole way on the command line; the tuned table stands, though its cells have values of their own."""
    where = ("--store", tmp_path / "store", "--runs", tmp_path / "runs")
    result = call("tune", "table2", *SMALL, "--trials", "3", *where)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Tuning certificate: mini, protocol smoke, selected on held-out training rows.")
    assert "Expected best of n trials" in result.stdout
    assert "lpaf mini-rte 25 %: under-tuned" in " ".join(result.stdout.split())
    path = tmp_path / "tuned" / "table2.json"
    assert f"written: {path}" in result.stderr
    assert len(chosen.read(path)) == 5
    assert (tmp_path / "tuning" / "table2.db").exists()
    calls: list[Any] = []

    def execute(cells: list[Cell], options: Options, **more: Any) -> Results:
        calls.append(cells)
        return Results(records=[measured(cell) for cell in cells])

    monkeypatch.setattr(experiment, "execute", execute)
    result = call("run", "table2", *SMALL, "--tuned", *where)
    assert result.exit_code == 0, result.output
    assert [cell.setting.seed for cell in calls[0]][:3] == [1, 2, 3]
    assert "protocol smoke+tuned-heldout" in " ".join(result.stdout.split())
    assert "tuned on 200 held-out training rows, best of 3 trials: lr=" in " ".join(result.stdout.split())
    assert "70.0±5.0" in result.stdout
    again = call("run", "table2", *SMALL, *where, "--tuned", path)
    assert again.exit_code == 0
    check([measured(cell) for cell in calls[0]])
    missing = call("run", "table2", *SMALL, "--tuned", "nowhere.json", *where)
    assert missing.exit_code == 2
    assert "tune first" in missing.stderr


def test_a_dry_run_tries_nothing(workers: Workers, tmp_path: Path) -> None:  # noqa: F811
    words = (
        "tune",
        "table2",
        *SMALL,
        "--sampler",
        "grid",
        "--store",
        tmp_path / "store",
        "--runs",
        tmp_path / "runs",
    )
    result = call(*words, "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [one["trials"] for one in found["searches"]] == [18, 18, 2, 2, 1]
    assert list(tmp_path.iterdir()) == []
    assert workers.made == []
    assert call(*words).exit_code == 0
    assert len({stage.key for stage in workers.made}) == found["stages"]
    assert all(one["stages"] < one["alone"] for one in found["searches"][:4])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--trials", "0"), "--trials is a whole number >= 1, got 0"),
        (("--trials", "0", "--seeds", "x"), "--trials is a whole number >= 1, got 0; --seeds"),
        (("--timeout", "-1"), "--timeout is a number of hours above 0"),
        (("--pruner", "median", "--seeds", "1"), "ends trials between seeds, so it needs two or more"),
        (("--storage", "nothing://x"), "--storage is the URL of an Optuna storage"),
    ],
)
def test_wrong_usage_is_a_sentence(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    result = call("tune", "table2", *SMALL, "--store", tmp_path / "store", "--runs", tmp_path / "runs", *words)
    assert result.exit_code == 2, result.output
    assert said in result.stderr


def test_a_record_keeps_what_it_was_tuned_with(tmp_path: Path) -> None:
    record = dataclasses.replace(
        sample("lpaf", "mini-rte", 0.5, 1, 0.7), tuned={"selection": "dev", "values": {"v": 0.5}}
    )
    record.write(tmp_path)
    assert list(read_all(tmp_path)) == [record]
    assert math.isclose(record.value, 0.7)
