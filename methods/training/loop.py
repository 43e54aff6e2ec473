"""The training loop that every method shares, so that no method trains better than another by accident."""

import dataclasses
import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from methods.contract import Recipe, derive
from methods.ops.schedules import learning_rate_multiplier
from methods.stages.failure import MethodFailure
from methods.stages.stage import Json, Workbench
from methods.training.batches import Batch, Encoded, shuffled
from methods.training.checkpoint import Checkpoint, restore, store
from methods.training.hooks import Group, Hook
from methods.training.objectives import Objective

CHECKPOINT_SECONDS = "WEIGHIN_CHECKPOINT_SECONDS"  # how often training is saved; never changes a result


@dataclasses.dataclass
class Progress:
    """How far a training is, and what it saw: everything a resumed run must know besides tensors."""

    step: int = 0
    seconds: float = 0.0
    losses: list[float] = dataclasses.field(default_factory=list)  # mean of each finished epoch
    running: float = 0.0  # sum over the current epoch
    best: float = -math.inf
    best_step: int = 0


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """Optimizer steps in one pass over the data."""
    return math.ceil(rows / batch_size)


def train(
    model: nn.Module,
    data: Encoded,
    objective: Objective,
    recipe: Recipe,
    *,
    seed: int,
    bench: Workbench,
    hooks: Sequence[Hook] = (),
    validate: Callable[[], float] | None = None,
) -> dict[str, Json]:
    """Train `model` in place, on the device it is on.

    Killed and run again with the same scratch folder it goes on from its last checkpoint, and on a CPU ends with
    the same bits as if it had never been killed.

    Args:
        model: What is trained; parameters that need no gradient stay as they are.
        data: The training split.
        objective: The loss of a batch.
        recipe: Epochs, learning rate and the rest.
        seed: The setting's seed; data order and dropout derive from it.
        bench: Where checkpoints and progress go.
        hooks: Called around every step, in order.
        validate: The table's metric on the evaluation split, larger is better; needed for selection 'best'.

    Returns:
        Facts for the manifest: steps, seconds, the mean loss of each epoch, what the hooks report.

    Raises:
        MethodFailure: The loss or the gradient is not finite; says at which step and learning rate.
    """
    run = Training(model, data, objective, recipe, seed, bench, hooks, validate)
    interval = float(os.environ.get(CHECKPOINT_SECONDS, "60"))
    started = saved = time.monotonic()
    before = run.progress.seconds
    model.train()
    while run.progress.step < run.total:
        loss = run.step()
        if run.progress.step % run.per_epoch == 0:
            run.end_epoch()
        now = time.monotonic()
        run.progress.seconds = before + now - started
        bench.progress(run.progress.step, run.total, loss=loss, **run.facts())
        if now - saved >= interval and run.progress.step < run.total:
            store(run.checkpoint, bench.scratch)
            saved = time.monotonic()
    if run.progress.best_step:
        run.checkpoint.recall_best(bench.scratch)
    for hook in hooks:
        hook.finish()
    model.eval()
    return {
        "steps": run.total,
        "rows": recipe.epochs * len(data),
        "seconds": round(before + time.monotonic() - started, 3),
        "epoch_losses": [round(mean, 6) for mean in run.progress.losses],
        "selected_step": run.progress.best_step or run.total,
        **run.facts(),
    }


class Training:
    """One training with all its parts, resumed from a checkpoint if there is one."""

    def __init__(
        self,
        model: nn.Module,
        data: Encoded,
        objective: Objective,
        recipe: Recipe,
        seed: int,
        bench: Workbench,
        hooks: Sequence[Hook],
        validate: Callable[[], float] | None,
    ) -> None:
        self.model, self.data, self.objective, self.recipe = model, data, objective, recipe
        self.seed, self.bench, self.hooks, self.validate = seed, bench, hooks, validate
        self.per_epoch = steps_per_epoch(len(data), recipe.batch_size)
        self.total = recipe.epochs * self.per_epoch
        self.progress = Progress()
        for hook in hooks:
            hook.start(model, self.total)
        self.optimizer = _optimizer(model, recipe, [group for hook in hooks for group in hook.groups()])
        self.parameters = [each for group in self.optimizer.param_groups for each in group["params"]]
        torch.manual_seed(derive(seed, "dropout"))
        self.checkpoint = Checkpoint(model, self.optimizer, hooks, self.progress)
        restore(self.checkpoint, bench.scratch)
        self.batches = self._epoch()

    def step(self) -> float:
        """One optimizer step; returns the batch's loss."""
        progress = self.progress
        place = progress.step % self.per_epoch
        if place == 0:
            self.batches = self._epoch()
        batch = self.data.batch(self.batches[place], self.bench.device)
        multiplier = learning_rate_multiplier(progress.step, self.total, self.recipe.warmup)
        rate = self.recipe.learning_rate * multiplier
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * multiplier
        for hook in self.hooks:
            hook.before_step(progress.step)
        loss = sum(self._gradient(part, len(part) / len(batch)) for part in self._parts(batch))
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip)
        value = _finite(loss, norm, progress, rate, self.total)
        self.optimizer.step()
        progress.step += 1
        for hook in self.hooks:
            hook.after_step(progress.step)
        self.optimizer.zero_grad(set_to_none=True)
        progress.running += value
        return value

    def _parts(self, batch: Batch) -> list[Batch]:
        """The batch as it is computed: whole, unless memory was short before."""
        if self.bench.parts == 1:
            return [batch]
        if not self.objective.separable:
            raise MemoryError(
                f"a batch is computed in {self.bench.parts} parts where memory is short, but the loss "
                f"{type(self.objective).__name__} of a batch is no mean of its parts' losses; give the stage more "
                "memory, or lower the batch size, which is another training"
            )
        return batch.parted(self.bench.parts)

    def _gradient(self, batch: Batch, share: float) -> float:
        """Add this part's gradient; returns its loss, both times its share of the rows."""
        with torch.autocast(self.bench.device, dtype=torch.bfloat16, enabled=self.recipe.precision == "bfloat16"):
            loss = self.objective(self.model, batch) * share
        loss.backward()
        return float(loss.detach())

    def end_epoch(self) -> None:
        """Note the epoch's mean loss, and keep the model if it is selectable and the best so far."""
        progress = self.progress
        progress.losses.append(progress.running / self.per_epoch)
        progress.running = 0.0
        if self.recipe.selection == "last" or not all(hook.selectable(progress.step) for hook in self.hooks):
            return
        if self.validate is None:
            raise ValueError("selection 'best' needs a validation score and this stage has none; use 'last'")
        score = self.validate()
        if score > progress.best:  # the first of equals stays
            progress.best, progress.best_step = score, progress.step
            self.checkpoint.keep_best(self.bench.scratch)
        self.model.train()

    def facts(self) -> dict[str, float]:
        """What the hooks report."""
        return {name: number for hook in self.hooks for name, number in hook.facts().items()}

    def _epoch(self) -> list[npt.NDArray[np.int64]]:
        """The batches of the epoch the next step belongs to."""
        epoch = self.progress.step // self.per_epoch
        return shuffled(self.data.lengths, self.recipe.batch_size, derive(self.seed, f"order/{epoch}"))


def _optimizer(model: nn.Module, recipe: Recipe, others: Sequence[Group]) -> torch.optim.AdamW:
    """Fused AdamW; biases and normalisation weights are not decayed, and hooks' groups have their own rates."""
    taken = {id(parameter) for group in others for parameter in group.parameters}
    trained = [each for each in model.parameters() if each.requires_grad and id(each) not in taken]
    groups: list[dict[str, Any]] = [
        {
            "params": [parameter for parameter in trained if parameter.ndim > 1],
            "weight_decay": recipe.weight_decay,
        },
        {"params": [parameter for parameter in trained if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    for group in groups:
        group["peak"] = recipe.learning_rate
    groups += [
        {
            "params": list(group.parameters),
            "weight_decay": 0.0,  # AdamW's own default would pull every score to 0
            "peak": group.learning_rate,
        }
        for group in others
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


def _finite(value: float, norm: Tensor, progress: Progress, rate: float, total: int) -> float:
    """The loss, or the failure that a NaN or an infinity is."""
    size = float(norm)
    if math.isfinite(value) and math.isfinite(size):
        return value
    last = progress.losses[-1] if progress.losses else progress.running / max(progress.step, 1)
    raise MethodFailure(
        f"training diverged: loss and gradient are finite numbers, got loss {value} and gradient norm {size} at "
        f"step {progress.step + 1} of {total}, learning rate {rate:.3g}, mean loss before {last:.4g}; "
        "lower the learning rate or lengthen the warm-up"
    )
