"""BERT-of-Theseus: layers of a fine-tuned model replaced at random, ever more often (Xu et al., EMNLP 2020)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from optuna.distributions import CategoricalDistribution

from methods import students
from methods.contract import Compressor, Family, Setting
from methods.ops.replacement import module_size
from methods.space import LEARNING_RATES
from methods.stages.replace import Replace
from methods.stages.stage import Stage
from methods.stages.student import Shallow
from methods.steps import dense, encoded
from methods.training.replacing import Replacement


@dataclass(frozen=True)
class Theseus(Compressor):
    """Module replacing on the labels alone, then successor fine-tuning; no distillation loss."""

    schedule: Literal["linear", "constant"] = "linear"
    rate: float = 0.3  # b of Eq. 6, or the constant replacing rate
    until: float = 2 / 3  # share of the steps after which only successor layers run

    label: ClassVar[str] = "Theseus"
    family: ClassVar[Family] = Family.TASK_DISTILLATION
    source: ClassVar[str] = "Xu et al., EMNLP 2020 (arXiv 2002.02925), sections 3-4; JetRunner/BERT-of-Theseus"
    space: ClassVar[Mapping[str, Any]] = {
        "rate": CategoricalDistribution((0.1, 0.3, 0.5)),
        "until": CategoricalDistribution((1 / 3, 2 / 3)),
        "lr": LEARNING_RATES,
    }
    excess: ClassVar[float] = students.LAYER_EXCESS

    def plan(self, setting: Setting) -> Stage:
        """Fine-tuned model, its first layers -> trained in its place."""
        count = students.layers_for(setting)
        module_size(students.depth(setting), count)
        predecessor = dense(setting)
        return Replace(
            successor=Shallow(predecessor, tuple(range(count))),
            predecessor=predecessor,
            data=encoded(setting),
            recipe=setting.protocol.retrain,
            replacement=Replacement(self.schedule, self.rate, self.until),
            seed=setting.seed,
        )

    def refused(self, setting: Setting) -> str | None:
        """Also budgets below one layer, and those whose layers do not divide the predecessor's."""
        reason = super().refused(setting) or students.refusal(setting)
        if reason:
            return reason
        try:
            module_size(students.depth(setting), students.layers_for(setting))
        except ValueError as fault:
            return str(fault)
        return None

    def title(self) -> str:
        """The schedule, where it is not the paper's own."""
        return self.label if self.schedule == "linear" else f"{self.label} (constant)"


METHODS = {"theseus": Theseus(), "theseus-constant": Theseus(schedule="constant", rate=0.5)}
