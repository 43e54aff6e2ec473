"""Factorizing a whole model: every weighting, both sides, degenerate scores; and the pass that gathers Fisher's."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from benchmarks.mini import bert_folder
from methods import models
from methods.contract import Distillation, Recipe
from methods.layers.low_rank import LowRankLinear
from methods.ops.svd import weighted_svd
from methods.stages import fisher
from methods.stages.encode import Encode
from methods.stages.factorize import Factorize, FisherWeighting, Weighting
from methods.stages.failure import MethodFailure
from methods.stages.finetune import FineTune
from methods.stages.fisher import Fisher
from methods.stages.prune import IMPORTANCE
from methods.stages.retrain import Mixing, Retrain
from methods.training.features import Featured, FeatureDistillation, feature_distance
from methods.training.objectives import Distilled, logits_of
from training_bench import Artifacts, rows

RANK = 6
COUNT = 24
DATA = Encode("e" * 64, "mini-rte", "classification", "d" * 64, 2, ("validation",), COUNT, 32)
DENSE = FineTune("e" * 64, DATA, Recipe(1, 1e-4), 1)
FISHER = Fisher(DENSE, DATA, COUNT, seed=1)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Artifacts:
    model = models.pretrained(bert_folder(), outputs=2, seed=4)
    (tmp_path / DENSE.kind).mkdir()
    models.save(model, tmp_path / DENSE.kind)
    monkeypatch.setattr(fisher.parts, "train_split", lambda _data, _bench: rows(COUNT))
    return Artifacts(tmp_path)


def dense(bench: Artifacts) -> dict[str, Tensor]:
    layers = models.matrices(models.load(bench.artifact(DENSE)))
    return {name: layer.weight.detach() for name, layer in layers.items() if isinstance(layer, nn.Linear)}


def give_scores(bench: Artifacts, make: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    scores = {name: make(weight) for name, weight in dense(bench).items()}
    (bench.root / FISHER.kind).mkdir(exist_ok=True)
    save_file(scores, bench.root / FISHER.kind / IMPORTANCE)
    return scores


def weighed(side: str = "row", gamma: float = 0.5) -> Factorize:
    return Factorize(DENSE, RANK, FisherWeighting(scores=FISHER, gamma=gamma, side=side))  # type: ignore[arg-type]


@pytest.mark.parametrize("side", ["row", "col"])
@pytest.mark.parametrize("gamma", [0.5, 1.0])
def test_each_matrix_is_the_weighted_decomposition_of_its_scores(bench: Artifacts, side: str, gamma: float) -> None:
    generator = torch.Generator().manual_seed(0)
    scores = give_scores(bench, lambda weight: torch.rand(weight.shape, generator=generator))
    facts = weighed(side, gamma).run(bench)
    assert facts["unweighted"] == 0
    layers = models.matrices(models.load(bench.folder))
    for name, weight in dense(bench).items():
        layer = layers[name]
        assert isinstance(layer, LowRankLinear)
        factors = weighted_svd(weight.double(), scores[name].double(), RANK, gamma=gamma, side=side)  # type: ignore[arg-type]
        torch.testing.assert_close(layer.product().double(), factors.outer @ factors.inner, rtol=0, atol=1e-5)


def test_by_mask_on_a_dense_model_is_plain(bench: Artifacts) -> None:
    Factorize(DENSE, RANK, Weighting("mask")).run(bench)
    by_mask = load_file(bench.folder / models.WEIGHTS)
    Factorize(DENSE, RANK).run(bench)
    plain = load_file(bench.folder / models.WEIGHTS)
    assert all(torch.allclose(by_mask[name], plain[name], atol=1e-5) for name in plain if "inner" not in name)


def test_scores_of_nothing_are_said_and_weigh_alike(bench: Artifacts) -> None:
    give_scores(bench, torch.zeros_like)
    facts = weighed().run(bench)
    assert facts["unweighted"] == facts["matrices"]
    without = load_file(bench.folder / models.WEIGHTS)
    assert "unweighted" not in Factorize(DENSE, RANK).run(bench)
    plain = load_file(bench.folder / models.WEIGHTS)
    assert all(torch.equal(without[name], plain[name]) for name in plain)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0])
def test_scores_that_are_none_fail_the_method_by_name(bench: Artifacts, bad: float) -> None:
    give_scores(bench, lambda weight: torch.full_like(weight, bad))
    with pytest.raises(MethodFailure, match=r"layer\.0.*importance is (finite|never negative)"):
        weighed().run(bench)


def test_weights_that_are_nan_fail_the_method_and_zero_ones_do_not(bench: Artifacts) -> None:
    model = models.load(bench.artifact(DENSE))
    layer = next(iter(models.matrices(model).values()))
    assert isinstance(layer, nn.Linear)
    with torch.no_grad():
        layer.weight.zero_()
    models.save(model, bench.artifact(DENSE))
    facts = Factorize(DENSE, RANK).run(bench)
    assert isinstance(facts["relative_error"], float)
    assert 0 < facts["relative_error"] < 1
    with torch.no_grad():
        layer.weight[0, 0] = float("nan")
    models.save(model, bench.artifact(DENSE))
    with pytest.raises(MethodFailure, match="a weight is finite, got 1 NaN"):
        Factorize(DENSE, RANK).run(bench)


def test_weightings_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match=r"by is importance, mask or fisher.*gamma is.*side is"):
        Weighting("size", 2.0, "up")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"FisherWeighting"):
        Weighting("fisher")
    with pytest.raises(ValueError, match=r"FisherWeighting"):
        FisherWeighting(scores=FISHER, by="mask")
    with pytest.raises(ValueError, match=r"weighting by importance needs a model pruned"):
        Factorize(DENSE, RANK, Weighting())


def test_the_information_is_each_rows_squared_gradient(bench: Artifacts) -> None:
    """Against autograd, one row at a time and unpadded."""
    facts = FISHER.run(bench)
    assert (facts["rows"], facts["of"], facts["zero_matrices"]) == (COUNT, COUNT, 0)
    found = load_file(bench.folder / IMPORTANCE)
    model, split = models.load(bench.artifact(DENSE)), rows(COUNT)
    layers = {name: layer for name, layer in models.matrices(model).items() if isinstance(layer, nn.Linear)}
    expected = {name: torch.zeros_like(layer.weight) for name, layer in layers.items()}
    weights = [layer.weight for layer in layers.values()]
    for row in range(COUNT):
        batch = split.batch(np.asarray([row]), "cpu")
        loss = nn.functional.cross_entropy(logits_of(model, batch), batch.labels)
        for total, gradient in zip(expected.values(), torch.autograd.grad(loss, weights), strict=True):
            total.add_(gradient.square() / COUNT)
    assert list(found) == sorted(expected)
    for name, total in expected.items():
        torch.testing.assert_close(found[name], total, rtol=1e-3, atol=1e-5 * float(total.max()))


def test_a_draw_of_rows_depends_on_the_seed_alone(bench: Artifacts) -> None:
    few = dataclasses.replace(FISHER, rows=5)
    first = few.run(bench)
    kept = load_file(bench.folder / IMPORTANCE)
    assert (first["rows"], first["of"]) == (5, COUNT)
    few.run(bench)
    again = load_file(bench.folder / IMPORTANCE)
    assert all(torch.equal(kept[name], again[name]) for name in kept)
    dataclasses.replace(few, seed=2).run(bench)
    other = load_file(bench.folder / IMPORTANCE)
    assert not all(torch.equal(kept[name], other[name]) for name in kept)


@pytest.mark.parametrize("count", [0, COUNT + 1])
def test_rows_that_are_not_there_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=rf"rows is a whole number from 1 to .* {COUNT}, got {count}"):
        Fisher(DENSE, DATA, count, 1)


def test_features_of_a_copy_are_no_distance_away_and_padding_does_not_count(bench: Artifacts) -> None:
    model, teacher = (models.load(bench.artifact(DENSE)) for _ in range(2))
    batch = rows(COUNT).batch(np.arange(6), "cpu")
    single = Distilled("classification", Distillation(), torch.zeros(COUNT, 2))
    alone, featured = single(model, batch), Featured(single, teacher, 2.0)
    torch.testing.assert_close(featured(model, batch), alone)
    with torch.no_grad():
        next(iter(models.matrices(model).values())).bias.add_(0.1)  # type: ignore[union-attr]
    loss = featured(model, batch)
    assert float(loss.detach()) > float(single(model, batch).detach())
    loss.backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())
    states = torch.ones(2, 3, 4), torch.zeros(2, 3, 4)
    mask = torch.tensor([[1, 1, 0], [1, 0, 0]])
    states[0][0, 2] = states[0][1, 1:] = 1e6  # padding
    assert float(feature_distance((states[0],), (states[1],), mask)) == 1.0
    assert float(feature_distance((states[0], states[1]), (states[1], states[1]), mask)) == 0.5
    with pytest.raises(ValueError, match="the same layers and widths"):
        feature_distance((states[0],), (states[1], states[1]), mask)


def test_features_are_distilled_in_bfloat16_too(bench: Artifacts) -> None:
    model, teacher = (models.load(bench.artifact(DENSE)) for _ in range(2))
    with torch.no_grad():
        next(iter(models.matrices(model).values())).bias.add_(0.1)  # type: ignore[union-attr]
    batch = rows(COUNT).batch(np.arange(6), "cpu")
    single = Distilled("classification", Distillation(), torch.zeros(COUNT, 2))
    exact = Featured(single, teacher, 1.0)(model, batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = Featured(single, teacher, 1.0)(model, batch)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, exact, rtol=0.05, atol=0)
    loss.backward()


def test_feature_distillation_is_checked() -> None:
    with pytest.raises(ValueError, match=r"beta is a weight > 0, got 0"):
        FeatureDistillation(teacher=DENSE, beta=0)
    with pytest.raises(ValueError, match=r"temperature > 0"):
        FeatureDistillation(teacher=DENSE, temperature=0)
    both = FeatureDistillation(teacher=DENSE)
    with pytest.raises(ValueError, match=r"one of mixing and FeatureDistillation"):
        Retrain(DENSE, DATA, DENSE, Recipe(1, 1e-4), both, 1, Mixing(DENSE, 0.5))
    assert DENSE in Retrain(FISHER, DATA, FISHER, Recipe(1, 1e-4), both, 1).needs
