"""PKD: patient knowledge distillation (Sun et al., EMNLP 2019)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import torch
from optuna.distributions import CategoricalDistribution
from torch import Tensor

from methods import students
from methods.contract import Compressor, Distillation, Family, Setting
from methods.ops.matching import patience
from methods.space import LEARNING_RATES
from methods.stages.distil import Distil, Inner
from methods.stages.stage import Stage
from methods.steps import dense, encoded, teacher_logits
from methods.training.internals import Inside, wide
from methods.training.matching import Matcher, Matching, Shape

Strategy = Literal["skip", "last"]


def teacher_layers(strategy: Strategy, student: int, teacher: int) -> tuple[int, ...]:
    """The teacher's layers (1-based) that layers 1 to k - 1 of a k-layer student follow.

    'skip': every (teacher / student)-th; 'last': the last ones. The student's own last layer is taught by the
    logits.
    """
    if strategy == "skip":
        return students.evenly(student, teacher)[:-1]
    return tuple(range(teacher - student + 1, teacher))


@dataclass(frozen=True)
class Patience(Matching):
    """Imitate the first token's states: student layers 1 to k - 1, the teacher's by the strategy."""

    kind: str = field(default="patience", init=False)
    strategy: Strategy = "skip"
    weight: float = 100.0  # beta, on the mean over all elements
    normalise: bool = True

    def __post_init__(self) -> None:
        """Refuse what does not exist, all faults at once."""
        faults = []
        if self.strategy not in ("skip", "last"):
            faults.append(f"strategy is skip or last, got {self.strategy}")
        if self.weight < 0:
            faults.append(f"beta is a weight >= 0, got {self.weight}")
        if faults:
            raise ValueError("PKD: " + "; ".join(faults))

    def matcher(self, student: Shape, teacher: Shape, seed: int) -> Matcher:
        """Nothing is drawn: states are compared as they are."""
        if student.width != teacher.width:
            raise ValueError(
                f"PKD compares states of one width, got {student.width} (student) and {teacher.width} (teacher)"
            )
        return _Patience(self, teacher_layers(self.strategy, student.layers, teacher.layers))


class _Patience(Matcher):
    separable: ClassVar[bool] = True

    def __init__(self, matching: Patience, layers: tuple[int, ...]) -> None:
        super().__init__()
        self.matching = matching
        self.layers = layers

    def forward(self, student: Inside, teacher: Inside) -> Tensor:
        """Beta * L_PT."""
        ours = torch.stack([wide(state[:, 0]) for state in student.hidden[1:-1]], dim=1)  # [rows, k - 1, width]
        theirs = torch.stack([wide(teacher.hidden[layer][:, 0]) for layer in self.layers], dim=1)
        return self.matching.weight * patience(ours, theirs, normalise=self.matching.normalise)


@dataclass(frozen=True)
class PKD(Compressor):
    """The k first layers learn labels, logits, and the first token's states of the teacher's middle layers.

    Without `alpha` and `temperature` the answers are learned by the unified objective, as every method here does;
    with them by the published one, (1 - alpha) CE + alpha T^2 KL / classes.
    """

    strategy: Strategy = "skip"
    beta: float = 100.0
    normalise: bool = True
    alpha: float | None = None
    temperature: float | None = None

    label: ClassVar[str] = "PKD"
    family: ClassVar[Family] = Family.TASK_DISTILLATION
    source: ClassVar[str] = "Sun et al., EMNLP 2019 (intersun/PKD-for-BERT-Model-Compression), src/KD_loss.py"
    space: ClassVar[Mapping[str, Any]] = {
        "beta": CategoricalDistribution((10.0, 100.0, 500.0, 1000.0)),
        "lr": LEARNING_RATES,
    }
    excess: ClassVar[float] = students.LAYER_EXCESS

    def plan(self, setting: Setting) -> Stage:
        """Student -> training on answers and states."""
        return Distil(
            student=students.first_layers(setting),
            data=encoded(setting),
            recipe=setting.protocol.retrain,
            seed=setting.seed,
            distillation=self.answers(setting.protocol.distillation, setting.task.outputs),
            logits=teacher_logits(setting),
            inner=Inner(dense(setting), Patience(self.strategy, self.beta, self.normalise)),
        )

    def answers(self, unified: Distillation, outputs: int) -> Distillation:
        """The weights on labels and logits; KL averaged over classes is KL a row divided by their number."""
        if self.temperature is not None:
            unified = replace(unified, temperature=self.temperature)
        if self.alpha is None:
            return unified
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"PKD: alpha is a weight in [0, 1], got {self.alpha}; 0.7 weighs the teacher most")
        return replace(unified, hard=1 - self.alpha, soft=self.alpha / outputs)

    def refused(self, setting: Setting) -> str | None:
        """Also budgets below two layers: the logits teach the last, and none would be left to be patient with."""
        reason = students.refusal(setting, least=2)
        return super().refused(setting) or (reason and f"the last layer is taught by logits, so {reason}")

    def title(self) -> str:
        """The strategy is named where it is not the usual one."""
        return self.label if self.strategy == "skip" else f"{self.label}-{self.strategy}"


METHODS = {"pkd": PKD(), "pkd-last": PKD(strategy="last")}
