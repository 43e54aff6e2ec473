"""MetaDistil: the teacher learns how to teach, from its student's quiz (Zhou, Xu & McAuley, ACL 2022)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from optuna.distributions import CategoricalDistribution

from methods import students
from methods.contract import Compressor, Family, Setting
from methods.ops.teachable import Soft
from methods.space import LEARNING_RATES
from methods.stages.stage import Stage
from methods.stages.teach import Lessons, Teach
from methods.steps import dense, encoded
from methods.training.teaching import Teachable


@dataclass(frozen=True)
class MetaDistil(Compressor):
    """Before each step the student tries it; the quiz loss of the trial teaches the teacher; then the real step.

    Rates are shares of the protocol's learning rate, as a teacher must learn far slower than its student.
    """

    alpha: float = 0.5  # weight of the teacher's answers; 1 - alpha is the labels'
    distance: Soft = "probabilities"
    temperature: float = 5.0
    features: float = 0.0  # weight of the [CLS] states (beta); the published command line has 100
    teacher_rate: float = 0.2  # of the student's learning rate: 1e-5 to 5e-5 as published
    trial_rate: float = 1.0  # of the student's learning rate
    quiz_share: float = 0.1  # of the training rows
    quiz_rows: int = 32  # a step

    label: ClassVar[str] = "MetaDistil"
    family: ClassVar[Family] = Family.TASK_DISTILLATION
    source: ClassVar[str] = (
        "Zhou, Xu & McAuley, ACL 2022 (arXiv 2106.04570), Algorithm 1; "
        "JetRunner/MetaDistil, nlp/run_glue_distillation_meta.py"
    )
    space: ClassVar[Mapping[str, Any]] = {
        "teacher_rate": CategoricalDistribution((0.05, 0.2)),
        "distance": CategoricalDistribution(("probabilities", "divergence")),
        "temperature": CategoricalDistribution((2.0, 5.0)),
        "lr": LEARNING_RATES,
    }
    refuses: ClassVar[Mapping[str, str]] = {
        "regression": "its loss compares class probabilities, and a score has none",
    }
    excess: ClassVar[float] = students.LAYER_EXCESS

    def plan(self, setting: Setting) -> Stage:
        """First layers of the pre-trained encoder -> trained by a teacher that learns."""
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"MetaDistil: alpha is a weight in [0, 1], got {self.alpha}; 0.5 weighs both alike")
        recipe = setting.protocol.retrain
        return Teach(
            model=students.first_layers(setting),
            teacher=dense(setting),
            data=encoded(setting),
            recipe=recipe,
            loss=Teachable(
                hard=1 - self.alpha,
                soft=self.alpha,
                distance=self.distance,
                temperature=self.temperature,
                features=self.features,
                states=self._states(setting) if self.features else (),
            ),
            lessons=Lessons(
                teacher_rate=self.teacher_rate * recipe.learning_rate,
                trial_rate=self.trial_rate * recipe.learning_rate,
                share=self.quiz_share,
                rows=self.quiz_rows,
            ),
            seed=setting.seed,
        )

    def refused(self, setting: Setting) -> str | None:
        """Also budgets below one layer, and a student too shallow for states to compare."""
        shallow = students.refusal(setting, least=2 if self.features else 1)
        return super().refused(setting) or shallow

    def title(self) -> str:
        """What a step costs stands beside the name: passes of the student and of the teacher."""
        return f"{self.label} (3+2 passes)"

    def _states(self, setting: Setting) -> tuple[tuple[int, int], ...]:
        """Every state between two layers of the student, with the teacher's state at that depth."""
        count, whole = students.layers_for(setting), students.depth(setting)
        return tuple((layer * whole // count, layer) for layer in range(1, count))


METHODS = {"metadistil": MetaDistil()}
