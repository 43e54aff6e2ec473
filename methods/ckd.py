"""CKD: contextual knowledge distillation, relations instead of vectors (Park, Kim & Yang, EMNLP 2021)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from optuna.distributions import CategoricalDistribution
from torch import Tensor

from methods import students
from methods.contract import Compressor, Distillation, Family, Setting
from methods.ops import relations
from methods.space import LEARNING_RATES
from methods.stages.distil import Distil, Inner
from methods.stages.stage import Stage
from methods.stages.student import Shallow
from methods.steps import dense, encoded, teacher_logits
from methods.training.internals import Inside, wide
from methods.training.matching import Matcher, Matching, Shape


@dataclass(frozen=True)
class Relations(Matching):
    """Imitate how tokens of a layer, and layers of a token, relate: by pairs and by angles."""

    kind: str = field(default="relations/2", init=False)  # 2: other last digits
    word_pairs: float = 1.0
    word_angles: float = 10.0
    layer_pairs: float = 1.0
    layer_angles: float = 10.0
    window: int = 21  # tokens around each, for the angles between words

    def __post_init__(self) -> None:
        """Refuse impossible values, all faults at once."""
        weights = {name: getattr(self, name) for name in ("word_pairs", "word_angles", "layer_pairs", "layer_angles")}
        faults = [f"{name} is a weight >= 0, got {weight}" for name, weight in weights.items() if weight < 0]
        if self.window < 1 or self.window % 2 == 0:
            faults.append(f"window is an odd number of tokens >= 1, got {self.window}")
        if faults:
            raise ValueError("CKD: " + "; ".join(faults))

    def matcher(self, student: Shape, teacher: Shape, seed: int) -> Matcher:
        """Nothing is drawn, and widths may differ: relations have no width."""
        return _Relations(self, *relations.matched_states(teacher.layers, student.layers))


class _Relations(Matcher):
    def __init__(self, matching: Relations, teacher: tuple[int, ...], student: tuple[int, ...]) -> None:
        super().__init__()
        self.matching = matching
        self.teacher = teacher
        self.student = student

    def forward(self, student: Inside, teacher: Inside) -> Tensor:
        """w1 L_WR-dist + w2 L_WR-angle + w3 L_LTR-dist + w4 L_LTR-angle; a term of weight 0 is not computed."""
        ours = torch.stack([wide(student.hidden[state]) for state in self.student], dim=1)  # [rows, states, ...]
        theirs = torch.stack([wide(teacher.hidden[state]) for state in self.teacher], dim=1)
        given, mask = self.matching, student.mask
        total = ours.new_zeros(())
        if given.word_pairs:
            total = total + given.word_pairs * relations.word_similarity(theirs, ours, mask)
        if given.word_angles:
            total = total + given.word_angles * relations.word_angle(theirs, ours, mask, window=given.window)
        if given.layer_pairs:
            total = total + given.layer_pairs * relations.layer_similarity(theirs, ours, mask)
        if given.layer_angles:
            total = total + given.layer_angles * relations.layer_angle(theirs, ours, mask)
        return total


@dataclass(frozen=True)
class CKD(Compressor):
    """The teacher's first layers learn its answers, and how its words and its layers relate.

    Without `temperature` the answers are learned by the unified objective, as every method here does; with it by the
    published one, the cross-entropy with the teacher's softened answers and no labels.
    """

    pairs: float = 1.0  # weight of the pair-wise losses, of words and of layers
    angles: float = 10.0  # weight of the triple-wise losses, of words and of layers
    window: int = 21
    temperature: float | None = None

    label: ClassVar[str] = "CKD"
    family: ClassVar[Family] = Family.TASK_DISTILLATION
    source: ClassVar[str] = (
        "Park, Kim & Yang, EMNLP 2021 (arXiv 2109.08359); GeondoPark/CKD, loss.py; its student of teacher layers"
    )
    space: ClassVar[Mapping[str, Any]] = {
        "pairs": CategoricalDistribution((1.0, 10.0, 100.0)),
        "angles": CategoricalDistribution((1.0, 10.0, 100.0)),
        "lr": LEARNING_RATES,
    }
    excess: ClassVar[float] = students.LAYER_EXCESS

    def plan(self, setting: Setting) -> Stage:
        """First layers of the fine-tuned model -> training on answers and relations."""
        teacher = dense(setting)
        return Distil(
            student=Shallow(teacher, tuple(range(students.layers_for(setting)))),
            data=encoded(setting),
            recipe=setting.protocol.retrain,
            seed=setting.seed,
            distillation=self.answers(setting.protocol.distillation),
            logits=teacher_logits(setting),
            inner=Inner(teacher, Relations(self.pairs, self.angles, self.pairs, self.angles, self.window)),
        )

    def answers(self, unified: Distillation) -> Distillation:
        """The weights on labels and logits; the published loss has no labels and no factor T^2."""
        if self.temperature is None:
            return unified
        if self.temperature <= 0:
            raise ValueError(f"CKD: temperature is above 0, got {self.temperature}; 3 is the paper's for small tasks")
        return Distillation(hard=0.0, soft=1 / self.temperature**2, temperature=self.temperature)

    def refused(self, setting: Setting) -> str | None:
        """Also budgets below one layer."""
        return super().refused(setting) or students.refusal(setting)


METHODS = {"ckd": CKD()}
