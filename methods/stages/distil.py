"""Train a student on labels, on its teacher's kept logits, on its teacher's inside, or on any sum of these."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from methods import models
from methods.contract import Distillation, Recipe, derive
from methods.stages import agreement, parts
from methods.stages.encode import Encode
from methods.stages.stage import Json, Stage, Workbench
from methods.training import internals
from methods.training.loop import train
from methods.training.matching import Matched, Matching, Shape
from methods.training.objectives import Distilled, Objective, Supervised

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MATCHER = "matcher"


@dataclass(frozen=True)
class Inner:
    """A teacher whose inside is imitated."""

    teacher: Stage
    matching: Matching


@dataclass(frozen=True)
class Distil(Stage):
    """Train a student. Artifact: the model, with nothing of the teacher and no learned projection."""

    kind: ClassVar[str] = "distil"

    student: Stage
    data: Encode
    recipe: Recipe
    seed: int
    distillation: Distillation | None = None  # None: no loss on the answers
    logits: Stage | None = None  # the teacher's kept logits; None: labels alone
    inner: Inner | None = None

    def __post_init__(self) -> None:
        """Refuse a training without a loss, and a teacher of other rows."""
        if self.distillation is None and self.inner is None:
            raise ValueError("Distil: a student learns from answers, from an inside or from both, got neither")
        if self.logits is None and self.distillation is not None and self.distillation.soft:
            raise ValueError("Distil: a weight on the teacher's answers needs its logits; give them, or soft=0")
        agreement.check_teachers(self.data, self.logits, self.inner and self.inner.teacher)

    @property
    def effort(self) -> float:
        """Rows seen, by the teacher too."""
        return parts.effort(self.recipe, self.data, 2 if self.inner else 1)

    @property
    def scale(self) -> str:
        """Trainings of one scale have like speed."""
        return f"{self.data.encoder}/{self.data.data}"

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Train, drop the projections, save."""
        heads = self.inner is not None and self.inner.matching.heads
        kept = {"attention": internals.attention()} if heads else {}
        model = models.load(bench.artifact(self.student), device=bench.device, **kept)
        objective = self._objective(model, bench)
        facts = train(
            model,
            parts.train_split(self.data, bench),
            objective,
            self.recipe,
            seed=self.seed,
            bench=bench,
            validate=parts.validation(model, self.data, self.recipe, bench),
        )
        if self.inner:
            delattr(model, MATCHER)
        models.save(model, bench.folder)
        return facts

    def _answers(self, bench: Workbench) -> Distilled | Supervised | None:
        if self.distillation is None:
            return None
        if self.logits is None:
            return Supervised(self.data.task_kind)
        return parts.distilled(self.data, self.logits, self.distillation, bench)

    def _objective(self, model: "PreTrainedModel", bench: Workbench) -> Objective:
        """The sum of the losses; a matcher's parameters join the model's for as long as it trains."""
        answers = self._answers(bench)
        if self.inner is None:
            assert answers is not None  # noqa: S101  # checked when the stage was described
            return answers
        matching = self.inner.matching
        kept = {"attention": internals.attention()} if matching.heads else {}
        teacher = models.load(bench.artifact(self.inner.teacher), device=bench.device, **kept)
        agreement.check_labels(model, teacher)
        matcher = matching.matcher(Shape.of(model), Shape.of(teacher), derive(self.seed, "projection"))
        model.add_module(MATCHER, matcher.to(bench.device))
        watch = internals.watching(teacher, bench.device, self.recipe.precision, heads=matching.heads)
        return Matched(answers, watch, matcher, heads=matching.heads)
