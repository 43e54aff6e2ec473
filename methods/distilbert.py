"""DistilBERT: a student of half the layers, then fine-tuned (Sanh et al., 2019)."""

from dataclasses import dataclass
from typing import ClassVar

from methods import students
from methods.beginnings import PretrainedStudent
from methods.contract import Distillation, Setting
from methods.ops.pretraining import Weights
from methods.stages.distil import Distil
from methods.stages.retrain import Retrain
from methods.stages.stage import Stage
from methods.steps import encoded, teacher_logits

LABELS = Distillation(hard=1.0, soft=0.0)


@dataclass(frozen=True)
class DistilBERT(PretrainedStudent):
    """A student pre-trained by distillation, fine-tuned on the labels.

    It comes from elsewhere (`student`: a folder or hub id), or is pre-trained here on a text (`corpus`: 'mini', a
    file, a folder or a hub id) under the pre-trained backbone. With neither it begins as the backbone's layers, from
    first to last, where the published pre-training begins: the fall-back, named in title and notes. With `second` the
    task is learned from the fine-tuned teacher too, by the unified objective.
    """

    second: bool = False

    label: ClassVar[str] = "DistilBERT"
    source: ClassVar[str] = (
        "Sanh et al. 2019 (arXiv 1910.01108), sections 2-3; huggingface/transformers-research-projects, distillation"
    )

    def plan(self, setting: Setting) -> Stage:
        """Student -> training on the labels, or on labels and logits."""
        student = self.beginning.stage(setting, Weights(), own=students.spread, other=students.first)
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
        """Which layers (0-based) the student has, of the encoder that it comes from."""
        return self.beginning.layers(setting, own=students.spread, other=students.first)

    def title(self) -> str:
        """Says where the student comes from, and whether it has a teacher at all."""
        begun = self.beginning.words("no general distillation")
        return f"{self.label} ({begun}{', second distillation' if self.second else ''})"

    def notes(self, setting: Setting) -> tuple[str, ...]:
        """What the student began as."""
        return (self.beginning.note(setting, own=students.spread, other=students.first),)


METHODS = {"distilbert": DistilBERT()}
