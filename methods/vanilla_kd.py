"""Vanilla knowledge distillation: a shallower student and its teacher's logits (Hinton et al., 2015)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from optuna.distributions import CategoricalDistribution

from methods import students
from methods.contract import Compressor, Family, Setting
from methods.space import LEARNING_RATES
from methods.stages.retrain import Retrain
from methods.stages.stage import Stage
from methods.steps import encoded, teacher_logits


@dataclass(frozen=True)
class VanillaKD(Compressor):
    """The backbone's first layers under a fresh head, trained on the labels and the teacher's logits."""

    label: ClassVar[str] = "KD"
    family: ClassVar[Family] = Family.TASK_DISTILLATION
    source: ClassVar[str] = (
        "Hinton et al. 2015 (arXiv 1503.02531); student as in Sun et al. 2019 "
        "(intersun/PKD-for-BERT-Model-Compression); the loss is the unified objective of the LPAF paper, 5.1.3"
    )
    space: ClassVar[Mapping[str, Any]] = {
        "distillation.temperature": CategoricalDistribution((2.0, 5.0, 10.0, 20.0)),
        "lr": LEARNING_RATES,
    }
    excess: ClassVar[float] = students.LAYER_EXCESS

    def plan(self, setting: Setting) -> Stage:
        """Student -> training under the unified objective."""
        return Retrain(
            model=students.first_layers(setting),
            data=encoded(setting),
            teacher=teacher_logits(setting),
            recipe=setting.protocol.retrain,
            distillation=setting.protocol.distillation,
            seed=setting.seed,
        )

    def refused(self, setting: Setting) -> str | None:
        """Also budgets below one layer."""
        return super().refused(setting) or students.refusal(setting)


METHODS = {"kd": VanillaKD()}
