"""Movement pruning while a model trains: trained scores, the masks they give, the penalty of the soft variant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from methods.layers.masked import MaskedLinear
from methods.ops.masking import Scope
from methods.ops.movement import budget_masks, score_penalty, threshold_between, threshold_mask, top_masks
from methods.ops.schedules import cubic_rise, kept_share
from methods.training.batches import Batch
from methods.training.hooks import Group, Hook
from methods.training.objectives import Objective

if TYPE_CHECKING:
    from methods.stages.prune import Schedule


@dataclass(frozen=True)
class TopK:
    """Keep the highest scores, by exact count."""

    scope: Scope = "local"  # of each matrix, or of all together

    def __post_init__(self) -> None:
        """Refuse scopes that do not exist."""
        if self.scope not in ("global", "local"):
            raise ValueError(f"TopK: scope is global or local, got {self.scope}")

    def masks(self, scores: Sequence[Tensor], share: float, rise: float) -> list[Tensor]:
        """The masks at this share of kept weights."""
        return top_masks(scores, share, self.scope)

    def last(self, scores: Sequence[Tensor], kept: float) -> list[Tensor]:
        """The masks that are deployed."""
        return top_masks(scores, kept, self.scope)


@dataclass(frozen=True)
class Soft:
    """Keep what lies above one threshold on sigmoid(S) for all matrices, and pay for every score that does.

    Without `tau` the threshold is the one at which the scheduled share survives, so that budget and schedule are
    met whatever the penalty does. With it the published rule holds, threshold and penalty rising together; the
    last act then cuts what is left to the budget if more survived.
    """

    penalty: float  # lambda_final
    tau: float | None = None

    def __post_init__(self) -> None:
        """Refuse impossible values, all faults at once."""
        faults = []
        if self.penalty < 0:
            faults.append(f"penalty is a weight >= 0, got {self.penalty}")
        if self.tau is not None and not 0 < self.tau < 1:
            faults.append(f"tau is a threshold on a sigmoid in (0, 1) or None, got {self.tau}; 0.1 is published")
        if faults:
            raise ValueError("Soft: " + "; ".join(faults))

    def masks(self, scores: Sequence[Tensor], share: float, rise: float) -> list[Tensor]:
        """The masks at this share of kept weights, or at this share of tau."""
        if self.tau is None:
            return budget_masks(scores, share)
        return [threshold_mask(score, rise * self.tau) for score in scores]

    def last(self, scores: Sequence[Tensor], kept: float) -> list[Tensor]:
        """The masks that are deployed: never more than the budget."""
        masks = self.masks(scores, kept, 1.0)
        total = sum(score.numel() for score in scores)
        survivors = sum(int(mask.count_nonzero()) for mask in masks)
        return masks if survivors <= int(kept * total) else budget_masks(scores, kept)


class Movement(Hook):
    """Renew the masks after every step, from the scores as they are then and the share or threshold that is due."""

    def __init__(self, rule: TopK | Soft, schedule: "Schedule", learning_rate: float) -> None:
        """`learning_rate` is the scores' own."""
        self.rule = rule
        self.schedule = schedule
        self.learning_rate = learning_rate
        self.layers: list[MaskedLinear] = []
        self.scores: list[nn.Parameter] = []
        self.penalty_weight = 0.0
        self.seen: dict[str, float] = {}

    def start(self, model: nn.Module, total: int) -> None:
        """Find the masked layers and lay the schedule over the steps; refuse one that leaves no step to prune in."""
        self.layers = [module for module in model.modules() if isinstance(module, MaskedLinear)]
        self.scores = [layer.scores for layer in self.layers if layer.scores is not None]
        self.total = total
        self.warm = round(self.schedule.warmup * total)
        self.cool = round(self.schedule.cooldown * total)
        self._due(0)
        self._look()

    def groups(self) -> Sequence[Group]:
        """The scores, at their own rate."""
        return (Group(tuple(self.scores), self.learning_rate),)

    def before_step(self, step: int) -> None:
        """Weigh the penalty: lambda_t = lambda_final * tau_t / tau_final."""
        if isinstance(self.rule, Soft):
            self.penalty_weight = self.rule.penalty * self._due(step)[1]

    def penalty(self) -> Tensor | float:
        """What the scores add to the loss."""
        return self.penalty_weight * score_penalty(self.scores) if self.penalty_weight else 0.0

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Renew the masks for the next step."""
        share, rise = self._due(step)
        if rise > 0 and step % self.schedule.interval == 0:
            self._put(self.rule.masks(self.scores, share, rise))

    @torch.no_grad()
    def finish(self) -> None:
        """The last act is one masking to the budget."""
        self._look()  # the model kept may be an earlier one
        before = self.seen["kept"]
        masks = self.rule.last(self.scores, self.schedule.kept)
        self._put(masks)
        if isinstance(self.rule, Soft):
            self.seen |= {"tau": round(threshold_between(self.scores, masks), 6), "kept_before_last": before}

    def selectable(self, step: int) -> bool:
        """Only models masked at the final share may be selected."""
        return step - step % self.schedule.interval >= self.total - self.cool

    def facts(self) -> dict[str, float]:
        """The kept share and the rows that are wholly zero; at the end of the soft variant its threshold."""
        return self.seen

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Scores and masks have come back with the model."""
        self._look()

    def _due(self, step: int) -> tuple[float, float]:
        """The kept share and the risen part of threshold and penalty."""
        span = (step, self.total, self.warm, self.cool)
        return kept_share(*span, self.schedule.kept), cubic_rise(*span)  # Eq. 5

    def _put(self, masks: Sequence[Tensor]) -> None:
        for layer, mask in zip(self.layers, masks, strict=True):
            layer.mask.copy_(mask)
        self._look()

    def _look(self) -> None:
        total = sum(layer.mask.numel() for layer in self.layers)
        kept = sum(int(layer.mask.count_nonzero()) for layer in self.layers)
        zero_rows = sum(int((~layer.mask.any(dim=1)).sum()) for layer in self.layers)
        self.seen = {"kept": round(kept / total, 6), "zero_rows": float(zero_rows)}


class Penalised:
    """An objective and the penalty on the scores."""

    def __init__(self, single: Objective, movement: Movement) -> None:
        self.single = single
        self.movement = movement
        self.separable = single.separable  # the penalty is the same for every part

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """L + lambda_t * mean over matrices of mean(sigmoid(S))."""
        return self.single(model, batch) + self.movement.penalty()
