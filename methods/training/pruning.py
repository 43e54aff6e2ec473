"""The hook that prunes while a model trains: scores, the falling kept share, exact masks set in place."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from methods import models
from methods.ops.importance import Sensitivity
from methods.ops.masking import apply_, prune_masks
from methods.ops.schedules import kept_share
from methods.training.hooks import Hook

if TYPE_CHECKING:
    from methods.stages.prune import Schedule, Score


class Pruning(Hook):
    """Set the least important weights of the encoder matrices to zero, no mask kept between maskings (2.2).

    Zeroed weights take part in the next steps and may come back until the next masking. Weights only: the biases
    that PLATON's name filter also catches are 0.1 % of the encoder and no factorization acts on them.
    """

    def __init__(self, score: "Score", schedule: "Schedule") -> None:
        self.score = score
        self.schedule = schedule
        self.names: list[str] = []
        self.weights: list[Tensor] = []
        self.masks: list[Tensor] = []
        self.kept = 1.0
        self.zero_rows = 0

    def start(self, model: nn.Module, total: int) -> None:
        """Find the matrices and lay the schedule over the steps."""
        layers = {name: layer for name, layer in models.matrices(model).items() if isinstance(layer, nn.Linear)}
        self.names = list(layers)
        self.weights = [layer.weight for layer in layers.values()]
        self.total = total
        self.warm = round(self.schedule.warmup * total)
        self.cool = round(self.schedule.cooldown * total)
        self.sensitivity = Sensitivity(
            self.weights, beta=self.score.beta, window=self.score.window, uncertainty=self.score.uncertainty
        )

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Update the scores, then mask: every `interval` steps while the share falls, every step once it has.

        Scores change only with their window, so between maskings of the cool-down the last mask is applied again.
        """
        if self.score.order == "first":
            gradients = [weight.grad for weight in self.weights if weight.grad is not None]
            self.sensitivity.update(self.weights, gradients, step)
        share = kept_share(step, self.total, self.warm, self.cool, self.schedule.kept)  # Eq. 5
        if share == 1.0:
            return
        if step % self.schedule.interval == 0:
            self._mask(share)
        elif step >= self.total - self.cool and self.masks:
            apply_(self.weights, self.masks)

    def _mask(self, share: float) -> None:
        scores = (
            [weight.abs() for weight in self.weights] if self.score.order == "zero" else self.sensitivity.scores()
        )
        self.masks = prune_masks(scores, share, self.score.scope)  # Eq. 3
        apply_(self.weights, self.masks)
        self.kept = share
        self.zero_rows = sum(int((~mask.any(dim=1)).sum()) for mask in self.masks)

    @torch.no_grad()
    def finish(self) -> None:
        """The last act is one masking at the final share, so that zeros are exact."""
        if self.schedule.kept < 1.0:
            self._mask(self.schedule.kept)

    def selectable(self, step: int) -> bool:
        """Only models of the final sparsity may be selected."""
        return self.schedule.kept == 1.0 or (step >= self.total - self.cool and self.kept == self.schedule.kept)

    def facts(self) -> dict[str, float]:
        """The kept share and how many rows are wholly zero: if that stays 0 the rank does not fall either."""
        return {"kept": round(self.kept, 6), "zero_rows": float(self.zero_rows)}

    def scores(self) -> dict[str, Tensor]:
        """The final scores by matrix, each [out, in]."""
        return dict(zip(self.names, self.sensitivity.scores(), strict=True))

    def state(self) -> dict[str, Tensor]:
        """Scores and the last masks."""
        masks = {f"mask/{place}": mask for place, mask in enumerate(self.masks)}
        counters = {"counters": torch.tensor([self.kept, float(self.zero_rows)], dtype=torch.float64)}
        return masks | counters | self.sensitivity.state()

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        count = sum(name.startswith("mask/") for name in state)
        self.masks = [state[f"mask/{place}"].to(self.weights[0].device) for place in range(count)]
        self.kept, self.zero_rows = float(state["counters"][0]), int(state["counters"][1])
        self.sensitivity.load_state(state)
