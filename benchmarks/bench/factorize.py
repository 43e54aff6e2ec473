"""How fast the matrices of an encoder are factorized and their ranks told, beside a loop over `torch.linalg.svd`."""

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from methods.ops.rank import describe
from methods.ops.side_by_side import side_by_side
from methods.ops.svd import Factors, truncated_svd

T = TypeVar("T")
SHAPES = (0, 4, 5)  # places of one matrix of each shape among the six of a layer


def compare(
    rank: int = 260,
    layers: int = 12,
    hidden: int = 768,
    *,
    repeats: int = 3,
    zero_rows: float = 0.0,
    seed: int = 0,
) -> dict[str, float]:
    """Factorize the six matrices of each layer both ways, in one process, and compare the singular values.

    The other ways are a loop over `torch.linalg.svd(weight, full_matrices=False)` in float32, as it is usually
    called, and in float64, both with all of torch's threads. Each repeat times all in turn; the fastest repeat
    counts, as it is the least disturbed one. Ranks and spectra of all matrices are timed once.

    Args:
        rank: k of every matrix.
        layers: encoder layers; each has four matrices of hidden x hidden, one up and one down.
        hidden: width; the inner width is four times as much.
        repeats: how often each way is timed, at least 1.
        zero_rows: share of the rows of every matrix set to zero, as first-order pruning leaves them, in [0,
            1).
        seed: of the Gaussian matrices.

    Returns:
        `seconds`, `float32_seconds` and `float64_seconds` for all matrices, the ratios of the latter to ours
        (above 1: we are faster; promised: at least 5),
        `single` and `gram` (shares of the matrices that were decomposed in float32, and by the Gram matrix in
        float64), `worst` (largest relative difference of the kept singular values from a float64 decomposition
        of one matrix of each shape), `float32_worst` (the same of the loop in float32), `spectra_seconds`
        (promised at BERT-base size: below 30), `threads`.

    Raises:
        ValueError: a value out of range.
        ArithmeticError: kept singular values differ by more than 1e-6 relative.
    """
    if not 0 <= zero_rows < 1 or min(layers, hidden, repeats, rank) < 1 or rank > hidden:
        raise ValueError(
            "compare: 1 <= rank <= hidden, layers and repeats at least 1, zero_rows a share in [0, 1), "
            f"got {rank}, {hidden}, {layers}, {repeats}, {zero_rows}; the defaults are BERT-base"
        )
    weights = _encoder(layers, hidden, zero_rows, seed)
    best = single = double = float("inf")
    factors: list[Factors] = []
    for _ in range(repeats):
        seconds, factors = _timed(lambda: list(side_by_side(partial(truncated_svd, rank=rank), weights)))
        best = min(best, seconds)
        seconds, _ = _timed(lambda: [_usual(weight, rank) for weight in weights])
        single = min(single, seconds)
        seconds, _ = _timed(lambda: [_usual(weight.double(), rank) for weight in weights])
        double = min(double, seconds)
    spectra_seconds, _ = _timed(lambda: list(side_by_side(describe, weights)))
    worst = _worst_difference(weights, [factors[place].singular_values for place in SHAPES], rank)
    if worst > 1e-6:
        raise ArithmeticError(f"singular values agree to 1e-6 relative, got {worst:.2g}; mend the method")
    return {
        "seconds": best,
        "float32_seconds": single,
        "float64_seconds": double,
        "float32 / ours": single / best,
        "float64 / ours": double / best,
        "single": sum(one.method == "single" for one in factors) / len(factors),
        "gram": sum(one.method == "gram" for one in factors) / len(factors),
        "worst": worst,
        "float32_worst": _worst_difference(weights, [_usual_values(weights[place]) for place in SHAPES], rank),
        "spectra_seconds": spectra_seconds,
        "threads": float(torch.get_num_threads()),
    }


def _usual(weight: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    left, sigma, right = torch.linalg.svd(weight, full_matrices=False)
    return left[:, :rank] * sigma[:rank], right[:rank]


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def _encoder(layers: int, hidden: int, zero_rows: float, seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(hidden, hidden)] * 4 + [(4 * hidden, hidden), (hidden, 4 * hidden)]
    weights = [0.03 * torch.randn(shape, generator=generator) for _ in range(layers) for shape in shapes]
    for weight in weights:
        chosen = torch.randperm(weight.shape[0], generator=generator)[: int(zero_rows * weight.shape[0])]
        weight[chosen] = 0
    return weights


def _usual_values(weight: Tensor) -> Tensor:
    values: Tensor = torch.linalg.svd(weight, full_matrices=False)[1]
    return values.double()


def _worst_difference(weights: list[Tensor], found: list[Tensor], rank: int) -> float:
    """Compare the singular values of one matrix of each shape with float64's."""
    worst = 0.0
    for place, values in zip(SHAPES, found, strict=True):
        exact = torch.linalg.svdvals(weights[place].double())
        kept = exact[:rank][exact[:rank] > 1e-9 * exact[0]]  # beyond the rank there is nothing to be relative to
        worst = max(worst, float(((values[: len(kept)] - kept).abs() / kept).max()))
    return worst
