"""Movement pruning: scores trained beside the weights, by rank (MvP) or by threshold and penalty (SMvP)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from optuna.distributions import CategoricalDistribution, FloatDistribution

from methods.contract import Compressor, Family, Setting
from methods.ops.masking import Scope
from methods.ops.movement import FLOOR, floor_count
from methods.space import LEARNING_RATES
from methods.stages.movement import MovementPrune
from methods.stages.prune import Schedule
from methods.steps import encoded, teacher_logits
from methods.training.movement import Soft, TopK

SOURCE = "Sanh, Wolf & Rush, NeurIPS 2020 (arXiv 2005.07683); huggingface/transformers-research-projects"

# The only published penalties by sparsity are those of CAP's runs of the same pruner (QQP: 190 for 90 %, 550 for
# 97 %). The rest scales them down: (smallest budget it holds for, lambda_final on BERT-base).
PENALTIES = ((0.4, 57.0), (0.2, 114.0), (0.13, 152.0), (0.05, 190.0), (0.0, 550.0))
BERT_BASE = 84_934_656  # encoder weights


@dataclass(frozen=True)
class MovementPruning(Compressor):
    """Keep the weights whose scores are highest, each matrix its share; scores fall where weights move to zero."""

    scope: Scope = "local"
    score_learning_rate: float = 1e-2
    interval: int = 1  # steps between renewals of the masks
    freeze_embeddings: bool = True

    label: ClassVar[str] = "MvP"
    family: ClassVar[Family] = Family.UNSTRUCTURED_PRUNING
    source: ClassVar[str] = SOURCE
    space: ClassVar[Mapping[str, Any]] = {
        "scope": CategoricalDistribution(("local", "global")),
        "score_learning_rate": FloatDistribution(1e-3, 1e-1, log=True),
        "lr": LEARNING_RATES,
    }

    def plan(self, setting: Setting) -> MovementPrune:
        """Prune to the budget."""
        return moved(setting, TopK(self.scope), self.score_learning_rate, self.interval, self.freeze_embeddings)


@dataclass(frozen=True)
class SoftMovementPruning(Compressor):
    """Keep the weights with sigmoid(S) above one threshold, and pay lambda_t * mean(sigmoid(S)) for keeping them.

    As published, threshold and penalty are fixed and the size is what comes out; its authors try penalties until it
    fits. Here the penalty is fixed and the threshold is solved for: at every step it is the one that lets the
    scheduled share survive, at the end the budget's, exactly. So a budget is one training, and short trainings, whose
    scores cannot reach the published threshold (|S| <= score learning rate x steps), still prune gradually. With
    `tau` (0.1 is published) the rule is the published one, and the last act cuts to the budget if more is left.
    """

    penalty: float | None = None  # lambda_final; None: by budget, see `PENALTIES`, and by the encoder's size
    tau: float | None = None
    score_learning_rate: float = 1e-2
    interval: int = 1  # steps between renewals of the masks
    freeze_embeddings: bool = True

    label: ClassVar[str] = "SMvP"
    family: ClassVar[Family] = Family.UNSTRUCTURED_PRUNING
    source: ClassVar[str] = SOURCE
    space: ClassVar[Mapping[str, Any]] = {
        "penalty": FloatDistribution(0.1, 1000.0, log=True),
        "score_learning_rate": FloatDistribution(1e-3, 1e-1, log=True),
        "lr": LEARNING_RATES,
    }

    def plan(self, setting: Setting) -> MovementPrune:
        """Prune to the budget."""
        rule = Soft(lambda_final(setting) if self.penalty is None else self.penalty, self.tau)
        return moved(setting, rule, self.score_learning_rate, self.interval, self.freeze_embeddings)

    def refused(self, setting: Setting) -> str | None:
        """Budgets below what every matrix keeps anyway have no cell."""
        sizes = [rows * columns for rows, columns in setting.backbone.matrices.values()]
        floors = sum(floor_count(size) for size in sizes)
        if floors > int(setting.budget.kept * sum(sizes)):
            return f"keeps {FLOOR:.1%} of every matrix, more than a budget of {setting.budget.kept:g}"
        return super().refused(setting)


def lambda_final(setting: Setting) -> float:
    """The penalty's final weight: by budget, and so that one score is pulled as hard as one of BERT-base's.

    The penalty is a mean, so its pull on one score falls with the number of scores, which the task's does not.
    """
    weights = sum(rows * columns for rows, columns in setting.backbone.matrices.values())
    by_budget = next(value for floor, value in PENALTIES if setting.budget.kept >= floor)
    return by_budget * weights / BERT_BASE


def moved(
    setting: Setting, rule: TopK | Soft, score_learning_rate: float, interval: int, freeze_embeddings: bool
) -> MovementPrune:
    """Movement pruning by one rule; the learning rates warm up for as long as pruning waits (w_i = 1)."""
    protocol = setting.protocol
    return MovementPrune(
        encoder=setting.backbone.fingerprint,
        data=encoded(setting),
        teacher=teacher_logits(setting),
        recipe=replace(protocol.prune, warmup=protocol.prune_warmup),
        distillation=protocol.distillation,
        schedule=Schedule(setting.budget.kept, protocol.prune_warmup, protocol.prune_cooldown, interval),
        rule=rule,
        score_learning_rate=score_learning_rate,
        freeze_embeddings=freeze_embeddings,
        seed=setting.seed,
    )


METHODS = {"movement": MovementPruning(), "movement-soft": SoftMovementPruning()}
