"""Losses between the insides of two models: hidden states, attention scores, relations. Teachers get no gradient."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Counted = Literal["tokens", "keys", "all"]
MASKED = -1e4  # what BERT's published code adds to the scores of padding


def patience(student: Tensor, teacher: Tensor, *, normalise: bool = True) -> Tensor:
    """Return the mean squared error between first-token states, each of length 1 if normalised (Sun et al., 2019).

    The mean runs over all elements, width included, as in the published code; a sum over the width, as other
    libraries have it, is `width` times larger.

    Args:
        student: `[rows, matched layers, width]`.
        teacher: same shape.
        normalise: whether states are divided by their Euclidean norm.

    Raises:
        ValueError: shapes differ.
    """
    _same_shape("patience", student, teacher)
    if normalise:
        student, teacher = functional.normalize(student, dim=-1), functional.normalize(teacher, dim=-1)
    return functional.mse_loss(student, teacher.detach())


def hidden_error(student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the mean squared error between states (Jiao et al., 2020, Eqs. 8 and 9).

    Args:
        student: `[rows, length, width]`.
        teacher: same shape.
        mask: `[rows, length]`, 1 where there is a token; None: padding counts, as in the published code.

    Raises:
        ValueError: shapes differ.
    """
    _same_shape("hidden_error", student, teacher)
    square = (student - teacher.detach()).square()
    return square.mean() if mask is None else _weighted(square, mask.unsqueeze(-1))


def score_error(student: Tensor, teacher: Tensor, mask: Tensor, *, counted: Counted = "tokens") -> Tensor:
    """Return the mean squared error between raw attention scores (Jiao et al., 2020, Eq. 7).

    Args:
        student: scores before mask and softmax, `[rows, heads, length, length]`.
        teacher: same shape.
        mask: `[rows, length]`, 1 where there is a token.
        counted: What the mean runs over. `tokens`: pairs of tokens, so that padding changes nothing. `keys`: all
            queries and the keys that are tokens. `all`: everything, the scores of padded keys (and any at or below
            -100) set to zero, as in the published code; like `keys` it depends on how far rows are padded.

    Raises:
        ValueError: shapes differ.
    """
    _same_shape("score_error", student, teacher)
    teacher = teacher.detach()
    keys = mask.bool()[:, None, None, :]
    if counted == "all":
        student, teacher = (_cleared(scores, keys) for scores in (student, teacher))
        return functional.mse_loss(student, teacher)
    queries = mask.bool()[:, None, :, None]
    return _weighted((student - teacher).square(), keys & queries if counted == "tokens" else keys)


def soft_cross_entropy(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """Return the cross-entropy of softened answers, mean over rows and classes (Jiao et al., 2020, Eq. 10).

    It is KL(teacher || student) / classes plus a constant: no factor T^2, and the mean runs over classes too.

    Args:
        student: logits, `[rows, classes]`.
        teacher: same shape.
        temperature: T, above 0.

    Raises:
        ValueError: shapes differ.
    """
    _same_shape("soft_cross_entropy", student, teacher)
    target = (teacher.detach() / temperature).softmax(-1)
    return -(target * (student / temperature).log_softmax(-1)).mean()


def cosine_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Return 1 - cos between vectors, mean over all but the last dimension (Sanh et al., 2019).

    Args:
        student: `[..., width]`.
        teacher: same shape.

    Raises:
        ValueError: shapes differ.
    """
    _same_shape("cosine_distance", student, teacher)
    return (1 - functional.cosine_similarity(student, teacher.detach(), dim=-1)).mean()


def relation_divergence(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """Return KL(teacher || student) between rows of softmax(scores), mean over heads and tokens (Wang et al., 2020).

    Args:
        student: scores before softmax, `[rows, heads, length, length]`; attention, or `relations`.
        teacher: same shape.
        mask: `[rows, length]`, 1 where there is a token; padding is neither compared with nor averaged over.

    Raises:
        ValueError: shapes differ.
    """
    _same_shape("relation_divergence", student, teacher)
    keys = mask.bool()[:, None, None, :]
    target, output = (
        scores.masked_fill(~keys, MASKED).log_softmax(-1) for scores in (teacher.detach(), student)
    )  # [rows, heads, length, length]
    return _weighted((target.exp() * (target - output)).sum(-1), mask[:, None, :])


def relations(vectors: Tensor) -> Tensor:
    """Return the scaled products of a head's vectors with each other, X X^T / sqrt(d) (Wang et al., 2020, Eq. 8).

    Args:
        vectors: `[rows, heads, length, d]`.

    Returns:
        `[rows, heads, length, length]`; widths d of student and teacher may differ.
    """
    scaled: Tensor = vectors @ vectors.transpose(-1, -2) * vectors.shape[-1] ** -0.5
    return scaled


def regrouped(vectors: Tensor, heads: int) -> Tensor:
    """Return vectors split into another number of heads (relation heads, Wang et al., 2021).

    Args:
        vectors: `[rows, heads, length, d]`.
        heads: their new number; it divides heads * d.

    Raises:
        ValueError: it does not.
    """
    rows, old, length, size = vectors.shape
    if heads < 1 or (old * size) % heads:
        raise ValueError(f"relation heads divide the width, got {heads} heads and a width of {old * size}")
    whole = vectors.transpose(1, 2).reshape(rows, length, heads, old * size // heads)
    return whole.transpose(1, 2)


def _cleared(scores: Tensor, keys: Tensor) -> Tensor:
    """Scores with padded keys, and what is as low as padding, at zero."""
    return torch.where(keys & (scores > -1e2), scores, torch.zeros_like(scores))


def _weighted(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of the values where the mask is 1; the mask is broadcast."""
    weights = mask.to(values.dtype).expand_as(values)
    return torch.where(weights > 0, values, 0).sum() / weights.sum()


def _same_shape(name: str, first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape:
        raise ValueError(
            f"{name}: student and teacher have one shape, got {list(first.shape)} and {list(second.shape)}; "
            "project the student's, or match layers of equal width and heads"
        )
