"""The loss that DistilBERT is pre-trained with: the teacher's words, the text's own words, the teacher's states."""

import dataclasses

import torch
from torch import Tensor

from methods.ops.losses import distillation, supervised
from methods.ops.matching import cosine_distance

NO_TARGET = -100


@dataclasses.dataclass(frozen=True)
class Weights:
    """Of the four terms; the defaults are the published model's (5, 2, 1 and no squared error)."""

    ce: float = 5.0
    mlm: float = 2.0
    cos: float = 1.0
    mse: float = 0.0
    temperature: float = 2.0
    targets_only: bool = False  # whether the teacher's words are learned at masked places alone

    def __post_init__(self) -> None:
        """Refuse weights that mean nothing, all faults at once."""
        faults = [
            f"{name} is a weight >= 0, got {weight}"
            for name, weight in (("ce", self.ce), ("mlm", self.mlm), ("cos", self.cos), ("mse", self.mse))
            if weight < 0
        ]
        if self.temperature <= 0:
            faults.append(f"temperature is above 0, got {self.temperature}")
        if faults:
            raise ValueError("pre-training: " + "; ".join(faults))


@dataclasses.dataclass(frozen=True)
class Words:
    """What a masked language model says of a batch.

    `logits` [rows, length, vocabulary]; `hidden` [rows, length, width], the states of its last layer.
    """

    logits: Tensor
    hidden: Tensor


def terms(student: Words, teacher: Words, labels: Tensor, mask: Tensor, weights: Weights) -> dict[str, Tensor]:
    """Return the four losses before they are weighted (Sanh et al., 2019, section 3; distiller.py, `step`).

    Args:
        student: what is trained.
        teacher: the same shapes; no gradient reaches it.
        labels: `[rows, length]`, the word at a masked place, -100 elsewhere.
        mask: `[rows, length]`, 1 where there is a token; padding changes no loss.
        weights: temperature and places; the weights themselves are not used here.

    Raises:
        ValueError: shapes differ.
    """
    tokens = mask.bool()
    places = labels != NO_TARGET if weights.targets_only else tokens  # [rows, length]
    ours, theirs = student.logits[places], teacher.logits[places].detach()  # [places, vocabulary]
    return {
        "ce": distillation(ours, theirs, weights.temperature),
        "mlm": supervised(student.logits, labels, "classification"),
        "mse": (ours - theirs).square().sum() / len(ours),  # a sum over the vocabulary
        "cos": cosine_distance(student.hidden[tokens], teacher.hidden[tokens]),
    }


def total(student: Words, teacher: Words, labels: Tensor, mask: Tensor, weights: Weights) -> Tensor:
    """Return the weighted sum of `terms`, a scalar; arguments as there."""
    parts = terms(student, teacher, labels, mask, weights)
    return torch.stack([getattr(weights, name) * part for name, part in parts.items()]).sum()
