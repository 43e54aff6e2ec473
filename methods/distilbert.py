"""DistilBERT: a student of half the layers, then fine-tuned (Sanh et al., 2019)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from methods import students
from methods.contract import Compressor, Distillation, Family, Setting
from methods.space import LEARNING_RATES
from methods.stages.distil import Distil
from methods.stages.retrain import Retrain
from methods.stages.stage import Stage
from methods.steps import encoded, teacher_logits

LABELS = Distillation(hard=1.0, soft=0.0)


@dataclass(frozen=True)
class DistilBERT(Compressor):
    """The backbone's layers, spread from first to last, fine-tuned on the labels.

    These layers are where the published pre-training begins; without it they are the fall-back, named in title and
    notes. With `second` the task is learned from the fine-tuned teacher too, by the unified objective.
    """

    second: bool = False

    label: ClassVar[str] = "DistilBERT"
    family: ClassVar[Family] = Family.PRETRAINING_DISTILLATION
    source: ClassVar[str] = (
        "Sanh et al. 2019 (arXiv 1910.01108), sections 2-3; huggingface/transformers-research-projects, distillation"
    )
    space: ClassVar[Mapping[str, Any]] = {"lr": LEARNING_RATES}
    excess: ClassVar[float] = students.LAYER_EXCESS

    def plan(self, setting: Setting) -> Stage:
        """Student -> training on the labels, or on labels and logits."""
        student = students.student(setting, self.layers(setting))
        if self.second:
            return Retrain(
                model=student,
                data=encoded(setting),
                teacher=teacher_logits(setting),
                recipe=setting.protocol.retrain,
                distillation=setting.protocol.distillation,
                seed=setting.seed,
            )
        return Distil(student, encoded(setting), setting.protocol.retrain, setting.seed, distillation=LABELS)

    def layers(self, setting: Setting) -> tuple[int, ...]:
        """The backbone's layers (0-based) that the student begins with."""
        return students.spread(students.layers_for(setting), students.depth(setting))

    def refused(self, setting: Setting) -> str | None:
        """Also budgets below one layer."""
        return super().refused(setting) or students.refusal(setting)

    def title(self) -> str:
        """Says that the student was not pre-trained as one, and whether it has a teacher at all."""
        return f"{self.label} (no general distillation{', second distillation' if self.second else ''})"

    def notes(self, setting: Setting) -> tuple[str, ...]:
        """What the student began as."""
        return (students.fallback(self.label, self.layers(setting)),)


METHODS = {"distilbert": DistilBERT()}
