"""MiniLM's distillation: how the last layer's tokens attend and how their values relate (Wang et al., 2020)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from methods import students
from methods.contract import Compressor, Family, Setting
from methods.ops.matching import regrouped, relation_divergence, relations
from methods.space import LEARNING_RATES
from methods.stages.distil import Distil, Inner
from methods.stages.stage import Stage
from methods.steps import dense, encoded, teacher_logits
from methods.training.internals import Heads, Inside, wide
from methods.training.matching import Matcher, Matching, Shape


@dataclass(frozen=True)
class SelfAttention(Matching):
    """Imitate the last layer's self-attention.

    Without relation heads its attention and value relations (the first paper, Eqs. 6-10); with them the relations of
    queries, keys and values, each split into so many heads (the second paper, Wang et al., 2021).
    """

    kind: str = field(default="self-attention", init=False)
    relation_heads: int | None = None

    heads: ClassVar[bool] = True

    def matcher(self, student: Shape, teacher: Shape, seed: int) -> Matcher:
        """Nothing is drawn; widths may differ."""
        split = self.relation_heads
        if split is None and student.heads != teacher.heads:
            raise ValueError(
                f"MiniLM compares attention head by head, got {student.heads} heads (student) and "
                f"{teacher.heads} (teacher); give relation_heads, which splits both alike"
            )
        if split is not None and (split < 1 or student.width % split or teacher.width % split):
            raise ValueError(
                f"MiniLM: relation_heads divides both widths, got {split} for {student.width} (student) and "
                f"{teacher.width} (teacher)"
            )
        return _SelfAttention(split)


class _SelfAttention(Matcher):
    def __init__(self, split: int | None) -> None:
        super().__init__()
        self.split = split

    def forward(self, student: Inside, teacher: Inside) -> Tensor:
        """L_AT + L_VR, or the sum over queries, keys and values; all weights 1."""
        with torch.autocast(student.mask.device.type, enabled=False):  # small differences want their precision
            return self.between(student.heads[-1], teacher.heads[-1], student.mask)

    def between(self, ours: Heads, theirs: Heads, mask: Tensor) -> Tensor:
        """The same, of two attentions; mask [rows, length]."""
        if self.split is None:
            attention = relation_divergence(ours.scores(), theirs.scores(), mask)  # L_AT, Eq. 6
            return attention + relation_divergence(relations(wide(ours.value)), relations(wide(theirs.value)), mask)
        split = self.split
        return torch.stack(
            [
                relation_divergence(
                    relations(regrouped(wide(mine), split)), relations(regrouped(wide(wanted), split)), mask
                )
                for mine, wanted in (
                    (ours.query, theirs.query),
                    (ours.key, theirs.key),
                    (ours.value, theirs.value),
                )
            ]
        ).sum()


@dataclass(frozen=True)
class MiniLM(Compressor):
    """Two trainings: on the fine-tuned teacher's last self-attention, then on its answers by the unified objective.

    The published distillation reads a large text corpus; here it reads the task's own rows, as title and notes say.
    """

    relation_heads: int | None = None
    epochs: int | None = None  # of the first training; None: as many as the second

    label: ClassVar[str] = "MiniLM"
    family: ClassVar[Family] = Family.PRETRAINING_DISTILLATION
    source: ClassVar[str] = (
        "Wang et al., NeurIPS 2020 (arXiv 2002.10957), section 3; Wang et al. 2021 (arXiv 2012.15828)"
    )
    space: ClassVar[Mapping[str, Any]] = {"lr": LEARNING_RATES}
    excess: ClassVar[float] = students.LAYER_EXCESS

    def plan(self, setting: Setting) -> Stage:
        """Student -> training on the last self-attention -> training on the answers."""
        recipe = setting.protocol.retrain
        first = replace(recipe, epochs=self.epochs or recipe.epochs, selection="last")  # there are no answers yet
        inner = Distil(
            student=students.first_layers(setting),
            data=encoded(setting),
            recipe=first,
            seed=setting.seed,
            inner=Inner(dense(setting), SelfAttention(self.relation_heads)),
        )
        return Distil(
            student=inner,
            data=encoded(setting),
            recipe=recipe,
            seed=setting.seed,
            distillation=setting.protocol.distillation,
            logits=teacher_logits(setting),
        )

    def refused(self, setting: Setting) -> str | None:
        """Also budgets below one layer."""
        return super().refused(setting) or students.refusal(setting)

    def title(self) -> str:
        """Says that the student was not pre-trained as one."""
        return f"{self.label} distillation (on the task's rows)"

    def notes(self, setting: Setting) -> tuple[str, ...]:
        """What the student began as."""
        return (students.fallback(self.label, tuple(range(students.layers_for(setting)))),)


METHODS = {"minilm-kd": MiniLM()}
