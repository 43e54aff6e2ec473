"""How far a weight matrix is from full rank: what Figures 2-4 of the LPAF paper measure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from methods.ops.svd import singular_values as _singular_values

TOLERANCE = "sigma_1 * max(out, in) * eps(float32)"
"""The numerical rank counts singular values above this: the default of `torch.linalg.matrix_rank`."""


@dataclass(frozen=True)
class Spectrum:
    """The rank of one weight `[out, in]`, told in several ways.

    Attributes:
        numerical_rank: singular values above `sigma_1 * max(out, in) * eps`, the default of
            `torch.linalg.matrix_rank` in the weight's dtype (float32 for narrower ones).
        one_percent_rank: singular values above 1 % of the largest.
        effective_rank: exponential of the entropy of the singular values divided by their sum (Roy and
            Vetterli, 2007).
        stable_rank: squared Frobenius norm over squared largest singular value.
        zero_rows: rows without a non-zero entry.
        zero_columns: columns without a non-zero entry.
        singular_values: `[min(out, in)]`, descending, float64.
    """

    numerical_rank: int
    one_percent_rank: int
    effective_rank: float
    stable_rank: float
    zero_rows: int
    zero_columns: int
    singular_values: Tensor = field(repr=False, compare=False)

    def captured(self, rank: int) -> float:
        """Return the share of the sum of singular values in the first `rank` (Fig. 4b); 1 for a zero one."""
        leading = float(self.singular_values[: self._checked(rank)].sum())
        total = float(self.singular_values.sum())
        return leading / total if total else 1.0

    def truncation_error(self, rank: int) -> float:
        """Return the Frobenius norm of the weight minus its best approximation of that rank (Fig. 4a)."""
        return float(self.singular_values[self._checked(rank) :].square().sum().sqrt())

    def numbers(self) -> dict[str, float]:
        """Return ranks and counts under the names of the records; `rank` is the numerical one."""
        return {
            "rank": self.numerical_rank,
            "one_percent_rank": self.one_percent_rank,
            "effective_rank": self.effective_rank,
            "stable_rank": self.stable_rank,
            "zero_rows": self.zero_rows,
            "zero_columns": self.zero_columns,
        }

    def _checked(self, rank: int) -> int:
        if not 0 <= rank <= len(self.singular_values):
            raise ValueError(
                f"rank is a whole number in 0..{len(self.singular_values)} for this weight, got {rank}; "
                "choose one in that range"
            )
        return rank


def average(spectra: Sequence[Spectrum]) -> dict[str, float]:
    """Return the means over matrices of their `numbers`.

    Raises:
        ValueError: there is nothing to average.
    """
    if not spectra:
        raise ValueError("average: spectra are of at least one matrix, got none; describe the encoder matrices")
    numbers = [one.numbers() for one in spectra]
    return {name: sum(one[name] for one in numbers) / len(numbers) for name in numbers[0]}


def describe(weight: Tensor) -> Spectrum:
    """Return the spectrum of a weight `[out, in]`.

    The rank tolerance of float32 is about 9e-5 of the largest singular value at 768 rows; singular values
    from a float64 Gram matrix are right to 1e-7 of the largest, so the count is that of a full decomposition.

    Raises:
        ValueError: the weight is no matrix or is not finite.
    """
    values = _singular_values(weight)  # [min(out, in)]
    wide_enough = weight.dtype in (torch.float32, torch.float64)
    epsilon = torch.finfo(weight.dtype if wide_enough else torch.float32).eps
    largest, total = float(values[0]), float(values.sum())
    shares = values[values > 0] / total if total else values[:0]
    return Spectrum(
        numerical_rank=int((values > largest * max(weight.shape) * epsilon).sum()),
        one_percent_rank=int((values > 0.01 * largest).sum()),
        effective_rank=float((-(shares * shares.log()).sum()).exp()) if total else 0.0,
        stable_rank=float(values.square().sum()) / largest**2 if total else 0.0,
        zero_rows=int((~weight.detach().any(dim=1)).sum()),
        zero_columns=int((~weight.detach().any(dim=0)).sum()),
        singular_values=values,
    )
