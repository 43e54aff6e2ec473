"""Which rank a budget buys, and what a rank costs, in exact whole numbers."""

from collections.abc import Sequence
from fractions import Fraction

Shape = tuple[int, int]


def rank_for(budget: float, shapes: Sequence[Shape]) -> int:
    """Return the largest common rank whose factors fit the budget: `floor(b * sum(n m) / sum(n + m))`.

    The budget is taken as the decimal it prints as, so that 0.5 of a matrix is its half and never one weight
    less. The answer is at least 1, even where that misses the budget, and at most the smallest side of any
    matrix.

    Args:
        budget: fraction of the matrix weights that may stay, in (0, 1].
        shapes: `[out, in]` of each matrix.

    Raises:
        ValueError: the budget is no fraction, or the shapes are empty or not positive.
    """
    faults = _shape_faults(shapes)
    if not 0 < budget <= 1:
        faults.insert(0, f"budget is a fraction in (0, 1], got {budget}; write 0.5 for 50 %")
    if faults:
        raise ValueError("rank_for: " + "; ".join(faults))
    dense = sum(n * m for n, m in shapes)
    per_unit = sum(n + m for n, m in shapes)
    rank = Fraction(str(budget)) * dense // per_unit
    return max(1, min(rank, *(min(shape) for shape in shapes)))


def factor_weights(rank: int, shapes: Sequence[Shape]) -> int:
    """Return how many weights factors of one rank hold in all: `k * sum(n + m)`.

    Raises:
        ValueError: the rank is below 1, or the shapes are empty or not positive.
    """
    faults = _shape_faults(shapes)
    if rank < 1:
        faults.insert(0, f"rank is at least 1, got {rank}; choose a positive one")
    if faults:
        raise ValueError("factor_weights: " + "; ".join(faults))
    return rank * sum(n + m for n, m in shapes)


def _shape_faults(shapes: Sequence[Shape]) -> list[str]:
    if not shapes:
        return ["shapes name at least one matrix, got none; pass [out, in] of each"]
    return [
        f"a shape is two positive numbers [out, in], got {list(shape)}; leave empty matrices out"
        for shape in shapes
        if len(shape) != 2 or min(shape) < 1
    ]
