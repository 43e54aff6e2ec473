"""Steps of pruning and of mixed-rank training against plain steps, in one run."""

import copy
import time
from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks import protocols
from benchmarks.bench.scene import SIZES, distilled, encoder, rows, scene, side_by_side
from methods import models
from methods.contract import Recipe
from methods.layers.low_rank import LowRankLinear
from methods.layers.mixed_rank import MixedRankLinear
from methods.ops.ranks import rank_for
from methods.stages.prune import Schedule, Score
from methods.training.hooks import Hook
from methods.training.loop import Training
from methods.training.mixed_rank import MixedRank
from methods.training.objectives import Objective, TwoPass
from methods.training.pruning import Pruning

ROWS = 3668  # MRPC's training set
CYCLES = 4  # rounds of `interval` steps the pruner is timed for by itself; the fastest counts
SCORES = {"moving average": Score("first"), "PLATON": Score("first", uncertainty=0.95)}


class _AllParents(MixedRank):
    """Every matrix gives way to its parent in both passes, for as long as the benchmark lasts."""

    def before_step(self, step: int) -> None:
        """Set z = 1."""
        for layer in self.layers:
            layer.draw = (True,) * self.passes


def compare(rounds: int = 12, large_rounds: int = 5) -> dict[str, Any]:
    """Seconds a step, and ratios to the plain step each is promised against.

    Args:
        rounds: Steps timed of each kind at MiniLM size (6 layers of 384).
        large_rounds: Steps timed of the dense model at BERT-base size; only pruning is compared there.
    """
    return {**mixed_rank(rounds), **pruning("minilm", rounds), **pruning("bert-base", large_rounds)}


def pruning(size: str, rounds: int) -> dict[str, Any]:
    """What a pruner adds to a plain step, in the cool-down: nine steps that score and mask, one that sorts as well.

    The pruner is timed by itself, on weights and gradients of the right shapes, since what it adds is less than what
    two steps of one kind differ by.

    Args:
        size: 'minilm' or 'bert-base'.
        rounds: Plain steps timed.
    """
    model, data = encoder(size), rows("mrpc", ROWS)
    model.train()
    with scene() as bench:
        recipe = Recipe(1, 3e-5, precision=protocols.best_precision(bench.device, SIZES[size]["hidden_size"]))
        training = Training(model, data, distilled(data), recipe, 1, bench, (), None)
        plain = side_by_side({"dense": training.step}, rounds)["dense"]
    found: dict[str, Any] = {f"{size}: dense step, seconds": round(plain, 4)}
    for name, score in SCORES.items():
        added = _added_seconds(model, Pruning(score, Schedule(0.25, warmup=0.0, cooldown=0.98)))
        found[f"{size}: pruning step by {name} / dense (promised: at most 1.15)"] = round(1 + added / plain, 3)
    return found


def _added_seconds(model: nn.Module, hook: Pruning) -> float:
    """Mean seconds of the hook a step, over one interval from masking to masking."""
    interval = hook.schedule.interval
    hook.start(model, total=100 * interval)
    first = hook.total - hook.cool  # the share has fallen
    generator = torch.Generator(device=hook.weights[0].device).manual_seed(0)
    for weight in hook.weights:
        weight.grad = torch.randn(weight.shape, generator=generator, device=weight.device)
    cycles: list[float] = []
    for cycle in range(CYCLES + 1):
        started = time.perf_counter()
        for step in range(interval):
            hook.after_step(first + cycle * interval + step + 1)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        cycles.append((time.perf_counter() - started) / interval)
    return min(cycles[1:])  # the first has no masks yet


def mixed_rank(rounds: int, size: str = "minilm", budget: float = 0.5) -> dict[str, Any]:
    """Steps with both passes at p = 0 and p = 1 beside plain steps of the factorized and of the dense model.

    Args:
        rounds: Steps timed of each kind.
        size: 'minilm' or 'bert-base'.
        budget: Of the factorized model.
    """
    dense = encoder(size)
    factorized = copy.deepcopy(dense)
    layers = {name: layer for name, layer in models.matrices(dense).items() if isinstance(layer, nn.Linear)}
    rank = rank_for(budget, [(layer.out_features, layer.in_features) for layer in layers.values()])
    models.put(factorized, {name: _random_factors(layer, rank) for name, layer in layers.items()})
    data = rows("mrpc", ROWS)
    single = distilled(data)
    variants: dict[str, tuple[nn.Module, Objective, Hook | None]] = {
        "dense": (dense, single, None),
        "factorized": (factorized, single, None),
        "mixed p=0": (_mixed(factorized, dense), TwoPass(single, 1.0), MixedRank(0.0, 2, seed=1)),
        "mixed p=1": (_mixed(factorized, dense), TwoPass(single, 1.0), _AllParents(1.0, 2, seed=1)),
    }
    with scene() as bench:
        hidden = SIZES[size]["hidden_size"]
        recipe = Recipe(1, 3e-5, precision=protocols.best_precision(bench.device, hidden))
        trainings = {
            name: Training(model, data, objective, recipe, 1, bench, (hook,) if hook else (), None)
            for name, (model, objective, hook) in variants.items()
        }
        for model, _, _ in variants.values():
            model.train()
        seconds = side_by_side({name: partial(Training.step, each) for name, each in trainings.items()}, rounds)
    return {
        "size": size,
        "rank": rank,
        "precision": recipe.precision,
        "threads": torch.get_num_threads(),
        "seconds": {name: round(value, 4) for name, value in seconds.items()},
        "mixed p=0 / factorized (promised: at most 2.1)": round(seconds["mixed p=0"] / seconds["factorized"], 3),
        "mixed p=1 / dense (promised: at most 2.1)": round(seconds["mixed p=1"] / seconds["dense"], 3),
    }


def _random_factors(layer: nn.Linear, rank: int) -> LowRankLinear:
    """Factors of the right shape; speed does not depend on their values."""
    inner = nn.Linear(layer.in_features, rank, bias=False, device=layer.weight.device)
    return LowRankLinear(inner, nn.Linear(rank, layer.out_features, device=layer.weight.device))


def _mixed(factorized: nn.Module, dense: nn.Module) -> nn.Module:
    mixed = copy.deepcopy(factorized)
    parents = models.matrices(dense)
    layers: dict[str, nn.Module] = {}
    for name, layer in models.matrices(mixed).items():
        parent = parents[name]
        if isinstance(layer, LowRankLinear) and isinstance(parent, nn.Linear):
            layers[name] = MixedRankLinear(layer, parent.weight.detach().clone())
    models.put(mixed, layers)
    return mixed
