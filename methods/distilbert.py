"""DistilBERT: a student of half the layers, then fine-tuned (Sanh et al., 2019)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from methods import students
from methods.beginnings import Beginning
from methods.contract import Compressor, Distillation, Family, Setting
from methods.ops.pretraining import Weights
from methods.space import LEARNING_RATES
from methods.stages.distil import Distil
from methods.stages.retrain import Retrain
from methods.stages.stage import Stage
from methods.steps import encoded, teacher_logits

LABELS = Distillation(hard=1.0, soft=0.0)


@dataclass(frozen=True)
class DistilBERT(Compressor):
    """A student pre-trained by distillation, fine-tuned on the labels.

    It comes from elsewhere (`student`: a folder or hub id), or is pre-trained here on a text (`corpus`: 'mini', a
    file, a folder or a hub id) under the pre-trained backbone. With neither it begins as the backbone's layers, from
    first to last, where the published pre-training begins: the fall-back, named in title and notes. With `second` the
    task is learned from the fine-tuned teacher too, by the unified objective.
    """

    second: bool = False
    student: str | None = None
    corpus: str | None = None
    lines: int | None = None  # of the corpus; None: all
    passes: int = 3  # over them
    rate: float = 5e-4  # peak learning rate of the pre-training
    batch: int = 256  # rows a step of the pre-training; published: 5 rows of 50 accumulated steps

    label: ClassVar[str] = "DistilBERT"
    family: ClassVar[Family] = Family.PRETRAINING_DISTILLATION
    source: ClassVar[str] = (
        "Sanh et al. 2019 (arXiv 1910.01108), sections 2-3; huggingface/transformers-research-projects, distillation"
    )
    space: ClassVar[Mapping[str, Any]] = {"lr": LEARNING_RATES}
    excess: ClassVar[float] = students.LAYER_EXCESS

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

    def __post_init__(self) -> None:
        """Refuse a beginning that is none."""
        _ = self.beginning

    @property
    def beginning(self) -> Beginning:
        """Where the student comes from."""
        return Beginning(self.label, self.student, self.corpus, self.lines, self.passes, self.rate, self.batch)

    def layers(self, setting: Setting) -> tuple[int, ...]:
        """Which layers (0-based) the student has, of the encoder that it comes from."""
        return self.beginning.layers(setting, own=students.spread, other=students.first)

    def encoders(self) -> tuple[str, ...]:
        """The student from elsewhere."""
        return self.beginning.encoders

    def corpora(self) -> tuple[str, ...]:
        """The text of the pre-training."""
        return self.beginning.corpora

    def refused(self, setting: Setting) -> str | None:
        """Also budgets below one layer."""
        return super().refused(setting) or self.beginning.refusal(setting)

    def title(self) -> str:
        """Says where the student comes from, and whether it has a teacher at all."""
        begun = self.beginning.words("no general distillation")
        return f"{self.label} ({begun}{', second distillation' if self.second else ''})"

    def notes(self, setting: Setting) -> tuple[str, ...]:
        """What the student began as."""
        return (self.beginning.note(setting, own=students.spread, other=students.first),)


METHODS = {"distilbert": DistilBERT()}
