"""The training loop: the same seed gives the same bits, a kill changes nothing, padding changes no answer."""

import dataclasses
import errno
import itertools
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
from methods.contract import Distillation, Recipe
from methods.layers.low_rank import LowRankLinear
from methods.layers.masked import MaskedLinear
from methods.layers.mixed_rank import MixedRankLinear
from methods.ops.svd import truncated_svd
from methods.stages import parts
from methods.stages.failure import MethodFailure
from methods.stages.prune import Schedule, Score
from methods.training import loop
from methods.training.batches import Encoded, in_order, shuffled
from methods.training.checkpoint import FILE
from methods.training.contrastive import Banks, Contrastive, Terms
from methods.training.features import Featured
from methods.training.hooks import Hook
from methods.training.mixed_rank import MixedRank
from methods.training.movement import Movement, Penalised, Soft, TopK
from methods.training.objectives import Distilled, Objective, Supervised, TwoPass
from methods.training.pruning import Pruning
from training_bench import Bench, rows


def dense() -> nn.Module:
    return models.pretrained(bert_folder(), outputs=2, seed=4)


def mixed() -> nn.Module:
    model = dense()
    layers = {name: layer for name, layer in models.matrices(model).items() if isinstance(layer, nn.Linear)}
    models.put(
        model,
        {
            name: MixedRankLinear(
                LowRankLinear.from_factors(truncated_svd(layer.weight.detach(), 8), layer.bias.detach()),
                layer.weight.detach(),
            )
            for name, layer in layers.items()
        },
    )
    return model


def masked() -> nn.Module:
    model = dense()
    layers = {name: layer for name, layer in models.matrices(model).items() if isinstance(layer, nn.Linear)}
    models.put(model, {name: MaskedLinear(layer) for name, layer in layers.items()})
    return model


def distilled(data: Encoded) -> Distilled:
    teacher = torch.randn((len(data), 2), generator=torch.Generator().manual_seed(1))
    return Distilled("classification", Distillation(), teacher)


def setup(name: str, data: Encoded, bench: Bench) -> tuple[nn.Module, Objective, tuple[Hook, ...]]:
    if name == "plain":
        return dense(), Supervised("classification"), ()
    if name == "featured":
        return dense(), Featured(distilled(data), models.pretrained(bert_folder(), outputs=2, seed=5), 1.0), ()
    if name == "pruning":
        return dense(), distilled(data), (Pruning(Score("first", window=2), Schedule(0.3, 0.1, 0.3, 2)),)
    if name == "contrast":
        hook = Movement(TopK(), Schedule(0.3, 0.1, 0.3, 1), learning_rate=1e-2)
        terms = Terms(extra=40)
        banks = Banks(terms, dense().eval(), data, RECIPE.epochs, seed=1, bench=bench, precision="float32")
        return masked(), Penalised(Contrastive(distilled(data), banks), hook), (hook, banks)
    if name.startswith("movement"):
        rule = TopK() if name == "movement" else Soft(penalty=1.0)
        hook = Movement(rule, Schedule(0.3, 0.1, 0.3, 1), learning_rate=1e-2)
        return masked(), Penalised(distilled(data), hook), (hook,)
    return mixed(), TwoPass(distilled(data), 1.0), (MixedRank(0.7, 2, seed=5),)


RECIPE = Recipe(epochs=3, learning_rate=5e-4, batch_size=16)
KINDS = ("plain", "featured", "pruning", "mixed", "movement", "movement-soft", "contrast")


def trained(kind: str, bench: Bench, recipe: Recipe = RECIPE) -> dict[str, Tensor]:
    data = rows(96)
    model, objective, hooks = setup(kind, data, bench)
    validate = None if recipe.selection == "last" else (lambda: float(parts.predict(model, data, "cpu")[:, 0].mean()))
    loop.train(model, data, objective, recipe, seed=1, bench=bench, hooks=hooks, validate=validate)
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_twice_gives_the_same_weights(kind: str, tmp_path: Path) -> None:
    first, second = (trained(kind, Bench(tmp_path / name)) for name in _folders(tmp_path, "a", "b"))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("parts", [2, 3, 99])  # of 16 rows: alike, not alike, a row each
@pytest.mark.parametrize("kind", ["plain", "pruning", "mixed", "movement"])
def test_a_batch_in_parts_gives_the_same_update(kind: str, parts: int, tmp_path: Path) -> None:
    """The gradient of the batch up to rounding; compared there, for AdamW makes steps of noise around zero."""

    def gradients(count: int) -> tuple[list[Tensor], float]:
        data = rows(96)
        model, objective, hooks = setup(kind, data, Bench(tmp_path, parts=count))
        seen: list[Tensor] = []

        class Keep(Hook):
            def after_step(self, step: int) -> None:
                seen.extend(each.grad.clone() for each in model.parameters() if each.grad is not None)

        run = loop.Training(model, data, objective, RECIPE, 1, Bench(tmp_path, parts=count), (*hooks, Keep()), None)
        return seen, run.step()

    whole, loss = gradients(1)
    parted, same = gradients(parts)
    assert same == pytest.approx(loss, rel=1e-5)
    assert len(whole) == len(parted) > 0
    for one, other in zip(whole, parted, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("kind", ["featured", "contrast"])
def test_a_loss_that_is_no_mean_over_rows_is_not_computed_in_parts(kind: str, tmp_path: Path) -> None:
    with pytest.raises(MemoryError, match=r"in 2 parts.*no mean of its parts' losses; give the stage more memory"):
        trained(kind, Bench(tmp_path, parts=2))


@given(st.integers(1, 20), st.integers(1, 8))
@settings(deadline=None, max_examples=40)
def test_parts_are_the_batch(count: int, parts: int) -> None:
    batch = rows(count).batch(np.arange(count), "cpu")
    parted = batch.parted(parts)
    assert len(parted) == min(parts, count)
    assert max(map(len, parted)) - min(map(len, parted)) <= 1
    assert torch.equal(torch.cat([part.index for part in parted]), batch.index)
    for name, tensor in batch.inputs.items():
        assert torch.equal(torch.cat([part.inputs[name] for part in parted]), tensor)


@pytest.mark.parametrize("selection", ["last", "best"])
@pytest.mark.parametrize("kind", KINDS)
def test_killed_and_resumed_is_uninterrupted(
    kind: str, selection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(epochs=3, learning_rate=5e-4, batch_size=16, selection=selection)  # type: ignore[arg-type]
    monkeypatch.setenv(loop.CHECKPOINT_SECONDS, "0")
    _folders(tmp_path, "whole", "cut")
    whole = trained(kind, Bench(tmp_path / "whole"), recipe)
    for step in (1, 6, 7, 11, 17):  # first, end of an epoch, after it, within, near the end
        with pytest.raises(KeyboardInterrupt):
            trained(kind, Bench(tmp_path / "cut", die_at=step), recipe)
    cut = trained(kind, Bench(tmp_path / "cut"), recipe)
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_an_unreadable_checkpoint_is_said_and_training_starts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(loop.CHECKPOINT_SECONDS, "0")
    _folders(tmp_path, "whole", "cut")
    whole = trained("plain", Bench(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        trained("plain", Bench(tmp_path / "cut", die_at=5))
    content = (tmp_path / "cut" / FILE).read_bytes()
    (tmp_path / "cut" / FILE).write_bytes(content[: len(content) // 2])
    again = trained("plain", Bench(tmp_path / "cut"))
    assert "not readable" in capsys.readouterr().out
    assert all(torch.equal(whole[name], again[name]) for name in whole)


@pytest.mark.parametrize(("kind", "pattern"), [("plain", "best-*"), ("contrast", "bank-*")])
@pytest.mark.parametrize("lost", [False, True])
def test_a_damaged_file_beside_the_checkpoint_begins_the_training_again(
    kind: str, pattern: str, lost: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = dataclasses.replace(RECIPE, selection="best")
    scores = itertools.count()
    monkeypatch.setattr(parts, "predict", lambda *given: -np.full((1, 1), next(scores)))  # the first epoch stays best
    monkeypatch.setenv(loop.CHECKPOINT_SECONDS, "0")
    _folders(tmp_path, "whole", "cut")
    whole = trained(kind, Bench(tmp_path / "whole"), recipe)
    with pytest.raises(KeyboardInterrupt):
        trained(kind, Bench(tmp_path / "cut", die_at=17), recipe)
    for path in (tmp_path / "cut").glob(pattern):
        path.write_bytes(path.read_bytes()[:40])
        if lost:
            path.unlink()
    with pytest.raises(OSError, match=r"damaged .*; the training begins again from step 0") as fault:
        trained(kind, Bench(tmp_path / "cut"), recipe)
    assert fault.value.errno == errno.EIO  # of the disk, not of the method: it is tried again
    again = trained(kind, Bench(tmp_path / "cut"), recipe)
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_pruning_keeps_exactly_the_share(tmp_path: Path) -> None:
    data = rows(96)
    model, objective, hooks = setup("pruning", data, Bench(tmp_path))
    loop.train(model, data, objective, RECIPE, seed=1, bench=Bench(tmp_path), hooks=hooks)
    weights = [layer.weight for layer in models.matrices(model).values() if isinstance(layer, nn.Linear)]
    total = sum(weight.numel() for weight in weights)
    assert sum(int(torch.count_nonzero(weight)) for weight in weights) == total - round(total * 0.7)


def test_mixed_rank_leaves_the_parent_alone(tmp_path: Path) -> None:
    data = rows(96)
    model, objective, hooks = setup("mixed", data, Bench(tmp_path))
    before = [m.parent.clone() for m in model.modules() if isinstance(m, MixedRankLinear)]
    loop.train(model, data, objective, RECIPE, seed=1, bench=Bench(tmp_path), hooks=hooks)
    after = [m.parent for m in model.modules() if isinstance(m, MixedRankLinear)]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert not any(parent.requires_grad for parent in after)


def test_nan_ends_training_with_step_rate_and_loss(tmp_path: Path) -> None:
    data = rows(96)

    def diverges(model: nn.Module, batch: Any) -> Tensor:
        loss = Supervised("classification")(model, batch)
        return loss * float("nan") if diverges.step == 3 else _count(diverges, loss)  # type: ignore[attr-defined]

    diverges.step = 0  # type: ignore[attr-defined]
    with pytest.raises(MethodFailure, match=r"step 4 of 18, learning rate .*lower the learning rate"):
        loop.train(dense(), data, diverges, RECIPE, seed=1, bench=Bench(tmp_path))


def _count(holder: Any, loss: Tensor) -> Tensor:
    holder.step += 1
    return loss


def test_padding_does_not_change_an_answer() -> None:
    data, model = rows(8), dense().eval()
    together = parts.predict(model, data, "cpu")  # padded to the longest of eight
    alone = np.concatenate(
        [
            model(**data.batch(np.asarray([row]), "cpu").inputs).logits.detach().numpy()  # not padded at all
            for row in range(8)
        ]
    )
    assert np.abs(together - alone).max() < 1e-5


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=300), st.integers(1, 40), st.integers(0, 5))
def test_every_row_is_seen_once_an_epoch(lengths: list[int], size: int, seed: int) -> None:
    for batches in (shuffled(lengths, size, seed), list(in_order(np.asarray(lengths), size))):
        seen = np.concatenate(batches)
        assert sorted(seen) == list(range(len(lengths)))
        assert len(batches) == loop.steps_per_epoch(len(lengths), size)
        assert all(len(batch) <= size for batch in batches)


def test_the_order_depends_on_the_seed_alone() -> None:
    lengths = list(range(100))
    first, again, other = shuffled(lengths, 8, 1), shuffled(lengths, 8, 1), shuffled(lengths, 8, 2)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_recipes_name_all_faults_at_once() -> None:
    with pytest.raises(ValueError, match=r"epochs .* got 0; learning_rate .* got -1\.0; .*warmup .* got 2"):
        Recipe(0, -1.0, warmup=2.0)


def _folders(root: Path, *names: str) -> tuple[str, ...]:
    for name in names:
        (root / name).mkdir()
    return names
