"""Relations inside a stack of hidden states, compared between a teacher and a student of any two widths (CKD).

Word relations tie the tokens of one layer, layer-transforming relations tie one token across layers; both as pairs
(similarity or distance) and as triples (angles). Nothing is projected, so the widths may differ.

States are `[batch, layers, tokens, width]`; masks `[batch, tokens]`, true or 1 where a token is no padding. Every
loss is a scalar, float32 or wider; gradients reach the student alone. Source: Park, Kim & Yang, EMNLP 2021
("Distilling linguistic context for language model compression"); GeondoPark/CKD.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Gap = Literal["squared", "smooth"]  # (s - t)^2, or smooth L1 with its bend at 1
GAPS: dict[Gap, Callable[[Tensor, Tensor], Tensor]] = {
    "squared": lambda student, teacher: (student - teacher).square(),
    "smooth": lambda student, teacher: functional.smooth_l1_loss(student, teacher, reduction="none"),
}
CANCELLATION = 4  # machine epsilons of |a|^2 + |b|^2 below which |a - b|^2 is rounding, and the points are one


def matched_states(teacher_layers: int, student_layers: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return which hidden states are compared, teacher's and student's; state 0 is the embeddings.

    With g the greatest common divisor of both depths, every (depth / g)-th state: 12 and 3 layers give 0, 4, 8, 12
    against 0, 1, 2, 3.

    Raises:
        ValueError: a model without layers.
    """
    if min(teacher_layers, student_layers) < 1:
        raise ValueError(
            f"matched_states: both models have at least 1 layer, got {teacher_layers} and {student_layers}"
        )
    common = math.gcd(teacher_layers, student_layers)

    def every(depth: int) -> tuple[int, ...]:
        return tuple(range(0, depth + 1, depth // common))

    return every(teacher_layers), every(student_layers)


def word_similarity(teacher: Tensor, student: Tensor, mask: Tensor) -> Tensor:
    """Return KL of each token's softmaxed cosines to the others, teacher against student, over valid pairs.

    A layer's n valid tokens count n^2 pairs, the n with themselves included in the divisor alone.

    Raises:
        ValueError: shapes that do not fit, or no valid token.
    """
    _fits(teacher, student, mask)
    return _similarity(teacher, student, _by_word(mask, teacher))


def layer_similarity(teacher: Tensor, student: Tensor, mask: Tensor) -> Tensor:
    """Return what `word_similarity` does for the layers of each token in the place of the tokens of each layer."""
    _fits(teacher, student, mask)
    return _similarity(teacher.transpose(1, 2), student.transpose(1, 2), _by_layer(mask, teacher))


def word_distance(teacher: Tensor, student: Tensor, mask: Tensor, gap: Gap = "smooth") -> Tensor:
    """Return the gap between squared distances of tokens, each divided by its layer's mean distance.

    Mean over valid pairs, the divisor as in `word_similarity`.

    Raises:
        ValueError: shapes that do not fit, or no valid token.
    """
    _fits(teacher, student, mask)
    return _distance(teacher, student, _by_word(mask, teacher), gap)


def layer_distance(teacher: Tensor, student: Tensor, mask: Tensor, gap: Gap = "smooth") -> Tensor:
    """Return what `word_distance` does for the layers of each token in the place of the tokens of each layer."""
    _fits(teacher, student, mask)
    return _distance(teacher.transpose(1, 2), student.transpose(1, 2), _by_layer(mask, teacher), gap)


def word_angle(
    teacher: Tensor, student: Tensor, mask: Tensor, window: int | None = None, gap: Gap = "squared"
) -> Tensor:
    """Return the mean gap between the cosines of the angles that two tokens span at a third.

    Args:
        teacher: `[batch, layers, tokens, width]`.
        student: the same with its own width.
        mask: `[batch, tokens]`.
        window: None: all triples of valid tokens, tokens^3 numbers a layer. Odd: each token with the `window`
            around it, places beyond the ends being the end token again; there only the middle token must be valid.
        gap: how two cosines are compared.

    Raises:
        ValueError: shapes that do not fit, no valid token, or a window that has no middle.
    """
    _fits(teacher, student, mask)
    valid = _by_word(mask, teacher)
    if window is None:
        return _angle(teacher, student, valid, gap)
    if window < 1 or window % 2 == 0:
        raise ValueError(f"word_angle: window is an odd number of tokens >= 1, got {window}; 21 is the paper's")
    ours, theirs = _angles_in_window(student, window), _angles_in_window(teacher.detach(), window)
    two = GAPS[gap](ours[0], theirs[0]).sum(dim=-1)  # each unordered pair stands for two ordered ones
    one = GAPS[gap](ours[1], theirs[1]).sum(dim=-1)
    return _mean(2 * two + one, valid, valid.sum() * window**2)


def layer_angle(teacher: Tensor, student: Tensor, mask: Tensor, gap: Gap = "squared") -> Tensor:
    """Return what `word_angle` does for all layers of each token in the place of the tokens of each layer."""
    _fits(teacher, student, mask)
    return _angle(teacher.transpose(1, 2), student.transpose(1, 2), _by_layer(mask, teacher), gap)


def _similarity(teacher: Tensor, student: Tensor, valid: Tensor) -> Tensor:
    """Points `[..., points, width]`, valid `[..., points]`: sum of KL over rows, divided by the valid pairs."""
    pairs = _pairs(valid)
    related = pairs & ~_itself(pairs)
    target, output = (_log_relation(points, related) for points in (teacher.detach(), student))
    divergence = (target.exp() * (target - output)).sum(dim=-1)  # [..., points]; 0 where nothing is related
    return _mean(divergence, valid, pairs.sum())


def _log_relation(points: Tensor, related: Tensor) -> Tensor:
    """Log-softmax of the cosines to each related point, `[..., points, points]`."""
    points = _wide(points)
    product = points @ points.transpose(-1, -2)
    squares = product.diagonal(dim1=-2, dim2=-1)
    inverse = _inverse_lengths(squares, squares > 0)  # of products, not of points: the width is seen once
    cosine = product * inverse.unsqueeze(-1) * inverse.unsqueeze(-2)
    # a finite bar, far below any cosine: with infinities, padding gives NaN in the loss or in its gradient
    return functional.log_softmax(cosine.masked_fill(~related, -1e4), dim=-1)


def _distance(teacher: Tensor, student: Tensor, valid: Tensor, gap: Gap) -> Tensor:
    pairs = _pairs(valid)
    gaps = GAPS[gap](_relative_distances(student, pairs), _relative_distances(teacher.detach(), pairs))
    return _mean(gaps, pairs, pairs.sum())


def _relative_distances(points: Tensor, pairs: Tensor) -> Tensor:
    """Squared distances over their mean between two points, `[..., points, points]`; 0 for invalid pairs."""
    distances = torch.where(pairs, _squared_distances(points)[0], 0)
    others = (pairs & ~_itself(pairs)).sum(dim=(-2, -1), keepdim=True)
    mean = distances.sum(dim=(-2, -1), keepdim=True) / others.clamp_min(1)
    return distances / torch.where(mean > 0, mean, 1)  # one point alone has no distances and no mean


def _angle(teacher: Tensor, student: Tensor, valid: Tensor, gap: Gap) -> Tensor:
    gaps = GAPS[gap](_angles(student), _angles(teacher.detach()))
    triples = _pairs(valid).unsqueeze(-1) & valid[..., None, None, :]
    return _mean(gaps, triples, triples.sum())


def _angles(points: Tensor) -> Tensor:
    """Cosines at each point between the directions to two others, `[..., points, points, points]`."""
    distances, apart = _squared_distances(points)
    inverse = _inverse_lengths(distances, apart)
    # law of cosines: <a - b, a - c> = (|a - b|^2 + |a - c|^2 - |b - c|^2) / 2
    inner = distances.unsqueeze(-1) + distances.unsqueeze(-2) - distances.unsqueeze(-3)
    return 0.5 * inner * inverse.unsqueeze(-1) * inverse.unsqueeze(-2)


def _angles_in_window(states: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Cosines at each token between two tokens of its window, and of each token of it with itself (1, or 0).

    `[..., tokens, window (window - 1) / 2]`, each unordered pair once, and `[..., tokens, window]`. All is made of
    distances of nearby tokens, so nothing of size tokens x window x width is ever made.
    """
    reach, tokens = window // 2, states.shape[-2]
    distances, apart = _squared_distances(states)
    # place p of the line stands for token p - reach, and beyond both ends for the end token
    line = (torch.arange(tokens + 2 * reach, device=states.device) - reach).clamp(0, tokens - 1)
    # band[p, o]: from the token at place p to the one at place p + o - 2 reach
    offsets = torch.arange(4 * reach + 1, device=states.device) - 2 * reach
    other = line[(torch.arange(len(line), device=states.device)[:, None] + offsets).clamp(0, len(line) - 1)]
    band = distances[..., line, :].gather(-1, other.expand(*distances.shape[:-2], -1, -1))
    band_apart = apart[..., line, :].gather(-1, other.expand(*distances.shape[:-2], -1, -1))
    middle = slice(reach, reach + tokens), slice(reach, reach + window)  # from each token to its window
    near, near_apart = band[..., *middle], band_apart[..., *middle]
    inverse = _inverse_lengths(near, near_apart)
    inner, lengths = [], []
    for a in range(window - 1):  # the a-th token of the window and every later one
        between = band[..., a : a + tokens, 2 * reach + 1 : 2 * reach - a + window]
        inner.append(near[..., a : a + 1] + near[..., a + 1 :] - between)
        lengths.append(inverse[..., a : a + 1] * inverse[..., a + 1 :])
    itself = near_apart.to(near.dtype)
    if not inner:
        return near[..., :0], itself
    return 0.5 * torch.cat(inner, dim=-1) * torch.cat(lengths, dim=-1), itself


def _squared_distances(points: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distances `[..., points, points]`, and where they are more than rounding."""
    points = _wide(points)
    points = points - points.mean(dim=-2, keepdim=True).detach()  # distances do not change, cancellation shrinks
    product = points @ points.transpose(-1, -2)
    squares = product.diagonal(dim1=-2, dim2=-1)
    sums = squares.unsqueeze(-1) + squares.unsqueeze(-2)
    distances = sums - 2 * product
    apart = distances.detach() > CANCELLATION * torch.finfo(points.dtype).eps * sums.detach()
    return torch.where(apart, distances, 0), apart


def _inverse_lengths(distances: Tensor, apart: Tensor) -> Tensor:
    """1 / length, and 0 where there is no direction, hence no angle: of two points that are one, of a zero."""
    return torch.where(apart, torch.where(apart, distances, 1).rsqrt(), 0)


def _mean(values: Tensor, where: Tensor, count: Tensor) -> Tensor:
    return torch.where(where, values, 0).sum() / count


def _pairs(valid: Tensor) -> Tensor:
    return valid.unsqueeze(-1) & valid.unsqueeze(-2)


def _itself(pairs: Tensor) -> Tensor:
    """Where a pair is one point twice, `[points, points]`."""
    return torch.eye(pairs.shape[-1], dtype=torch.bool, device=pairs.device)


def _by_word(mask: Tensor, states: Tensor) -> Tensor:
    """Validity of each token in each layer, `[batch, layers, tokens]`."""
    return mask.bool().unsqueeze(1).expand(-1, states.shape[1], -1)


def _by_layer(mask: Tensor, states: Tensor) -> Tensor:
    """Validity of each layer of each token, `[batch, tokens, layers]`."""
    return mask.bool().unsqueeze(2).expand(-1, -1, states.shape[1])


def _wide(values: Tensor) -> Tensor:
    """At least float32: under half precision distances of near points vanish."""
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def _fits(teacher: Tensor, student: Tensor, mask: Tensor) -> None:
    faults = []
    if teacher.ndim != 4 or student.shape[:-1] != teacher.shape[:-1]:
        faults.append(
            "states are [batch, layers, tokens, width] and agree in all but the width, got "
            f"{list(teacher.shape)} and {list(student.shape)}"
        )
    if mask.shape != (teacher.shape[0], teacher.shape[-2]):
        faults.append(f"the mask is [batch, tokens], got {list(mask.shape)} for states {list(teacher.shape)}")
    if not faults and not bool(mask.any()):
        faults.append("at least one token is valid, got a mask of padding only")
    if faults:
        raise ValueError("relations: " + "; ".join(faults))
