"""Leading singular values and vectors of a float32 matrix at float32 cost, checked, or refused.

The eigenvectors of the smaller Gram matrix are found in float32. Their errors enter a singular value squared (the
Rayleigh quotient of a vector with error e is wrong by e^2), so that the values are good to 1e-6 relative all the
same, as long as the gaps between them are wide against float32's noise. Where they are not, the answer is None, and
the caller decomposes in float64.
"""

from typing import NamedTuple

import torch
from torch import Tensor

LEAST = 256  # below this many rows or columns float64 costs nothing

_TOLERANCE = 1e-6  # relative, of a singular value
# What an eigenvector of a float32 Gram matrix leaves over, as a share of its largest eigenvalue: four units of the
# last place. Residuals of Gaussian, pruned, decaying, clustered and trained matrices stay below it.
_NOISE = 4 * torch.finfo(torch.float32).eps
_SMALLEST, _LARGEST = 1e-12, 1e12  # of the largest entry: its square times thousands neither overflows nor vanishes


class Leading(NamedTuple):
    """What was found.

    Attributes:
        singular_values: [min(rows, columns)], float64; the first k right to 1e-6 relative, the others to about
            1e-3 of the largest.
        basis: V_k^T, [k, columns], float32, orthonormal rows.
        image: the matrix times V_k, [rows, k], float32, where it was computed anyway.
    """

    singular_values: Tensor
    basis: Tensor
    image: Tensor | None


def leading(matrix: Tensor, rank: int) -> Leading | None:
    """Return the first `rank` singular values and right vectors, or None where float32 does not suffice.

    Args:
        matrix: [rows, columns], float32.
        rank: k, in 1..min(rows, columns).
    """
    least = min(matrix.shape)
    if least < LEAST or not _SMALLEST < float(matrix.abs().amax()) < _LARGEST:
        return None
    tall = matrix.shape[0] >= matrix.shape[1]
    wide = matrix.T if tall else matrix  # X [least, most]
    squares, vectors = torch.linalg.eigh(lower_gram(wide))  # ascending
    squares = squares.flip(0).double()  # lambda [least]
    if not _resolved(squares[rank - 1], _gap_below(squares, rank), squares[0]):
        return None
    turned = orthonormalised(vectors[:, -rank:].flip(1).T.contiguous())  # U_k^T or V_k^T  [k, least]
    image = turned @ wide  # [k, most]
    norms = torch.linalg.vector_norm(image, dim=1, dtype=torch.float64)  # Rayleigh quotients: sigma_i = |X^T u_i|
    values = squares.clamp_min(0).sqrt()
    kept = squares[:rank]
    apart = _resolved(kept[1:], kept[:-1] - kept[1:], kept[0])  # far enough from each other to be read one by one
    values[:rank] = norms if apart else _ritz(image)
    if tall:
        return Leading(values, turned, image.T)
    return Leading(values, orthonormalised((image / norms.unsqueeze(1)).float()), None)


def lower_gram(rows: Tensor, panel: int = 256) -> Tensor:
    """Return the lower triangle of `X X^T`, `[n, m] -> [n, n]`, by panels: 2/3 of the work at n = 768."""
    size = rows.shape[0]
    product = rows.new_zeros((size, size))
    for start in range(0, size, panel):
        stop = min(start + panel, size)
        torch.matmul(rows[start:stop], rows[:stop].T, out=product[start:stop, :stop])
    return product


def orthonormalised(rows: Tensor) -> Tensor:
    """Return nearly orthonormal rows made orthonormal: one step of the polar iteration, then unit norms."""
    better = 1.5 * rows - 0.5 * (rows @ rows.T) @ rows
    norms: Tensor = torch.linalg.vector_norm(better, dim=1, keepdim=True, dtype=torch.float64)
    return (better / norms).to(rows.dtype)


def _gap_below(squares: Tensor, rank: int) -> Tensor:
    """Return `lambda_k - lambda_(k+1)`; nothing is left out at full rank, so nothing mixes in."""
    return squares[rank - 1] - squares[rank] if rank < len(squares) else squares[0]


def _resolved(square: Tensor, gap: Tensor, largest: Tensor) -> bool:
    """Whether mixing across gaps moves sigma by half the tolerance at most: `noise^2 / gap <= tolerance lambda`."""
    return bool(((square > 0) & ((_NOISE * largest) ** 2 <= _TOLERANCE * square * gap)).all())


def _ritz(image: Tensor) -> Tensor:
    """Return the singular values of `[k, most]`: right even where neighbours have mixed with each other."""
    wide = image.double()
    squares: Tensor = torch.linalg.eigvalsh(lower_gram(wide))  # ascending
    return squares.flip(0).clamp_min(0).sqrt()
