"""The float32 way of a decomposition: as good as float64's to 1e-6, or left to float64; and the same bits always."""

import pytest
import torch
from torch import Tensor

from methods.ops.side_by_side import side_by_side
from methods.ops.single_svd import LEAST, leading
from methods.ops.svd import Factors, truncated_svd, weighted_svd

K = 90


def gaussian(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def with_spectrum(sigma: Tensor, rows: int, columns: int) -> Tensor:
    """A float32 matrix with (nearly) these singular values."""
    U = torch.linalg.qr(gaussian(rows, len(sigma), seed=1)).Q
    V = torch.linalg.qr(gaussian(columns, len(sigma), seed=2)).Q
    return ((U * sigma) @ V.T).float()


def check(W: Tensor, factors: Factors, rank: int) -> None:
    """Kept values to 1e-6 relative, B orthonormal to float32, the product as near as the best one."""
    exact = torch.linalg.svdvals(W.double())
    torch.testing.assert_close(factors.singular_values[:rank], exact[:rank], rtol=1e-6, atol=1e-9 * float(exact[0]))
    identity = torch.eye(rank, dtype=torch.float64)
    torch.testing.assert_close(factors.inner @ factors.inner.T, identity, rtol=0, atol=3e-7)
    error = float((W.double() - factors.outer @ factors.inner).square().sum())
    best = float(exact[rank:].square().sum())
    assert error <= best * (1 + 1e-6) + (1e-6 * float(exact[0])) ** 2 * rank


@pytest.mark.parametrize("shape", [(300, 300), (600, 280), (280, 600)])
def test_well_spread_matrices_take_the_float32_way(shape: tuple[int, int]) -> None:
    W = gaussian(*shape).float()
    factors = truncated_svd(W, K)
    assert factors.method == "single"
    assert factors.outer.dtype == factors.inner.dtype == factors.singular_values.dtype == torch.float64
    check(W, factors, K)
    W[::7] = 0
    W[:, ::9] = 0
    factors = truncated_svd(W, K)
    check(W, factors, K)
    assert not factors.outer[::7].any()
    assert not factors.inner[:, ::9].any()


def test_zero_rows_leave_fewer_directions_than_the_rank() -> None:
    W = gaussian(400, 320).float()
    W[LEAST + 4 :] = 0
    factors = truncated_svd(W, 300)
    check(W, factors, 300)
    assert not factors.outer[:, LEAST + 4 :].any()
    assert not factors.outer[LEAST + 4 :].any()


@pytest.mark.parametrize("decay", [0.0, 0.1, 0.3, 0.5, 0.7, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("shape", [(300, 300), (280, 500)])
def test_decaying_spectra_are_accurate_whatever_the_way(decay: float, shape: tuple[int, int]) -> None:
    sigma = torch.arange(1, min(shape) + 1, dtype=torch.float64) ** -decay
    W = with_spectrum(sigma, *shape)
    factors = truncated_svd(W, K)
    if decay >= 2:
        assert factors.method != "single"
    check(W, factors, K)


@pytest.mark.parametrize("spread", [0.0, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3])
def test_clusters_inside_and_across_the_cut(spread: float) -> None:
    sigma = torch.cat([torch.full((60,), 3.0), torch.full((70,), 2.0), torch.full((150,), 0.5)]).double()
    sigma = sigma * (1 - spread * torch.linspace(0, 1, len(sigma), dtype=torch.float64))
    W = with_spectrum(sigma, 300, 280)
    for rank in (60, 100, 130, 200):
        check(W, truncated_svd(W, rank), rank)


def test_a_few_huge_singular_values() -> None:
    sigma = torch.cat([torch.tensor([1000.0, 300.0, 100.0]), torch.linspace(1, 0.1, 277)]).double()
    W = with_spectrum(sigma, 300, 280)
    factors = truncated_svd(W, K)
    assert factors.method == "gram"
    check(W, factors, K)


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6, 1e30])
def test_scale_is_no_matter(scale: float) -> None:
    W = (scale * gaussian(300, 280)).float()
    check(W / scale, Factors(*_scaled(truncated_svd(W, K), scale)), K)


def _scaled(factors: Factors, scale: float) -> tuple[Tensor, Tensor, Tensor, str]:
    return factors.outer / scale, factors.inner, factors.singular_values / scale, factors.method  # type: ignore[return-value]


def test_float64_and_small_matrices_never_take_it() -> None:
    assert truncated_svd(gaussian(300, 280), K).method == "gram"
    assert leading(gaussian(300, LEAST - 1).float(), K) is None


@pytest.mark.parametrize("side", ["row", "col"])
@pytest.mark.parametrize("gamma", [0.5, 1.0])
def test_weighted_float32_agrees_with_float64(side: str, gamma: float) -> None:
    W, S = gaussian(320, 280), gaussian(320, 280, seed=1).abs()
    W, S = W.float(), S.float()
    S[5] = 0
    W[9] = 0
    single = weighted_svd(W, S, K, gamma=gamma, side=side)  # type: ignore[arg-type]
    double = weighted_svd(W.double(), S.double(), K, gamma=gamma, side=side)  # type: ignore[arg-type]
    assert (single.method, double.method) == ("single", "gram")
    kept = single.singular_values[:K]
    torch.testing.assert_close(kept, double.singular_values[:K], rtol=1e-6, atol=0)
    errors = [float((W.double() - each.outer @ each.inner).square().sum()) for each in (single, double)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-5)
    assert not (single.outer @ single.inner)[9].any() or side == "col"


def test_the_same_bits_whatever_the_threads() -> None:
    weights = [gaussian(300, 280, seed=seed).float() for seed in range(4)]
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3, 2):
            torch.set_num_threads(threads)
            found.append(list(side_by_side(lambda weight: truncated_svd(weight, K), weights)))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        for mine, theirs in zip(found[0], other, strict=True):
            assert torch.equal(mine.outer, theirs.outer)
            assert torch.equal(mine.inner, theirs.inner)


def test_order_is_kept_and_a_fault_comes_through() -> None:
    assert list(side_by_side(lambda number: 2 * number, range(7))) == [0, 2, 4, 6, 8, 10, 12]
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError):
        list(side_by_side(lambda number: 1 / number, [1, 0, 2]))
    assert torch.get_num_threads() == before
