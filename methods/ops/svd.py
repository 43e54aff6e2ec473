"""Truncated and importance-weighted singular value decomposition of one weight matrix.

float64 weights are decomposed in float64. Narrower ones are decomposed in float32 where the result is as good as
float64's to 1e-6 relative (`methods.ops.single_svd`), and in float64 everywhere else.
"""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from methods.ops.single_svd import leading, lower_gram

Method = Literal["single", "gram", "full"]
Side = Literal["row", "col"]

# A Gram matrix squares the singular values, so sigma_i carries a relative error of about eps * (sigma_1 /
# sigma_i)^2. At 1e-4 that is 1e-8 or so; below it the decomposition of the matrix itself is needed.
_GRAM_BOUND = 1e-4
_GRAM_LEAST = 64  # below this many rows or columns the full decomposition costs nothing


class Factors(NamedTuple):
    """A rank-k product `outer @ inner`, everything float64 and on the weight's device.

    Attributes:
        outer: A, `[out, k]`; holds Sigma.
        inner: B, `[k, in]`; orthonormal rows, to 1e-7 with method `single`.
        singular_values: all `min(out, in)` of the decomposed matrix, descending. With method `gram`, those
            below 1e-4 of the largest are absolute rather than relative: right to about 1e-7 of the largest.
            With method `single` this holds of the first k to 1e-6 relative; those after them, which are not
            kept, are right to about 1e-3 of the largest.
        method: `single` (eigenvectors of the smaller Gram matrix in float32), `gram` (the same in float64) or
            `full` (`torch.linalg.svd` in float64).
    """

    outer: Tensor
    inner: Tensor
    singular_values: Tensor
    method: Method


def truncated_svd(weight: Tensor, rank: int) -> Factors:
    """Return the best rank-k factors of a weight, `A = U_k Sigma_k` and `B = V_k^T` (LPAF, Eq. 2).

    Rows and columns that are all zero are left out of the decomposition; where fewer than k directions
    remain, B is completed to k orthonormal rows and the surplus columns of A are exactly zero, so that they
    can still be trained. An all-zero weight gives a zero A and a B of unit rows.

    Args:
        weight: `[out, in]`, any floating dtype.
        rank: k, in 1..min(out, in).

    Raises:
        ValueError: the weight is no matrix, is not finite, or the rank is out of range.
    """
    matrix = _checked(weight, rank)  # W [out, in]
    found = _leading_rows(matrix, rank, _is_single(matrix))
    return Factors(_outer(matrix, found, found.image), found.inner, found.singular_values, found.method)


def weighted_svd(
    weight: Tensor,
    importance: Tensor | None,
    rank: int,
    *,
    gamma: float = 1.0,
    side: Side = "row",
    floor: float = 1e-6,
) -> Factors:
    """Return the sparsity-aware factors of a weight (LPAF, Eq. 9-11).

    The rows of the weight are scaled by their normalised importance before the decomposition and the scale is
    taken out of A again. As `I^-1 U_k Sigma_k = W V_k`, nothing is divided: rows of zero importance stay
    finite and a zero row of the weight gives an exactly zero row of A. The importance of each row is raised
    to at least `floor` times the largest one. Only ratios of importance matter. `None`, or an importance that
    is zero everywhere, weighs all rows alike, which is the plain decomposition.

    Args:
        weight: W, `[out, in]`.
        importance: S, `[out, in]`, non-negative; or `None`.
        rank: k, in 1..min(out, in).
        gamma: exponent of the row importance, in (0, 1]: 1 as printed in Eq. 9; 0.5 minimises the error that
            the row importance weights.
        side: `row` weighs output units; `col` does the same on the transposed matrices and transposes the
            factors, so that A has orthonormal columns and Sigma sits in B.
        floor: least importance of a row as a share of the largest, in (0, 1].

    Returns:
        Factors whose singular values are those of the scaled matrix (of the weight itself when all rows weigh
        alike).

    Raises:
        ValueError: a value out of range, a shape mismatch, negative or non-finite importance; all faults at
            once.
    """
    faults = _faults(weight, rank) + _weighting_faults(weight, importance, gamma, side, floor)
    if faults:
        raise ValueError("weighted_svd: " + "; ".join(faults))
    if side == "col":
        turned = None if importance is None else importance.T
        factors = weighted_svd(weight.T, turned, rank, gamma=gamma, floor=floor)
        return Factors(factors.inner.T, factors.outer.T, factors.singular_values, factors.method)
    if importance is None or not bool(importance.any()):
        return truncated_svd(weight, rank)
    matrix = _widened(weight)  # W [out, in]
    row_importance = importance.detach().double().sum(dim=1)  # [out]
    row_importance = row_importance / row_importance.sum()  # normalised to sum 1
    row_importance = row_importance.clamp_min(floor * float(row_importance.max()))
    scaled = row_importance.pow(gamma).unsqueeze(1) * matrix  # Eq. 9: I W  [out, in], float64
    found = _leading_rows(scaled, rank, _is_single(matrix))  # Eq. 10: B = V_k^T  [k, in]
    outer = _outer(matrix, found)  # Eq. 11: A = I^-1 U_k Sigma_k = W V_k  [out, k]
    return Factors(outer, found.inner, found.singular_values, found.method)


def singular_values(matrix: Tensor) -> Tensor:
    """Return all `min(out, in)` singular values, descending, float64, right to 1e-7 of the largest.

    For float32 and narrower weights they come from the Gram matrix of the non-zero rows and columns, whose
    error is far below the rounding of the weight; a float64 weight is decomposed itself.

    Raises:
        ValueError: the weight is no matrix or is not finite.
    """
    values = _checked(matrix, 1).double()
    compact, _, _ = _without_zeros(values)  # [rows, columns]
    found = values.new_zeros(min(values.shape))
    least = min(compact.shape)
    if least == 0:
        return found
    if matrix.dtype == torch.float64 or not _gram_allowed(compact):
        found[:least] = torch.linalg.svdvals(compact)
    else:
        squares = torch.linalg.eigvalsh(lower_gram(_wide(compact)))  # [least], ascending
        found[:least] = squares.flip(0).clamp_min(0).sqrt()
    return found


def _checked(weight: Tensor, rank: int) -> Tensor:
    faults = _faults(weight, rank)
    if faults:
        raise ValueError("svd: " + "; ".join(faults))
    return _widened(weight)


def _widened(weight: Tensor) -> Tensor:
    """Return the weight in float32, or in float64 if it is."""
    return weight.detach() if weight.dtype == torch.float64 else weight.detach().float()


def _is_single(matrix: Tensor) -> bool:
    return matrix.dtype == torch.float32


def _faults(weight: Tensor, rank: int) -> list[str]:
    if weight.ndim != 2 or 0 in weight.shape or not weight.is_floating_point():
        return [
            f"a weight is a non-empty real matrix [out, in], got {weight.dtype} {list(weight.shape)}; "
            "pass the .weight of one linear layer"
        ]
    faults = []
    if not 1 <= rank <= min(weight.shape):
        faults.append(
            f"rank is a whole number in 1..{min(weight.shape)} for {list(weight.shape)}, got {rank}; "
            "choose one in that range"
        )
    least, largest = torch.aminmax(weight.detach())  # one pass; a NaN anywhere makes both NaN
    if not (math.isfinite(least) and math.isfinite(largest)):
        bad = int(weight.numel() - torch.isfinite(weight).sum())
        faults.append(
            f"a weight is finite, got {bad} NaN or infinite of {weight.numel()} values; "
            "look for the training step that diverged"
        )
    return faults


def _weighting_faults(weight: Tensor, importance: Tensor | None, gamma: float, side: str, floor: float) -> list[str]:
    faults = []
    if not 0 < gamma <= 1:
        faults.append(f"gamma is in (0, 1], got {gamma}; 1 is the printed form, 0.5 the least-squares one")
    if side not in ("row", "col"):
        faults.append(f"side is 'row' or 'col', got {side!r}; output units are rows")
    if not 0 < floor <= 1:
        faults.append(f"floor is a share in (0, 1], got {floor}; 1e-6 is the default")
    if importance is None:
        return faults
    if importance.shape != weight.shape:
        faults.append(
            f"importance has the weight's shape {list(weight.shape)}, got {list(importance.shape)}; "
            "pass the score of this very matrix"
        )
    if not bool(torch.isfinite(importance).all()):
        faults.append("importance is finite, got NaN or infinite values; look for the diverged step")
    elif bool((importance < 0).any()):
        faults.append(
            f"importance is never negative, got a least value of {float(importance.min()):g}; "
            "use |w g|, not the signed product"
        )
    return faults


class _Rows(NamedTuple):
    """B = V_k^T `[k, in]` and all singular values, float64; the way; the directions left; `W V_k` if at hand."""

    inner: Tensor
    singular_values: Tensor
    method: Method
    left: int
    image: Tensor | None


def _outer(matrix: Tensor, found: _Rows, image: Tensor | None = None) -> Tensor:
    """Return `W V_k`, exactly zero where no direction is left: `[out, in], [k, in] -> [out, k]`, float64."""
    if image is not None:
        outer = image.double()
    elif found.method == "single":
        outer = (matrix @ found.inner.float().T).double()
    else:
        outer = matrix.double() @ found.inner.T
    outer[:, found.left :] = 0
    return outer


def _leading_rows(matrix: Tensor, rank: int, single: bool) -> _Rows:
    """Decompose; `single`: the matrix comes of a float32 weight, so float32 may do."""
    compact, kept_rows, kept_columns = _without_zeros(matrix)  # [rows, columns]
    least = min(compact.shape)
    values = matrix.new_zeros(min(matrix.shape), dtype=torch.float64)
    rows = matrix.new_zeros((min(rank, least), matrix.shape[1]), dtype=torch.float64)  # [min(k, least), in]
    image: Tensor | None = None
    method: Method = "full"
    if least:
        values[:least], basis, method, image = _decomposed(compact, min(rank, least), single)
        rows[:, kept_columns] = basis.double()
    if image is not None and (image.shape[1] < rank or image.shape[0] < matrix.shape[0]):
        short = image
        image = short.new_zeros((matrix.shape[0], rank))
        image[kept_rows, : short.shape[1]] = short
    return _Rows(_completed(rows, rank), values, method, min(rank, least), image)


def _decomposed(matrix: Tensor, rank: int, single: bool) -> tuple[Tensor, Tensor, Method, Tensor | None]:
    """Return all singular values, V_k^T `[k, columns]`, the way (the cheapest that is accurate), `matrix V_k`."""
    if single and (quick := leading(matrix.float(), rank)) is not None:
        return quick.singular_values, quick.basis, "single", quick.image
    exact = matrix.double()
    found = _by_gram(exact, rank) if min(exact.shape) >= _GRAM_LEAST else None
    if found is not None:
        return *found, "gram", None
    _, sigma, basis = torch.linalg.svd(exact, full_matrices=False)
    return sigma, basis[:rank], "full", None


def _by_gram(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor] | None:
    """Return singular values and V_k^T by the smaller Gram matrix, or None where that is inaccurate."""
    if not _gram_allowed(matrix):
        return None
    tall = matrix.shape[0] >= matrix.shape[1]
    squares, vectors = torch.linalg.eigh(lower_gram(_wide(matrix)))  # ascending
    sigma = squares.flip(0).clamp_min(0).sqrt()  # [least]
    if not float(sigma[rank - 1]) > _GRAM_BOUND * float(sigma[0]):
        return None
    leading = vectors[:, -rank:].flip(1)  # [least, k]
    if tall:
        return sigma, leading.T  # eigenvectors of W^T W are V
    basis = (leading / sigma[:rank]).T @ matrix  # Sigma^-1 U^T W = V^T  [k, in]
    # One step of the polar iteration takes out what the division by a small sigma left of non-orthogonality.
    return sigma, 1.5 * basis - 0.5 * (basis @ basis.T) @ basis


def _wide(matrix: Tensor) -> Tensor:
    return matrix if matrix.shape[0] < matrix.shape[1] else matrix.T


def _gram_allowed(matrix: Tensor) -> bool:
    """Whether squares of the entries neither overflow nor vanish in float64."""
    return 1e-100 < float(matrix.abs().amax()) < 1e100


def _without_zeros(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the matrix without all-zero rows and columns, and the masks `[out]`, `[in]` of those that stayed."""
    filled = matrix != 0
    rows, columns = filled.any(dim=1), filled.any(dim=0)
    if bool(rows.all()) and bool(columns.all()):
        return matrix, rows, columns
    return matrix[rows][:, columns], rows, columns


def _completed(rows: Tensor, rank: int) -> Tensor:
    """Return k orthonormal rows that start with the given ones, `[r, in] -> [k, in]`."""
    missing = rank - rows.shape[0]
    if missing <= 0:
        return rows
    # Unit vectors least covered by the rows are the best conditioned supplement; Householder QR does the
    # rest.
    covered = rows.square().sum(dim=0)  # [in]
    chosen = torch.argsort(covered, stable=True)[:missing]
    units = torch.zeros((rows.shape[1], missing), dtype=rows.dtype, device=rows.device)
    units[chosen, torch.arange(missing, device=rows.device)] = 1
    basis = torch.linalg.qr(torch.cat([rows.T, units], dim=1)).Q  # [in, k]
    return torch.cat([rows, basis[:, rows.shape[0] :].T])
