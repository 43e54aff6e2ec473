"""TinyBERT: the teacher's embeddings, states and attention first, its answers after (Jiao et al., 2020)."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from methods import students
from methods.beginnings import PretrainedStudent
from methods.contract import Distillation, Kind, Setting
from methods.ops.matching import Counted, hidden_error, score_error
from methods.stages.distil import Distil, Inner
from methods.stages.stage import Stage
from methods.steps import dense, encoded, teacher_logits
from methods.training.internals import Inside, wide
from methods.training.matching import Matcher, Matching, Shape


@dataclass(frozen=True)
class Layers(Matching):
    """Imitate embeddings, hidden states and raw attention scores, student layer m those of layer m N / M."""

    kind: str = field(default="layers", init=False)
    attention: bool = True
    counted: Counted = "tokens"  # what the means run over; `all`: padding too, as in the published code

    heads: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse what does not exist."""
        if self.counted not in ("tokens", "keys", "all"):
            raise ValueError(f"TinyBERT: counted is tokens, keys or all, got {self.counted}")

    def matcher(self, student: Shape, teacher: Shape, seed: int) -> Matcher:
        """One projection for all states, drawn from the seed."""
        if student.heads != teacher.heads and self.attention:
            raise ValueError(
                f"TinyBERT compares attention head by head, got {student.heads} heads (student) and "
                f"{teacher.heads} (teacher); choose a student with as many, or attention=False"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            projection = nn.Linear(student.width, teacher.width)
        return _Layers(self, projection, students.evenly(student.layers, teacher.layers))


class _Layers(Matcher):
    def __init__(self, matching: Layers, projection: nn.Linear, followed: tuple[int, ...]) -> None:
        super().__init__()
        self.matching = matching
        self.projection = projection
        self.followed = followed

    def forward(self, student: Inside, teacher: Inside) -> Tensor:
        """Sum over layers of L_embd, L_hidn and L_attn, all weights 1 (Eqs. 6 and 11)."""
        return self.states(student, teacher) + self.scores(student, teacher)

    def states(self, student: Inside, teacher: Inside) -> Tensor:
        """L_embd + sum of L_hidn: mean squared errors of projected states, embeddings first (Eqs. 8 and 9)."""
        mask = None if self.matching.counted == "all" else student.mask
        wanted = [teacher.hidden[layer] for layer in (0, *self.followed)]
        return torch.stack(
            [
                hidden_error(self.projection(wide(ours)), wide(theirs), mask)
                for ours, theirs in zip(student.hidden, wanted, strict=True)
            ]
        ).sum()

    def scores(self, student: Inside, teacher: Inside) -> Tensor:
        """Sum of L_attn: mean squared errors of Q K^T / sqrt(d), before softmax (Eq. 7)."""
        if not self.matching.attention:
            return student.logits.new_zeros(())
        wanted = [teacher.heads[layer - 1] for layer in self.followed]
        return torch.stack(
            [
                score_error(ours.scores(), theirs.scores(), student.mask, counted=self.matching.counted)
                for ours, theirs in zip(student.heads, wanted, strict=True)
            ]
        ).sum()


@dataclass(frozen=True)
class TinyBERT(PretrainedStudent):
    """Two trainings: on the teacher's inside alone, then on its answers. No data are augmented.

    The student comes from elsewhere (`student`: a folder or hub id), or is distilled here on a text (`corpus`:
    'mini', a file, a folder or a hub id) from the pre-trained backbone's inside. With neither it begins as layers of
    the backbone: the fall-back, named in title and notes.

    Without `temperature` the answers are learned by the unified objective, as every method here does; with it by the
    published one, the cross-entropy with the teacher's softened answers and no labels.
    """

    attention: bool = True
    counted: Counted = "tokens"
    temperature: float | None = None
    epochs: int | None = None  # of the first training; None: as many as the second
    rate: float = 5e-5  # peak learning rate of general distillation

    label: ClassVar[str] = "TinyBERT"
    source: ClassVar[str] = (
        "Jiao et al., Findings of EMNLP 2020 (arXiv 1909.10351), section 3; "
        "huawei-noah/Pretrained-Language-Model, TinyBERT/task_distill.py"
    )

    def plan(self, setting: Setting) -> Stage:
        """Student -> training on the inside -> training on the answers."""
        matching = Layers(self.attention, self.counted)
        recipe = setting.protocol.retrain
        first = replace(recipe, epochs=self.epochs or recipe.epochs, selection="last")  # there are no answers yet
        inner = Distil(
            student=self.beginning.stage(setting, matching, own=followed, other=followed),
            data=encoded(setting),
            recipe=first,
            seed=setting.seed,
            inner=Inner(dense(setting), matching),
        )
        return Distil(
            student=inner,
            data=encoded(setting),
            recipe=recipe,
            seed=setting.seed,
            distillation=self.answers(setting.protocol.distillation, setting.task.kind, setting.task.outputs),
            logits=teacher_logits(setting),
        )

    def layers(self, setting: Setting) -> tuple[int, ...]:
        """Which layers (0-based) the student has, of the encoder that it comes from."""
        return self.beginning.layers(setting, own=followed, other=followed)

    def answers(self, unified: Distillation, kind: Kind, outputs: int) -> Distillation:
        """The weights on labels and logits; published: no labels, no T^2, mean over classes too (Eq. 10).

        A regression has no classes to soften: the published code learns the labels there.
        """
        if self.temperature is None:
            return unified
        if self.temperature <= 0:
            raise ValueError(f"TinyBERT: temperature is above 0, got {self.temperature}; 1 is the paper's")
        if kind == "regression":
            return Distillation(hard=1.0, soft=0.0)
        return Distillation(hard=0.0, soft=1 / (self.temperature**2 * outputs), temperature=self.temperature)

    def refused(self, setting: Setting) -> str | None:
        """Also budgets below one layer, and students deeper than their teacher."""
        return super().refused(setting) or self.beginning.refusal(setting, most=students.depth(setting))

    def title(self) -> str:
        """Says where the student comes from."""
        return f"{self.label} ({self.beginning.words('no general distillation')})"

    def notes(self, setting: Setting) -> tuple[str, ...]:
        """What the student began as."""
        return (self.beginning.note(setting, own=followed, other=followed),)


def followed(count: int, depth: int) -> tuple[int, ...]:
    """Which layers (0-based) of a deeper model a student begins as: those that it imitates, or that imitate them."""
    return tuple(layer - 1 for layer in students.evenly(count, depth))


METHODS = {"tinybert": TinyBERT()}
