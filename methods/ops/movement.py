"""Masks from trained scores, their straight-through gradient and the soft penalty (Sanh, Wolf, Rush, 2020).

Source: huggingface/transformers-research-projects, movement-pruning. A mask is true where a weight stays.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from methods.ops.masking import Scope, drop_smallest

FLOOR = 0.005  # a thresholded matrix never keeps less than this share


def straight_through(weight: Tensor, scores: Tensor | None, mask: Tensor) -> Tensor:
    """Return `W' = M * W`, whose gradient reaches the scores as if the mask were their identity.

    `dL/dW = dL/dW' * M`, `dL/dS = dL/dW' * W` for all entries: a masked weight is frozen, its score still moves.

    Args:
        weight: W, any shape.
        scores: S, of its shape; none where the mask follows from something else.
        mask: M, boolean, of its shape.

    Raises:
        ValueError: shapes differ or the mask is not boolean.
    """
    shapes = [tuple(each.shape) for each in (weight, weight if scores is None else scores, mask)]
    if len(set(shapes)) > 1 or mask.dtype != torch.bool:
        raise ValueError(
            "straight_through: weight, scores and boolean mask have one shape, "
            f"got {', '.join(map(str, shapes))} and {mask.dtype}; there is one score a weight"
        )
    masked: Tensor = _StraightThrough.apply(weight, scores, mask)  # type: ignore[no-untyped-call]  # torch's own
    return masked


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, scores: Tensor | None, mask: Tensor) -> Tensor:
        ctx.save_for_backward(weight, mask)
        ctx.scored = scores is not None
        return weight.masked_fill(~mask, 0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weight, mask = ctx.saved_tensors
        (gradient,) = gradients
        return gradient * mask, gradient * weight if ctx.scored else None, None


def top_masks(scores: Sequence[Tensor], kept: float, scope: Scope = "local") -> list[Tensor]:
    """Return masks of the `int(kept * n)` highest scores of each tensor (local) or of all together (global).

    The count is exact also where scores are equal: those that come first are dropped. The published code breaks
    ties by its sort, and its global variant keeps one more.

    Raises:
        ValueError: kept or scope out of range, no scores, mixed dtypes, or NaN scores.
    """
    _check_kept("top_masks", kept)
    if scope not in ("global", "local"):
        raise ValueError(f"top_masks: scope is 'global' or 'local', got {scope!r}; local is the published one")
    if scope == "local":
        return [mask for score in scores for mask in top_masks([score], kept, "global")]
    total = sum(score.numel() for score in scores)
    return drop_smallest(scores, total - int(kept * total))


def floor_count(total: int) -> int:
    """Return how many of a matrix's `total` weights stay whatever the threshold: 0.5 % and one."""
    return min(total, int(FLOOR * total) + 1)


def threshold_mask(scores: Tensor, threshold: float, *, sigmoid: bool = True) -> Tensor:
    """Return where `sigmoid(S) > threshold`, or `S > threshold`; at least the best 0.5 % and one stay.

    Args:
        scores: S, one matrix.
        threshold: tau.
        sigmoid: whether tau is one for `sigmoid(S)`.
    """
    mask = (scores.sigmoid() if sigmoid else scores) > threshold
    least = floor_count(scores.numel())
    if int(mask.count_nonzero()) >= least:
        return mask
    return drop_smallest([scores], scores.numel() - least)[0]


def budget_masks(scores: Sequence[Tensor], kept: float) -> list[Tensor]:
    """Return the masks of the one threshold at which `int(kept * N)` of all N scores survive.

    As with `threshold_mask`, every matrix keeps its best 0.5 % and one; they count.

    Raises:
        ValueError: the floors alone exceed the share, or what `top_masks` refuses.
    """
    _check_kept("budget_masks", kept)
    total = sum(score.numel() for score in scores)
    floors = sum(floor_count(score.numel()) for score in scores)
    if floors > int(kept * total):
        raise ValueError(
            f"budget_masks: every matrix keeps {FLOOR:.1%} of its weights and one, {floors} in all, "
            f"got room for {int(kept * total)}; allow more"
        )
    masks = top_masks(scores, kept, "global")
    if all(int(mask.count_nonzero()) >= floor_count(mask.numel()) for mask in masks):
        return masks
    safe = [drop_smallest([score], score.numel() - floor_count(score.numel()))[0] for score in scores]
    return top_masks(
        [score.detach().masked_fill(best, torch.inf) for score, best in zip(scores, safe, strict=True)],
        kept,
        "global",
    )


def threshold_between(scores: Sequence[Tensor], masks: Sequence[Tensor]) -> float:
    """Return the largest `sigmoid(S)` that was dropped: the tau that masks by it come from; 0 if none was."""
    dropped = [float(score.masked_fill(mask, -torch.inf).max()) for score, mask in zip(scores, masks, strict=True)]
    return float(torch.tensor(max(dropped), dtype=torch.float64).sigmoid())


def score_penalty(scores: Sequence[Tensor]) -> Tensor:
    """Return the mean over matrices of mean(sigmoid(S)), a scalar: what the soft variant pays for keeping."""
    return torch.stack([score.sigmoid().mean() for score in scores]).mean()


def _check_kept(name: str, kept: float) -> None:
    if not 0 < kept <= 1:
        raise ValueError(f"{name}: kept is a fraction in (0, 1], got {kept}; write 0.5 for 50 %")
