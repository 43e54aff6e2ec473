"""What defines Theseus and MetaDistil while they train, and that a kill changes nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmarks.mini import bert_folder
from methods import models
from methods.contract import Recipe
from methods.layers.replaceable import Replaceable
from methods.stages.replace import extract, insert
from methods.training import loop
from methods.training.batches import Batch, Encoded
from methods.training.holdout import hold_out, taken
from methods.training.hooks import Hook
from methods.training.objectives import Objective, Supervised
from methods.training.replacing import Replaced, Replacement, Replacing
from methods.training.teaching import Teachable, Teaching, answers
from training_bench import Bench, rows

RECIPE = Recipe(epochs=2, learning_rate=5e-4, batch_size=16)


def shallow(seed: int = 4, layers: Sequence[int] = (0, 1)) -> Any:
    model = models.pretrained(bert_folder(), outputs=2, seed=seed)
    if len(layers) < len(models.encoder_layers(model)[1]):
        models.keep_layers(model, layers)
    return model


DEPTH = tuple(range(4))


def teaching(quiz: Encoded, teacher_rate: float = 1e-4) -> Teaching:
    loss = Teachable(features=1.0, states=((2, 1),))
    return Teaching(
        shallow(7, DEPTH),
        loss,
        quiz,
        recipe=RECIPE,
        trial_rate=0.1,
        teacher_rate=teacher_rate,
        quiz_rows=8,
        seed=1,
        device="cpu",
    )


def trained(kind: str, bench: Bench) -> tuple[dict[str, Tensor], tuple[Hook, ...]]:
    model, data = shallow(), rows(64)
    objective: Objective
    hooks: tuple[Hook, ...]
    if kind == "theseus":
        insert(model, shallow(4, DEPTH))
        objective = Replaced(Supervised("classification"))
        hooks = (Replacing(Replacement("linear", 0.3, 0.6), seed=5),)
    else:
        data, quiz = hold_out(data, 0.25, seed=1)
        teach = teaching(quiz)
        objective, hooks = teach, (teach,)
    loop.train(model, data, objective, RECIPE, seed=1, bench=bench, hooks=hooks)
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}, hooks


@pytest.mark.parametrize("kind", ["theseus", "metadistil"])
def test_killed_and_resumed_is_uninterrupted(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(loop.CHECKPOINT_SECONDS, "0")
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole, ended = trained(kind, Bench(tmp_path / "whole"))
    for step in (1, 3, 4, 5):  # first, near and after the end of an epoch
        with pytest.raises(KeyboardInterrupt):
            trained(kind, Bench(tmp_path / "cut", die_at=step))
    cut, again = trained(kind, Bench(tmp_path / "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    for first, second in zip(ended, again, strict=True):  # the teacher and its optimizer too
        states = first.state(), second.state()
        assert states[0].keys() == states[1].keys()
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_only_successor_layers_learn(tmp_path: Path) -> None:
    model = shallow()
    layers = insert(model, shallow(4, DEPTH))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    hooks = (Replacing(Replacement("constant", 0.5, 0.5), seed=5),)
    loop.train(
        model, rows(64), Replaced(Supervised("classification")), RECIPE, seed=1, bench=Bench(tmp_path), hooks=hooks
    )
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) == (".successor." not in name), name
    extract(model, layers)
    assert not [name for name in model.state_dict() if "predecessor" in name or "successor" in name]
    assert all(parameter.requires_grad for parameter in model.parameters())


def run(model: nn.Module, drawn: bool) -> Tensor:
    for module in model.modules():
        if isinstance(module, Replaceable):
            module.drawn = drawn
    with torch.no_grad():
        logits: Tensor = model(**rows(8).batch(np.arange(8), "cpu").inputs).logits
    return logits


def test_all_drawn_is_the_successor_and_none_the_predecessor() -> None:
    # the mini encoder has no dropout, so training mode answers as evaluation does
    inputs = rows(8).batch(np.arange(8), "cpu").inputs
    predecessor, alone = shallow(4, DEPTH).train(), shallow().train()
    model = shallow()
    insert(model, shallow(4, DEPTH))
    model.train()
    with torch.no_grad():
        assert torch.equal(run(model, True), alone(**inputs).logits)
        assert torch.equal(run(model, False), predecessor(**inputs).logits)
        model.eval()
        assert torch.equal(run(model, False), alone(**inputs).logits)  # evaluated by successors only


def test_a_draw_without_successors_changes_only_what_momentum_moves(tmp_path: Path) -> None:
    model = shallow()
    insert(model, shallow(4, DEPTH))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    hook = Replacing(Replacement("constant", 1e-12, 1.0), seed=5)  # never drawn
    data, objective = rows(16), Replaced(Supervised("classification"))
    recipe = Recipe(epochs=1, learning_rate=5e-4, batch_size=16)
    loop.train(model, data, objective, recipe, seed=1, bench=Bench(tmp_path), hooks=(hook,))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_draws_are_as_frequent_as_the_rate_says() -> None:
    modules = nn.Sequential(*[Replaceable(nn.Identity(), [nn.Identity()]) for _ in range(10)])
    hook = Replacing(Replacement("constant", 0.3, 1.0), seed=5)
    hook.start(modules, 1000)
    drawn = 0
    for step in range(1000):
        hook.before_step(step)
        drawn += sum(module.drawn for module in hook.modules)
    assert drawn / 10_000 == pytest.approx(0.3, abs=0.015)  # 3.3 standard deviations


def test_the_rate_is_one_from_its_share_of_the_steps_on() -> None:
    for schedule in ("linear", "constant"):
        replacement = Replacement(schedule, 0.3, 2 / 3)  # type: ignore[arg-type]  # one of two
        rates = [replacement.at(step, 30) for step in range(30)]
        assert rates[0] == 0.3
        assert [rate == 1.0 for rate in rates] == [step >= 20 for step in range(30)]
        assert rates == sorted(rates)


def test_a_teacher_that_may_not_learn_is_plain_distillation(tmp_path: Path) -> None:
    for name in ("taught", "plain"):
        (tmp_path / name).mkdir()
    data, quiz = hold_out(rows(64), 0.25, seed=1)
    taught, plain = shallow(), shallow()
    still = teaching(quiz, teacher_rate=0.0)
    loop.train(taught, data, still, RECIPE, seed=1, bench=Bench(tmp_path / "taught"), hooks=(still,))
    teacher = shallow(7, DEPTH).eval()

    def distilled(model: nn.Module, batch: Batch) -> Tensor:
        with torch.no_grad():
            guide = answers(teacher, batch, (2,))
        return still.loss(answers(model, batch, (1,)), guide, batch.labels)

    loop.train(plain, data, distilled, RECIPE, seed=1, bench=Bench(tmp_path / "plain"))
    same = zip(taught.state_dict().items(), plain.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for (_, one), other in same)


def test_the_teacher_learns(tmp_path: Path) -> None:
    _, hooks = trained("metadistil", Bench(tmp_path))
    before, after = shallow(7, DEPTH).state_dict(), hooks[0].state()
    assert not all(torch.equal(value, after[f"teacher/{name}"]) for name, value in before.items())
    assert hooks[0].facts()["teacher_gradient"] > 0


@settings(max_examples=25, deadline=None)
@given(count=st.integers(20, 120), share=st.floats(0.1, 0.9), seed=st.integers(0, 99))
def test_every_row_is_trained_on_or_held_out(count: int, share: float, seed: int) -> None:
    data = rows(count)
    kept, held = hold_out(data, share, seed)
    assert len(kept) + len(held) == count
    for label in (0, 1):
        of_label = int((data.labels == label).sum())
        assert int((held.labels == label).sum()) == round(share * of_label)

    def texts(split: Encoded) -> list[bytes]:
        ends = zip(split.offsets[:-1], split.offsets[1:], strict=True)
        return [split.ids[a:b].tobytes() for a, b in ends]

    assert sorted(texts(kept) + texts(held)) == sorted(texts(data))
    again = hold_out(data, share, seed)
    assert texts(again[1]) == texts(held)


def test_a_share_that_holds_nothing_out_is_refused() -> None:
    with pytest.raises(ValueError, match=r"leaves rows on both sides, got 0\.001 of 64 rows, 0 held out"):
        hold_out(rows(64), 0.001, seed=1)
    assert len(taken(rows(64), np.arange(3))) == 3
