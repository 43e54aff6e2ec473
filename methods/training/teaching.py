"""A teacher that learns to teach while its student trains: MetaDistil's round, as an objective that is also a hook.

The training loop stays as it is. Asked for the loss of a batch, the objective first lets the student try a step on it
(functionally: the student's tensors and its optimizer never change), sends the quiz loss of that trial back to the
teacher, updates the teacher, and only then returns the batch's loss under the new teacher for the real step. As a
hook it tells the checkpoint what it holds: the teacher and the teacher's optimizer.
"""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from methods.contract import Recipe, derive
from methods.ops.bilevel import Lesson, Parameters, lesson
from methods.ops.losses import supervised
from methods.ops.schedules import learning_rate_multiplier
from methods.ops.teachable import Soft, patience, soft_loss
from methods.training.batches import Batch, Encoded
from methods.training.checkpoint import below, load_optimizer, optimizer_tensors
from methods.training.hooks import Hook
from methods.training.internals import wide
from methods.training.objectives import inputs_of


@dataclasses.dataclass(frozen=True)
class Teachable:
    """The student's loss under a teacher that may learn: soft * S + hard * CE + features * PKD.

    `states` are pairs (teacher's, student's) of hidden states whose [CLS] vectors are compared; 0 is the embeddings.
    """

    hard: float = 0.5
    soft: float = 0.5
    distance: Soft = "probabilities"
    temperature: float = 5.0
    features: float = 0.0
    states: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        """Refuse weights that mean nothing, all faults at once."""
        faults = [
            f"{name} is a weight >= 0, got {weight}"
            for name, weight in (("hard", self.hard), ("soft", self.soft), ("features", self.features))
            if weight < 0
        ]
        if self.temperature <= 0:
            faults.append(f"temperature is above 0, got {self.temperature}")
        if self.features and not self.states:
            faults.append(f"features of weight {self.features} compare pairs of states, got none")
        if faults:
            raise ValueError("Teachable: " + "; ".join(faults))

    def terms(self, student: "Answers", teacher: "Answers", labels: Tensor) -> dict[str, Tensor]:
        """The parts of the loss before they are weighted."""
        parts = {
            "hard": supervised(student.logits, labels, "classification"),
            "soft": soft_loss(student.logits, teacher.logits, self.distance, self.temperature),
        }
        if self.features:
            parts["features"] = patience(student.first, teacher.first)
        return parts

    def __call__(self, student: "Answers", teacher: "Answers", labels: Tensor) -> Tensor:
        """Their weighted sum."""
        weights = {"hard": self.hard, "soft": self.soft, "features": self.features}
        return torch.stack(
            [weights[name] * part for name, part in self.terms(student, teacher, labels).items()]
        ).sum()


@dataclasses.dataclass(frozen=True)
class Answers:
    """What is compared of a model's answer: logits [rows, classes], [CLS] vectors [rows, states, width]."""

    logits: Tensor
    first: Tensor


def answers(model: nn.Module, batch: Batch, states: tuple[int, ...], parameters: Parameters | None = None) -> Answers:
    """The model's answer, computed with other parameters if they are given; at least float32."""
    inputs = {**inputs_of(model, batch), "output_hidden_states": bool(states)}
    output = functional_call(model, dict(parameters), kwargs=inputs) if parameters else model(**inputs)
    first = [output.hidden_states[state][:, 0] for state in states]
    return Answers(wide(output.logits), wide(torch.stack(first, dim=1)) if first else output.logits.new_zeros(0))


def teach(
    student: nn.Module,
    teacher: nn.Module,
    loss: Teachable,
    batches: "list[Batch]",
    quiz: Batch,
    rate: float,
) -> Lesson:
    """One lesson for the teacher: trial steps of the student on `batches`, then the quiz (Algorithm 1, lines 4-7).

    Dropout is as the student's mode says in the trial, and off in the quiz. No tensor of either model changes.

    Args:
        student: The student, in the mode it trains in.
        teacher: The teacher, in evaluation mode.
        loss: What the student descends.
        batches: One trial step each, chained.
        quiz: Rows that the student does not train on.
        rate: Step size of the trial, lambda.

    Returns:
        The quiz loss, and its gradient for the teacher's parameters that require one, in their order.
    """
    theirs, ours = _states(loss)
    taught = [parameter for parameter in teacher.parameters() if parameter.requires_grad]
    guides = [answers(teacher, batch, theirs) for batch in batches]

    def training(batch: Batch, guide: Answers, parameters: Parameters) -> Tensor:
        return loss(answers(student, batch, ours, parameters), guide, batch.labels)

    def questioned(parameters: Parameters) -> Tensor:
        with _evaluating(student):
            return supervised(answers(student, quiz, (), parameters).logits, quiz.labels, "classification")

    # fused attention has no second derivative; the plain formula has
    with sdpa_kernel(SDPBackend.MATH):
        return lesson(
            {name: value for name, value in student.named_parameters() if value.requires_grad},
            taught,
            [
                lambda parameters, batch=batch, guide=guide: training(batch, guide, parameters)  # type: ignore[misc]
                for batch, guide in zip(batches, guides, strict=True)
            ],
            questioned,
            rate,
        )


class Teaching(Hook):
    """MetaDistil's objective: teach the teacher on each batch before the student learns from it."""

    separable = False  # the teacher learns once a batch

    def __init__(
        self,
        teacher: nn.Module,
        loss: Teachable,
        quiz: Encoded,
        *,
        recipe: Recipe,
        trial_rate: float,
        teacher_rate: float,
        quiz_rows: int,
        seed: int,
        device: str,
    ) -> None:
        """`recipe` is the student's; the teacher's rate and clipping follow it."""
        self.teacher, self.loss, self.quiz, self.recipe = teacher, loss, quiz, recipe
        self.trial_rate, self.teacher_rate, self.quiz_rows = trial_rate, teacher_rate, quiz_rows
        self.seed, self.device = seed, device
        self.parameters = list(teacher.parameters())
        self.optimizer = torch.optim.AdamW(self.parameters, lr=teacher_rate, weight_decay=0.0, fused=True)
        self.quiz_loss = self.norm = 0.0
        self.step = 0

    def start(self, model: nn.Module, total: int) -> None:
        """The teacher answers without dropout, from the first step to the last."""
        self.total = total
        self.teacher.eval()

    def before_step(self, step: int) -> None:
        """Remember which step it is: the quiz rows and the teacher's rate depend on it."""
        self.step = step

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Teach, then the student's loss under the new teacher (Algorithm 1, lines 4-10)."""
        with torch.autocast(self.device, enabled=False):  # second derivatives want their precision
            given = teach(model, self.teacher, self.loss, [batch], self._quiz_batch(), self.trial_rate)
        self._learn(given)
        theirs, ours = _states(self.loss)
        with torch.no_grad():
            guide = answers(self.teacher, batch, theirs)
        return self.loss(answers(model, batch, ours), guide, batch.labels)

    def facts(self) -> dict[str, float]:
        """The last quiz loss, and the size of what it told the teacher."""
        return {"quiz_loss": round(self.quiz_loss, 6), "teacher_gradient": round(self.norm, 6)}

    def state(self) -> dict[str, Tensor]:
        """The teacher, its optimizer, what was last seen."""
        weights = {f"teacher/{name}": value for name, value in self.teacher.state_dict().items()}
        moments = {f"optimizer/{name}": value for name, value in optimizer_tensors(self.optimizer).items()}
        seen = {"seen": torch.tensor([self.quiz_loss, self.norm], dtype=torch.float64)}
        return weights | moments | seen

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        self.teacher.load_state_dict(below(state, "teacher/"))
        load_optimizer(self.optimizer, below(state, "optimizer/"))
        self.quiz_loss, self.norm = (float(value) for value in state["seen"])

    def _quiz_batch(self) -> Batch:
        """Rows drawn from the quiz set for this step; the draw depends on seed and step alone."""
        generator = np.random.Generator(np.random.PCG64(derive(self.seed, f"quiz/{self.step}")))
        count = min(self.quiz_rows, len(self.quiz))
        rows = generator.choice(len(self.quiz), size=count, replace=False)
        return self.quiz.batch(rows.astype(np.int64), self.device)

    def _learn(self, given: Lesson) -> None:
        multiplier = learning_rate_multiplier(self.step, self.total, self.recipe.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = self.teacher_rate * multiplier
        for parameter, gradient in zip(self.parameters, given.gradient, strict=True):
            parameter.grad = gradient
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.quiz_loss, self.norm = float(given.quiz), float(norm)


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Without dropout, for a moment."""
    before = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(before)


def _states(loss: Teachable) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The teacher's and the student's states that are compared."""
    pairs = loss.states if loss.features else ()
    return tuple(theirs for theirs, _ in pairs), tuple(ours for _, ours in pairs)
