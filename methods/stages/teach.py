"""Train a student whose teacher learns to teach it (MetaDistil)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from methods import models
from methods.contract import Recipe, derive
from methods.stages import agreement, parts
from methods.stages.encode import Encode
from methods.stages.stage import Json, Stage, Workbench
from methods.training.holdout import hold_out
from methods.training.loop import train
from methods.training.teaching import Teachable, Teaching


@dataclass(frozen=True)
class Lessons:
    """How the teacher learns: its own rate, the student's trial step, the rows it is judged by."""

    teacher_rate: float  # peak learning rate of the teacher's AdamW
    trial_rate: float  # step size of the student's trial, plain gradient descent
    share: float = 0.1  # of the training rows, held out for the quiz and never trained on by the student
    rows: int = 32  # quiz rows a step

    def __post_init__(self) -> None:
        """Refuse impossible values, all faults at once."""
        faults = [
            f"{name} {law}, got {value}"
            for name, law, value, good in (
                ("teacher_rate", "is a learning rate >= 0", self.teacher_rate, self.teacher_rate >= 0),
                ("trial_rate", "is a step size >= 0", self.trial_rate, self.trial_rate >= 0),
                ("share", "is a fraction in (0, 1)", self.share, 0 < self.share < 1),
                ("rows", "is a whole number >= 1", self.rows, self.rows >= 1),
            )
            if not good
        ]
        if faults:
            raise ValueError("Lessons: " + "; ".join(faults))


@dataclass(frozen=True)
class Teach(Stage):
    """Train a student and, by its quiz loss, its teacher. Artifact: the student alone."""

    kind: ClassVar[str] = "teach"

    model: Stage  # the student to begin with
    teacher: Stage  # the finished model that begins to teach
    data: Encode
    recipe: Recipe
    loss: Teachable
    lessons: Lessons
    seed: int

    def __post_init__(self) -> None:
        """Refuse a teacher of other rows."""
        agreement.check_teachers(self.data, self.teacher)

    @property
    def effort(self) -> float:
        """Rows seen: trial, quiz and real pass of the student, and what the teacher costs beside them."""
        return parts.effort(self.recipe, self.data, 6)

    @property
    def scale(self) -> str:
        """Trainings of one scale have like speed."""
        return f"{self.data.encoder}/{self.data.data}"

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Hold the quiz out, train both, save the student."""
        student = models.load(bench.artifact(self.model), device=bench.device)
        teacher = models.load(bench.artifact(self.teacher), device=bench.device)
        agreement.check_labels(student, teacher)
        rows, quiz = hold_out(parts.train_split(self.data, bench), self.lessons.share, derive(self.seed, "quiz"))
        teaching = Teaching(
            teacher,
            self.loss,
            quiz,
            recipe=self.recipe,
            trial_rate=self.lessons.trial_rate,
            teacher_rate=self.lessons.teacher_rate,
            quiz_rows=self.lessons.rows,
            seed=self.seed,
            device=bench.device,
        )
        facts = train(
            student,
            rows,
            teaching,
            self.recipe,
            seed=self.seed,
            bench=bench,
            hooks=(teaching,),
            validate=parts.validation(student, self.data, self.recipe, bench),
        )
        models.save(student, bench.folder)
        return {**facts, "quiz_rows": len(quiz)}
