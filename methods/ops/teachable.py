"""Distances between a student's answers and its teacher's whose gradients reach both: what a teacher is taught by."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor
from torch.nn import functional

Soft = Literal["probabilities", "logits", "divergence"]


def soft_loss(student: Tensor, teacher: Tensor, kind: Soft, temperature: float) -> Tensor:
    """Return how far the student's logits are from the teacher's.

    `probabilities`: T^2 times the mean squared error of softmax(z / T), mean over rows and classes; `logits`: mean
    squared error of the logits themselves, whatever T; `divergence`: T^2 KL(teacher || student), mean over rows.

    Args:
        student: logits, `[rows, classes]`.
        teacher: logits, same shape.
        kind: which distance.
        temperature: T, above 0.

    Raises:
        ValueError: an unknown kind, or shapes that differ; all faults at once.
    """
    faults = []
    if kind not in SOFT:
        faults.append(f"kind is one of {', '.join(SOFT)}, got {kind}")
    if student.shape != teacher.shape:
        faults.append(f"both logits have one shape, got {list(student.shape)} and {list(teacher.shape)}")
    if not temperature > 0:
        faults.append(f"temperature is above 0, got {temperature}")
    if faults:
        raise ValueError("soft_loss: " + "; ".join(faults))
    return SOFT[kind](student, teacher, temperature)


def patience(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean squared error of [CLS] states of unit length, `[rows, layers, width]` (Sun et al., 2019)."""
    return functional.mse_loss(functional.normalize(student, dim=-1), functional.normalize(teacher, dim=-1))


def _probabilities(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    ours, theirs = (functional.softmax(logits / temperature, dim=-1) for logits in (student, teacher))
    return temperature**2 * functional.mse_loss(ours, theirs)


def _logits(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    return functional.mse_loss(student, teacher)


def _divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    ours, theirs = (functional.log_softmax(logits / temperature, dim=-1) for logits in (student, teacher))
    return temperature**2 * (theirs.exp() * (theirs - ours)).sum(dim=-1).mean()


SOFT: dict[Soft, Callable[[Tensor, Tensor, float], Tensor]] = {
    "probabilities": _probabilities,
    "logits": _logits,
    "divergence": _divergence,
}
