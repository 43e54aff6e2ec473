"""On an accelerator: a table's methods run, keep their budgets, and the dense model learns as it does on a CPU."""

from pathlib import Path

import pytest
import torch

from benchmarks import checks, experiment

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator, and torch finds none"),
]


@pytest.mark.parametrize("name", ["lpaf", "up-first"])
def test_methods_keep_their_budget(name: str, tmp_path: Path) -> None:
    results = {result.name: result for result in checks.check(name, tmp_path / "store")}
    assert results["runs on the mini world"].passed, results["runs on the mini world"].detail
    assert results["keeps its budget"].passed, results["keeps its budget"].detail


def test_the_dense_model_learns(tmp_path: Path) -> None:
    options = experiment.Options(tasks=("mini-sst2",), seeds=(1,), protocol="mini")
    results = experiment.execute(
        experiment.cells(options),
        options,
        store=tmp_path / "store",
        runs=tmp_path / "runs",
        jobs=1,
        events=lambda event: None,
    )
    (record,) = results.records
    assert record.provenance["computed"]["device"] != "cpu"
    assert record.value > 0.65
