"""MiniLM's distillation: how the last layer's tokens attend and how their values relate (Wang et al., 2020)."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor

from methods import students
from methods.beginnings import PretrainedStudent
from methods.contract import Setting
from methods.ops.matching import regrouped, relation_divergence, relations
from methods.stages.distil import Distil, Inner
from methods.stages.stage import Stage
from methods.steps import dense, encoded, teacher_logits
from methods.training.internals import Heads, Inside, wide
from methods.training.matching import Matcher, Matching, Shape

ON_ROWS = "on the task's rows"


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
class MiniLM(PretrainedStudent):
    """Distilled from a teacher's last self-attention, then trained on its answers by the unified objective.

    As published the student learns from the pre-trained encoder on a text, before any task: it comes from elsewhere
    (`student`: a folder or hub id) or is distilled here (`corpus`: 'mini', a file, a folder or a hub id). With
    neither it begins as the backbone's first layers and learns from the fine-tuned teacher on the task's own rows, as
    title and notes say.
    """

    relation_heads: int | None = None
    epochs: int | None = None  # of the training on the task's rows; None: as many as that on the answers

    label: ClassVar[str] = "MiniLM"
    source: ClassVar[str] = (
        "Wang et al., NeurIPS 2020 (arXiv 2002.10957), section 3; Wang et al. 2021 (arXiv 2012.15828)"
    )

    def plan(self, setting: Setting) -> Stage:
        """Student -> (without one of its own: training on the last self-attention) -> training on the answers."""
        matching = SelfAttention(self.relation_heads)
        recipe = setting.protocol.retrain
        student: Stage = self.beginning.stage(setting, matching, own=students.first, other=students.first)
        if self.beginning.fallback:
            student = Distil(
                student=student,
                data=encoded(setting),
                recipe=replace(recipe, epochs=self.epochs or recipe.epochs, selection="last"),  # no answers yet
                seed=setting.seed,
                inner=Inner(dense(setting), matching),
            )
        return Distil(
            student=student,
            data=encoded(setting),
            recipe=recipe,
            seed=setting.seed,
            distillation=setting.protocol.distillation,
            logits=teacher_logits(setting),
        )

    def __post_init__(self) -> None:
        """Refuse a beginning that is none, and epochs of a training that there is not."""
        super().__post_init__()
        if self.epochs is not None and not self.beginning.fallback:
            raise ValueError(
                f"MiniLM: epochs is of the training on the task's rows, which a student of its own does without, got "
                f"{self.epochs}; leave it out"
            )

    def title(self) -> str:
        """Says where the student comes from."""
        return f"{self.label} distillation ({self.beginning.words(ON_ROWS)})"

    def notes(self, setting: Setting) -> tuple[str, ...]:
        """What the student began as."""
        return (self.beginning.note(setting, own=students.first, other=students.first),)


METHODS = {"minilm-kd": MiniLM()}
