"""Losses against labels, against a teacher's logits, and between two passes over one batch."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Kind = Literal["classification", "regression"]


def distillation(student: Tensor, teacher: Tensor, temperature: float = 2.0) -> Tensor:
    """Return `T^2 KL(softmax(t / T) || softmax(s / T))`, mean over all rows (Hinton et al., 2015).

    Written out because `reduction="mean"` of the built-in loss divides by the number of classes too. Start
    and end logits of spans, stacked as `[2, batch, length]`, give the mean of both heads. Masked positions
    want a large negative logit, not an infinite one: 0 times infinity is NaN.

    Args:
        student: logits, `[..., classes]`.
        teacher: logits, same shape; no gradient reaches them.
        temperature: T, above 0.

    Returns:
        A scalar, float32 or wider, also under autocast.

    Raises:
        ValueError: shapes differ, or the temperature is not positive.
    """
    _same_shape("distillation", student, teacher)
    if not temperature > 0:
        raise ValueError(f"distillation: temperature is above 0, got {temperature}; 2 is the default")
    target = functional.log_softmax(_wide(teacher.detach()) / temperature, dim=-1)  # [..., classes]
    output = functional.log_softmax(_wide(student) / temperature, dim=-1)
    return temperature**2 * _divergence(target, output)


def supervised(logits: Tensor, labels: Tensor, kind: Kind) -> Tensor:
    """Return the loss against the labels: mean cross-entropy, or mean squared error for regression.

    Args:
        logits: `[..., classes]` for classification (spans stacked as `[2, batch, length]`); `[batch]` or
            `[batch, 1]` for regression.
        labels: `[...]` class numbers, -100 where there is none; `[batch]` values for regression.
        kind: `classification` or `regression`.

    Raises:
        ValueError: unknown kind, or shapes that do not fit.
    """
    if _is_regression("supervised", kind):
        return _squared_error("supervised", logits, labels)
    if logits.shape[:-1] != labels.shape:
        raise ValueError(
            f"supervised: labels are shaped as the logits without classes, {list(logits.shape[:-1])}, "
            f"got {list(labels.shape)}; one label per row"
        )
    return functional.cross_entropy(_wide(logits).flatten(0, -2), labels.flatten())


def unified(
    student: Tensor,
    teacher: Tensor,
    labels: Tensor,
    kind: Kind,
    *,
    temperature: float = 2.0,
    label_weight: float = 0.5,
    teacher_weight: float = 0.5,
) -> Tensor:
    """Return the one objective of all pruned and factorized models: labels plus the teacher's logits.

    `label_weight * CE(s, y) + teacher_weight * T^2 KL(t || s)`; for regression both terms are mean squared
    errors. Shapes as in `supervised` and `distillation`. Source: LPAF, section 5.1.3, which gives neither
    weights nor T; both are the defaults of movement pruning (Sanh et al., 2020).

    Raises:
        ValueError: unknown kind, shapes that do not fit, or a value out of range.
    """
    if min(label_weight, teacher_weight) < 0:
        raise ValueError(
            f"unified: weights of the terms are never negative, got {label_weight} and {teacher_weight}; "
            "0.5 and 0.5 are the defaults"
        )
    if _is_regression("unified", kind):
        soft = _squared_error("unified", student, teacher.detach())
    else:
        soft = distillation(student, teacher, temperature)
    return label_weight * supervised(student, labels, kind) + teacher_weight * soft


def consistency(first: Tensor, second: Tensor, kind: Kind) -> Tensor:
    """Return how far two stochastic passes over one batch differ (LPAF, Eq. 14; R-Drop, Liang et al., 2021).

    Classification: `(KL(p1 || p2) + KL(p2 || p1)) / 2`, mean over all rows; regression: mean squared error.
    Gradients reach both passes.

    Args:
        first: logits of the first pass, shaped as in `supervised`.
        second: logits of the second pass, same shape.
        kind: `classification` or `regression`.

    Raises:
        ValueError: unknown kind, or shapes that differ.
    """
    if _is_regression("consistency", kind):
        return _squared_error("consistency", first, second)
    _same_shape("consistency", first, second)
    one = functional.log_softmax(_wide(first), dim=-1)  # [..., classes]
    two = functional.log_softmax(_wide(second), dim=-1)
    return 0.5 * (_divergence(one, two) + _divergence(two, one))


def _divergence(target: Tensor, output: Tensor) -> Tensor:
    """Return KL(target || output) of log-probabilities `[..., classes]`: sum over classes, mean over rows."""
    return (target.exp() * (target - output)).sum(dim=-1).mean()


def _squared_error(name: str, values: Tensor, targets: Tensor) -> Tensor:
    values, targets = (x.squeeze(-1) if x.ndim > 1 and x.shape[-1] == 1 else x for x in (values, targets))
    _same_shape(name, values, targets)
    return (_wide(values) - _wide(targets)).square().mean()


def _wide(values: Tensor) -> Tensor:
    """Return at least float32: half precision loses the small differences that these losses are made of."""
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def _same_shape(name: str, first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape:
        raise ValueError(
            f"{name}: both outputs have one shape, got {list(first.shape)} and {list(second.shape)}; "
            "check the label order and the batch"
        )


def _is_regression(name: str, kind: str) -> bool:
    if kind not in ("classification", "regression"):
        raise ValueError(f"{name}: kind is 'classification' or 'regression', got {kind!r}; spans are stacked rows")
    return kind == "regression"
