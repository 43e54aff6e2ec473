"""What a batch's loss is: plain supervision, distillation, and two-pass consistency training."""

import inspect
from typing import Protocol

from torch import Tensor, nn

from methods.contract import Distillation, Kind
from methods.ops.losses import consistency, supervised, unified
from methods.training.batches import Batch


class Objective(Protocol):
    """The loss of one batch, a scalar in float32."""

    @property
    def separable(self) -> bool:
        """Whether the loss of a batch is the mean of its parts' losses, each weighing as its rows.

        Where it is, a batch that is too large for the memory can be computed in parts; a loss that relates rows, or
        is a mean over word pieces, would be another one.
        """
        ...

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Run the model and weigh its answer."""
        ...


def logits_of(model: nn.Module, batch: Batch) -> Tensor:
    """The model's logits in float32, [rows, outputs]."""
    logits: Tensor = model(**inputs_of(model, batch)).logits
    return logits.float()


def inputs_of(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """What of a batch the model reads: the rows are cut as the teacher wants them, and DistilBERT has no segments."""
    if "token_type_ids" in batch.inputs and "token_type_ids" not in inspect.signature(model.forward).parameters:
        return {name: tensor for name, tensor in batch.inputs.items() if name != "token_type_ids"}
    return batch.inputs


class Supervised:
    """Cross-entropy for classes, mean squared error for scores."""

    separable = True

    def __init__(self, kind: Kind) -> None:
        self.kind: Kind = kind

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Mean over the batch."""
        return self.of_logits(logits_of(model, batch), batch)

    def of_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """Mean over the batch."""
        return supervised(logits, batch.labels, self.kind)


class Distilled:
    """The unified objective: hard labels and the teacher's logits, which were computed once and kept."""

    separable = True

    def __init__(self, kind: Kind, weights: Distillation, teacher: Tensor) -> None:
        """`teacher` holds the logits of every training row, [rows of the split, outputs], on the device."""
        self.kind: Kind = kind
        self.weights = weights
        self.teacher = teacher

    def of_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """Hard * CE + soft * T^2 * KL(teacher || student); regression: squared errors in both places."""
        return unified(
            logits,
            self.teacher[batch.index],
            batch.labels,
            self.kind,
            temperature=self.weights.temperature,
            label_weight=self.weights.hard,
            teacher_weight=self.weights.soft,
        )

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """One pass."""
        return self.of_logits(logits_of(model, batch), batch)


class TwoPass:
    """Two stochastic passes as one doubled batch, and a penalty where their answers differ (Eq. 14)."""

    separable = True

    def __init__(self, single: Distilled, weight: float) -> None:
        """`weight` is lambda_c, the consistency loss's factor."""
        self.single = single
        self.weight = weight

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """1/2 [L(pass 1) + L(pass 2)] + lambda_c * L_c."""
        first, second = logits_of(model, batch.doubled()).chunk(2)
        supervision = 0.5 * (self.single.of_logits(first, batch) + self.single.of_logits(second, batch))
        return supervision + self.weight * consistency(first, second, self.single.kind)  # Eq. 14
