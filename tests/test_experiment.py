"""From options to records: everything a record promises is in it, and wrong options are told at once."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import methods
from benchmarks import backbones, experiment, gaps, predictions, records, spectra
from benchmarks.events import Event
from benchmarks.experiment import Options, UsageFault
from benchmarks.inspection import pattern_matrix
from benchmarks.store import Store
from methods import models
from methods.ops.ranks import factor_weights, rank_for
from sample_gaps import gap_of

OPTIONS = Options(
    tasks=("mini-rte",), methods=("dense", "svd-ft", "up-zero"), budgets=(0.25,), seeds=(1,), protocol="smoke"
)
BROKEN = '''
"""A method whose training always fails, and one that refuses."""
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from methods.contract import Compressor, Family, Setting
from methods.stages.failure import MethodFailure
from methods.stages.stage import Json, Stage, Workbench


@dataclass(frozen=True)
class Fails(Stage):
    kind: ClassVar[str] = "fails"
    seed: int

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        raise MethodFailure("the loss was NaN at step 3")


@dataclass(frozen=True)
class Failing(Compressor):
    label: ClassVar[str] = "Failing"
    family: ClassVar[Family] = Family.FACTORIZATION
    source: ClassVar[str] = "nowhere"

    def plan(self, setting: Setting) -> Stage:
        return Fails(setting.seed)


@dataclass(frozen=True)
class Refusing(Failing):
    refuses: ClassVar[Mapping[str, str]] = {"classification": "knows no classes"}


METHODS = {"failing": Failing(), "refusing": Refusing()}
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("experiment")


def run(folder: Path, options: Options, plugins: tuple[Path, ...] = ()) -> tuple[experiment.Results, list[Event]]:
    events: list[Event] = []
    results = experiment.execute(
        experiment.cells(options),
        options,
        store=folder / "store",
        runs=folder / "runs",
        jobs=2,
        events=events.append,
        plugins=plugins,
    )
    return results, events


@pytest.fixture(scope="module")
def results(folder: Path) -> experiment.Results:
    return run(folder, OPTIONS)[0]


def test_every_cell_has_a_record(results: experiment.Results) -> None:
    found = {(record.method, record.budget) for record in results.records}
    assert found == {("dense", 1.0), ("svd-ft", 0.25), ("up-zero", 0.25)}
    assert not results.failed
    assert not results.refused


def test_a_record_tells_everything(results: experiment.Results, folder: Path) -> None:
    record = next(record for record in results.records if record.method == "svd-ft")
    assert record.value == record.metrics["validation"]["accuracy"]
    shapes = list(backbones.get("mini").matrices.values())
    assert record.sizes.encoder_weights == factor_weights(rank_for(0.25, shapes), shapes)
    assert record.ranks["rank"] == rank_for(0.25, shapes)
    assert record.sizes.encoder_nonzero <= 0.25 * record.sizes.dense_encoder_weights
    assert 0 < record.cost.seconds_marginal < record.cost.seconds_standalone
    assert record.cost.peak_memory_bytes > 0
    assert record.provenance["packages"]["torch"]
    assert record.provenance["data"] == "generated"
    assert record.recipes["retrain"]["epochs"] == 1
    kept = predictions.read(record.path(folder / "runs").with_suffix(".npz"))
    answers = kept["validation.logits"].argmax(axis=1)
    assert (answers == kept["validation.labels"]).mean() == record.value
    assert len(kept["validation.ids"]) == len(answers)
    assert kept["validation.lengths"].shape == answers.shape
    assert 3 < kept["validation.lengths"].min() < kept["validation.lengths"].max() <= record.sizes.macs_length


def weights(folder: Path, record: records.Record) -> dict[str, torch.Tensor]:
    """The encoder matrices of a record's model, float32 [out, in]."""
    (cell,) = [cell for cell in experiment.cells(OPTIONS) if cell.key == record.key]
    layers = models.matrices(models.load(Store(folder / "store").artifact(cell.stage.model.key)))
    return {
        name: layer.weight.detach()
        if isinstance(layer, nn.Linear)
        else (layer.outer.weight.double() @ layer.inner.weight.double()).detach().float()
        for name, layer in layers.items()
    }


def test_each_matrix_is_measured_as_torch_does(results: experiment.Results, folder: Path) -> None:
    for record in results.records:
        found, matrices = record.inspection, weights(folder, record)
        assert found is not None
        assert "max(out, in) * eps(float32)" in found.tolerance
        assert set(found.matrices) == set(matrices)
        for name, weight in matrices.items():
            told = found.matrices[name]
            assert (told["out"], told["in"]) == tuple(weight.shape)
            assert told["rank"] == int(torch.linalg.matrix_rank(weight))
            assert told["zero_rows"] == sum(not row.any() for row in weight)
            assert told["zero_columns"] == sum(not column.any() for column in weight.T)
            sigma = torch.linalg.svdvals(weight.double())
            shares = sigma[sigma > 0] / sigma.sum()
            assert told["stable_rank"] == pytest.approx(float(sigma.square().sum() / sigma[0] ** 2), rel=1e-3)
            assert told["effective_rank"] == pytest.approx(float((-(shares * shares.log()).sum()).exp()), rel=1e-2)
            assert told["one_percent_rank"] == int((sigma > 0.01 * sigma[0]).sum())
            assert ("factor_rank" in told) == (record.method == "svd-ft")
        for average in ("rank", "zero_rows", "stable_rank"):
            mean = np.mean([told[average] for told in found.matrices.values()])
            assert record.ranks[average] == pytest.approx(mean, abs=1e-3)


def test_what_figures_3_and_4_need_is_beside_the_record(results: experiment.Results, folder: Path) -> None:
    for record in results.records:
        assert record.inspection is not None
        if record.method == "svd-ft":
            assert (record.inspection.arrays, record.inspection.pattern) == ("", "")
            continue
        kept = spectra.read(record.path(folder / "runs").with_name(record.inspection.arrays))
        matrices = weights(folder, record)
        assert set(kept.singular_values) == set(matrices)
        for name, weight in matrices.items():
            assert kept.singular_values[name].dtype == np.float32
            assert np.allclose(kept.singular_values[name], torch.linalg.svdvals(weight), atol=1e-5)
        assert np.array_equal(kept.pattern, matrices[record.inspection.pattern] != 0)


def test_zero_rows_are_in_the_manifest_of_the_pruning(results: experiment.Results, folder: Path) -> None:
    (record,) = [record for record in results.records if record.method == "up-zero"]
    (cell,) = [cell for cell in experiment.cells(OPTIONS) if cell.key == record.key]
    manifest = Store(folder / "store").manifest(cell.stage.model.key)
    assert manifest is not None
    assert manifest.facts["zero_rows"] == sum(int((~w.any(dim=1)).sum()) for w in weights(folder, record).values())


def test_each_model_is_looked_at_once(folder: Path) -> None:
    options = dataclasses.replace(OPTIONS, methods=("up-first", "lpaf", "svd-ft"))
    first, lpaf, plain = experiment.cells(options)
    assert lpaf.sparse is not None
    assert first.sparse == first.inspection
    assert lpaf.sparse.key == first.inspection.key  # LPAF's sparse model is UP_first's, and so is its look
    assert plain.sparse is None
    assert len({stage.key for cell in (first, lpaf, plain) for stage in cell.stages}) == 6


def test_the_pattern_is_of_the_first_square_matrix_of_the_middle_layer() -> None:
    shapes = {f"layer.{n}.{name}": shape for n in range(5) for name, shape in (("up", (8, 4)), ("query", (4, 4)))}
    assert pattern_matrix(shapes, "layer") == "layer.2.query"
    assert pattern_matrix({name: shape for name, shape in shapes.items() if "up" in name}, "layer") == "layer.2.up"


def test_a_record_is_read_as_it_was_written(results: experiment.Results, folder: Path) -> None:
    assert sorted(records.read_all(folder / "runs"), key=lambda each: each.key) == sorted(
        results.records, key=lambda each: each.key
    )


def test_no_path_of_the_machine_is_in_a_record(results: experiment.Results, folder: Path) -> None:
    for path in (folder / "runs").rglob("*.json"):
        assert str(folder) not in path.read_text()
        assert str(Path.home()) not in path.read_text()


def test_export_has_one_row_a_record(results: experiment.Results) -> None:
    table = records.frame(results.records)
    assert list(table.columns) == list(records.EXPORT_COLUMNS)
    assert len(table) == 3
    assert records.frame(reversed(results.records)).equals(table)


def test_a_file_that_is_no_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"schema": 1}))
    with pytest.raises(ValueError, match=r"x\.json: not a record"):
        list(records.read_all(tmp_path))


def test_run_again_everything_is_found(results: experiment.Results, folder: Path) -> None:
    again, events = run(folder, OPTIONS)
    assert not [event for event in events if event.what == "start"]
    assert {record.key for record in again.records} == {record.key for record in results.records}


def test_latency_is_measured_when_asked_for_and_then_kept(results: experiment.Results, folder: Path) -> None:
    options = dataclasses.replace(OPTIONS, methods=("dense", "svd-ft"), latency=True)
    before = {record.key: record for record in results.records}
    timed, events = run(folder, options)
    assert {event.kind for event in events if event.what == "start"} == {"latency"}
    assert not timed.untimed
    for record in timed.records:
        found = record.latency
        assert found is not None
        assert dataclasses.replace(record, latency=None) == before[record.key]
        assert (found.length, set(found.batches)) == (record.sizes.macs_length, {"1", "32"})
        assert found.threads >= 1
        assert found.device
        for one in found.batches.values():
            assert 0 < one["lower_quartile"] <= one["median"] <= one["upper_quartile"]
        assert records.read(record.path(folder / "runs")) == record
    again, events = run(folder, dataclasses.replace(options, latency=False))
    assert not [event for event in events if event.what == "start"]
    assert again.records == timed.records


def test_failures_and_refusals_do_not_stop_the_rest(folder: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "broken_methods.py"
    plugin.write_text(BROKEN)
    methods.load_plugin(plugin)
    options = dataclasses.replace(OPTIONS, methods=("failing", "refusing", "svd-ft"))
    outcome, _ = run(folder, options, (plugin,))
    assert [record.method for record in outcome.records] == ["svd-ft"]
    assert list(outcome.refused.values()) == ["knows no classes"]
    assert ["NaN at step 3" in reason for reason in outcome.failed.values()] == [True]
    kept = {gap.method: gap for gap in gaps.read_all(folder / "runs")}
    assert {name: (gap.state, gap.reason) for name, gap in kept.items()} == {
        "failing": ("failed", next(iter(outcome.failed.values()))),
        "refusing": ("refused", "knows no classes"),
    }
    (record,) = outcome.records
    gap = gap_of(record)
    gap.write(folder / "runs")
    run(folder, dataclasses.replace(OPTIONS, methods=("svd-ft",)))
    assert not gap.path(folder / "runs").exists()  # a cell with a record has no gap


def test_all_faults_of_the_options_are_told_at_once() -> None:
    options = Options(
        backbone="mino", tasks=("mini-rtf",), methods=("lpfa",), budgets=(50.0,), seeds=(1, 1), protocol="quick"
    )
    with pytest.raises(UsageFault) as fault:
        experiment.cells(options)
    for part in (
        "mini-rtf",
        "did you mean mini?",
        "did you mean lpaf?",
        "write 0.5 for 50 %",
        "seeds names each value",
    ):
        assert part in str(fault.value)


def test_impossible_knobs_are_told_before_anything_runs() -> None:
    options = dataclasses.replace(OPTIONS, methods=("svd-ft(rank=1000)", "lpaf(p_init=2)"))
    with pytest.raises(UsageFault, match=r"(?s)p_init is a probability.*rank is a whole number"):
        experiment.cells(options)


def test_equal_predictions_are_equal_bytes(tmp_path: Path) -> None:
    arrays = {"validation.ids": np.arange(3), "validation.logits": np.ones((3, 2), np.float32)}
    for name in ("a.npz", "b.npz"):
        predictions.write(tmp_path / name, arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert all(np.array_equal(arrays[name], found) for name, found in predictions.read(tmp_path / "a.npz").items())
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        predictions.write(tmp_path / "c.npz", {"x": np.array([{}], dtype=object)})


@pytest.mark.parametrize(
    ("task", "splits", "metric"),
    [
        ("mini-stsb", {"validation"}, "pearson"),  # regression: squared errors in place of entropies
        ("mini-mnli", {"validation_matched", "validation_mismatched"}, "accuracy"),  # three classes, two splits
    ],
)
def test_other_kinds_of_task_and_selection(task: str, splits: set[str], metric: str, folder: Path) -> None:
    options = Options(
        tasks=(task,),
        methods=("lpaf",),
        budgets=(0.25,),
        seeds=(1,),
        protocol="smoke",
        overrides={"selection": "best"},
    )
    (record,) = run(folder, options)[0].records
    assert set(record.metrics) == splits
    assert record.metric == metric
    assert record.protocol == "smoke+selection=best"
    assert -1 <= record.value <= 1
    assert 0 < record.ranks["sparse_rank"] <= min(min(shape) for shape in backbones.get("mini").matrices.values())
