"""The gradient that reaches a teacher through its student's next step (MetaDistil).

A student takes a trial step on its training loss, which depends on the teacher; the loss of the stepped student on
other rows, differentiated through that step, says how the teacher should have taught. Source: Zhou, Xu & McAuley, ACL
2022 ("BERT learns to teach"), Algorithm 1; JetRunner/MetaDistil.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

Parameters = Mapping[str, Tensor]
Loss = Callable[[Parameters], Tensor]  # of a student with these parameters


class Lesson(NamedTuple):
    """What a teacher learns from one trial: the quiz loss, and its gradient for each of the teacher's parameters."""

    quiz: Tensor
    gradient: tuple[Tensor, ...]


def trial(student: Parameters, losses: Sequence[Loss], rate: float) -> dict[str, Tensor]:
    """Take one plain gradient step a loss, one after the other, without changing anything: theta - rate * gradient.

    Args:
        student: the parameters; they require gradients.
        losses: what each step descends, a function of the student's parameters.
        rate: the step size, lambda.

    Returns:
        The stepped parameters, with the graph of how they came about.
    """
    stepped = dict(student)
    for loss in losses:
        gradients = torch.autograd.grad(
            loss(stepped), list(stepped.values()), create_graph=True, allow_unused=True, materialize_grads=True
        )
        pairs = zip(stepped.items(), gradients, strict=True)
        stepped = {name: value - rate * gradient for (name, value), gradient in pairs}
    return stepped


def lesson(student: Parameters, teacher: Sequence[Tensor], losses: Sequence[Loss], quiz: Loss, rate: float) -> Lesson:
    """Differentiate the quiz loss of the stepped student with respect to the teacher.

    With one step it is `-rate (d^2 L / d student d teacher)^T dQ / d student'`.

    Args:
        student: its parameters; left as they are.
        teacher: its parameters; left as they are.
        losses: the student's training losses, whose graph holds the teacher's answers.
        quiz: the loss on the quiz rows.
        rate: the step size of the trial, lambda.

    Returns:
        The quiz loss, and a gradient for each of the teacher's parameters: zeros where it has no influence.
    """
    value = quiz(trial(student, losses, rate))
    if not teacher:
        return Lesson(value.detach(), ())
    gradient = torch.autograd.grad(value, list(teacher), allow_unused=True, materialize_grads=True)
    return Lesson(value.detach(), tuple(gradient))
