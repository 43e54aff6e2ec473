"""Movement pruning: its masks, its scores' own learning rate, the budget of the soft variant, what is deployed."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import methods
from benchmarks import experiment
from benchmarks.mini import bert_folder
from methods import models
from methods.contract import Budget, Recipe, Setting
from methods.layers.masked import MaskedLinear
from methods.movement import MovementPruning, SoftMovementPruning
from methods.ops.movement import (
    budget_masks,
    floor_count,
    straight_through,
    threshold_between,
    threshold_mask,
    top_masks,
)
from methods.stages.movement import MovementPrune, _freeze_embeddings
from methods.stages.prune import Schedule
from methods.training import loop
from methods.training.movement import Movement, Soft, TopK

SIZES = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=4)


def drawn(shapes: list[tuple[int, int]], seed: int, digits: int = 1) -> list[Tensor]:
    """Random scores with many ties."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator).round(decimals=digits) for shape in shapes]


def setting(kept: float = 0.25) -> Setting:
    options = experiment.Options(
        tasks=("mini-rte",), methods=("movement",), budgets=(kept,), seeds=(1,), protocol="smoke"
    )
    return experiment.cells(options)[0].setting


@settings(max_examples=50, deadline=None)
@given(SIZES, st.floats(0.05, 1), st.integers(0, 9))
def test_top_masks_keep_exact_counts_of_the_highest(shapes: list[tuple[int, int]], kept: float, seed: int) -> None:
    scores = drawn(shapes, seed)
    for score, mask in zip(scores, top_masks(scores, kept), strict=True):
        assert int(mask.sum()) == int(kept * score.numel())
        if mask.any() and not mask.all():
            assert score[mask].min() >= score[~mask].max()
    total = sum(score.numel() for score in scores)
    assert sum(int(mask.sum()) for mask in top_masks(scores, kept, "global")) == int(kept * total)


@settings(max_examples=50, deadline=None)
@given(SIZES, st.floats(0.3, 1), st.integers(0, 9))
def test_one_threshold_lets_exactly_the_budget_survive(shapes: list[tuple[int, int]], kept: float, seed: int) -> None:
    scores = drawn(shapes, seed)
    total = sum(score.numel() for score in scores)
    if sum(floor_count(score.numel()) for score in scores) > int(kept * total):
        with pytest.raises(ValueError, match=r"every matrix keeps 0\.5% of its weights and one"):
            budget_masks(scores, kept)
        return
    masks = budget_masks(scores, kept)
    assert sum(int(mask.sum()) for mask in masks) == int(kept * total)
    assert all(int(mask.sum()) >= floor_count(mask.numel()) for mask in masks)


def test_the_solved_threshold_is_the_published_rule_at_that_threshold() -> None:
    scores = [score.double() for score in drawn([(40, 30), (20, 50)], seed=1, digits=9)]
    masks = budget_masks(scores, 0.4)
    tau = threshold_between(scores, masks)
    for score, mask in zip(scores, masks, strict=True):
        assert torch.equal(threshold_mask(score, tau), mask)


def test_a_matrix_of_low_scores_keeps_its_floor_and_the_budget_holds() -> None:
    low, high = torch.full((40, 40), -9.0), torch.rand(40, 40)
    masks = budget_masks([low, high], 0.3)
    assert int(masks[0].sum()) == floor_count(1600) == 9
    assert int(masks[0].sum() + masks[1].sum()) == 960


def test_straight_through_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="one shape"):
        straight_through(torch.ones(2, 2), torch.ones(2, 3), torch.ones(2, 2, dtype=torch.bool))
    with pytest.raises(ValueError, match="boolean mask"):
        straight_through(torch.ones(2, 2), None, torch.ones(2, 2))


def masked() -> nn.Module:
    model = models.pretrained(bert_folder(), outputs=2, seed=4)
    layers = {name: layer for name, layer in models.matrices(model).items() if isinstance(layer, nn.Linear)}
    models.put(model, {name: MaskedLinear(layer) for name, layer in layers.items()})
    return model


def masked_layers(model: nn.Module) -> dict[str, MaskedLinear]:
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, MaskedLinear)}


def test_oracle_the_exported_model_is_the_masked_one() -> None:
    model = masked().eval()
    layers = masked_layers(model)
    for place, layer in enumerate(layers.values()):
        layer.mask.copy_(torch.rand(layer.mask.shape, generator=torch.Generator().manual_seed(place)) < 0.3)
    ids = torch.arange(5, 25).reshape(2, 10)
    before = model(input_ids=ids).logits
    ones = sum(int(layer.mask.sum()) for layer in layers.values())
    models.put(model, {name: layer.export() for name, layer in layers.items()})
    torch.testing.assert_close(model(input_ids=ids).logits, before, rtol=0, atol=1e-6)
    weights = [layer.weight for layer in models.matrices(model).values() if isinstance(layer, nn.Linear)]
    assert sum(int(torch.count_nonzero(weight)) for weight in weights) == ones
    assert not any("scores" in name or "mask" in name for name in model.state_dict())


def test_scores_have_their_own_rate_and_are_not_decayed() -> None:
    model = masked()
    hook = Movement(TopK(), Schedule(0.3, 0.1, 0.3, 1), learning_rate=1e-2)
    hook.start(model, 100)
    optimizer = loop._optimizer(model, Recipe(1, 3e-5, weight_decay=0.1), hook.groups())
    decayed, plain, scores = optimizer.param_groups
    assert (decayed["weight_decay"], plain["weight_decay"], scores["weight_decay"]) == (0.1, 0.0, 0.0)
    assert (decayed["peak"], plain["peak"], scores["peak"]) == (3e-5, 3e-5, 1e-2)
    assert {id(each) for each in scores["params"]} == {id(layer.scores) for layer in masked_layers(model).values()}
    held = [id(each) for group in optimizer.param_groups for each in group["params"]]
    assert len(held) == len(set(held)) == len(list(model.parameters()))


def test_a_schedule_without_a_decay_is_refused_before_the_first_step() -> None:
    with pytest.raises(ValueError, match="leave steps for the decay"):
        Movement(TopK(), Schedule(0.3, 0.45, 0.45), 1e-2).start(masked(), 4)  # 2 + 2 of 4 steps
    with pytest.raises(ValueError, match="leave room for the decay"):
        Schedule(0.3, 0.6, 0.4)


def test_the_published_threshold_is_cut_to_the_budget_by_the_last_act() -> None:
    model = masked()
    hook = Movement(Soft(1.0, tau=0.1), Schedule(0.3, 0.1, 0.3, 1), 1e-2)
    hook.start(model, 10)
    layers = masked_layers(model)
    for place, layer in enumerate(layers.values()):
        assert layer.scores is not None
        nn.init.normal_(layer.scores, std=0.2, generator=torch.Generator().manual_seed(place))
    hook.after_step(10)
    assert hook.facts()["kept"] == 1.0  # no score is below logit(0.1)
    hook.finish()
    total = sum(layer.mask.numel() for layer in layers.values())
    assert sum(int(layer.mask.sum()) for layer in layers.values()) == int(0.3 * total)
    assert hook.facts()["kept_before_last"] == 1.0
    for layer in layers.values():
        assert layer.scores is not None
        nn.init.constant_(layer.scores, -3)
    hook.finish()  # all below tau: the floors stay, and no more
    assert sum(int(layer.mask.sum()) for layer in layers.values()) == sum(
        floor_count(layer.mask.numel()) for layer in layers.values()
    )


def test_the_penalty_rises_with_the_threshold() -> None:
    hook = Movement(Soft(400.0), Schedule(0.3, 0.1, 0.2, 1), 1e-2)
    hook.start(masked(), 1000)
    for step, weight in ((0, 0.0), (100, 0.0), (450, 350.0), (900, 400.0)):
        hook.before_step(step)
        assert hook.penalty_weight == pytest.approx(weight)
    assert float(torch.as_tensor(hook.penalty()).detach()) == pytest.approx(200)  # all scores are 0


def test_embeddings_are_frozen_and_nothing_else() -> None:
    model = models.pretrained(bert_folder(), outputs=2, seed=4)
    _freeze_embeddings(model)
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == ("embeddings" not in name), name


def test_the_default_penalty_follows_budget_and_size() -> None:
    large, small = (SoftMovementPruning().plan(setting(kept)) for kept in (0.5, 0.16))
    assert isinstance(large, MovementPrune)
    assert isinstance(small, MovementPrune)
    assert isinstance(large.rule, Soft)
    assert isinstance(small.rule, Soft)
    assert large.rule.penalty == pytest.approx(57 * 344_064 / 84_934_656)
    assert small.rule.penalty == pytest.approx(152 * 344_064 / 84_934_656)


def test_a_budget_below_the_floors_has_no_cell() -> None:
    tiny = replace(setting(), budget=Budget(0.004))
    assert "keeps 0.5% of every matrix" in str(SoftMovementPruning().refused(tiny))
    assert MovementPruning().refused(tiny) is None
    assert SoftMovementPruning().refused(setting()) is None


@pytest.mark.parametrize(
    ("text", "law"),
    [
        ("movement-soft(tau=2)", "tau is a threshold on a sigmoid"),
        ("movement-soft(penalty=-1)", "penalty is a weight >= 0"),
        ("movement(scope='both')", "scope is global or local"),
        ("movement(score_learning_rate=0)", "score_learning_rate is a positive number"),
        ("movement(interval=0)", "interval is a number of steps >= 1"),
    ],
)
def test_impossible_knobs_are_refused(text: str, law: str) -> None:
    with pytest.raises(ValueError, match=law):
        methods.get(text).plan(setting())
