"""Truncated and weighted decompositions: the published numbers, the identities, and the degenerate matrices."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from methods.ops.svd import Factors, singular_values, truncated_svd, weighted_svd


def gaussian(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def product(factors: Factors) -> Tensor:
    return factors.outer @ factors.inner


def weighted_error(weight: Tensor, factors: Factors, weights: Tensor) -> float:
    return float((weights.unsqueeze(1) * (weight - product(factors)).square()).sum())


def row_importance(*weights: float, columns: int = 2) -> Tensor:
    return torch.tensor(weights, dtype=torch.float64).unsqueeze(1).expand(-1, columns) / columns


def assert_orthonormal(rows: Tensor, tolerance: float = 1e-12) -> None:
    identity = torch.eye(len(rows), dtype=rows.dtype)
    torch.testing.assert_close(rows @ rows.T, identity, rtol=0, atol=tolerance)


def assert_same(found: Tensor, expected: Tensor, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)


def test_gram_equals_the_full_decomposition() -> None:
    for shape in ((96, 96), (150, 80), (80, 150)):
        W = gaussian(*shape)
        U, sigma, Vh = torch.linalg.svd(W, full_matrices=False)
        factors = truncated_svd(W, 30)
        assert factors.method == "gram"
        kept = factors.singular_values[:30]
        torch.testing.assert_close(kept, sigma[:30], rtol=1e-12, atol=0)
        torch.testing.assert_close(factors.singular_values, sigma, rtol=1e-6, atol=0)
        assert_same(product(factors), (U[:, :30] * sigma[:30]) @ Vh[:30], 1e-10)
        assert_orthonormal(factors.inner)
        assert_same(factors.outer.T @ factors.outer, torch.diag(sigma[:30] ** 2), 1e-9)


def test_float32_weights_of_bert_size_agree_to_1e_6() -> None:
    W = gaussian(768, 96).float()
    factors = truncated_svd(W, 90)
    assert factors.method == "gram"
    expected = torch.linalg.svdvals(W.double())
    torch.testing.assert_close(factors.singular_values, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize(("least", "method"), [(1e-3, "gram"), (2e-4, "gram"), (1e-5, "full"), (1e-12, "full")])
@pytest.mark.parametrize("shape", [(70, 90), (90, 70)])
def test_ill_conditioned_matrices_stay_accurate(least: float, method: str, shape: tuple[int, int]) -> None:
    U = torch.linalg.qr(gaussian(shape[0], 70, seed=1)).Q
    V = torch.linalg.qr(gaussian(shape[1], 70, seed=2)).Q
    sigma = torch.logspace(0, torch.tensor(least).log10().item(), 70, dtype=torch.float64)
    W = (U * sigma) @ V.T
    factors = truncated_svd(W, 70)
    assert factors.method == method
    torch.testing.assert_close(factors.singular_values, torch.linalg.svdvals(W), rtol=1e-6, atol=1e-15)
    assert_orthonormal(factors.inner, 1e-11)
    assert_same(product(factors), W, 1e-11)


def test_near_rank_deficiency_without_zero_rows_takes_the_full_way() -> None:
    W = gaussian(80, 20) @ gaussian(20, 90, seed=1) / 20  # rank 20
    factors = truncated_svd(W, 40)
    assert factors.method == "full"
    assert_orthonormal(factors.inner)
    assert_same(product(factors), W)
    assert truncated_svd(W, 20).method == "gram"


def test_oracle_plain_diagonal() -> None:
    W = torch.diag(torch.tensor([3.0, 2.0]))
    factors = truncated_svd(W, 1)
    assert_same(product(factors), torch.diag(torch.tensor([3.0, 0.0])).double())
    assert float((W - product(factors)).square().sum()) == pytest.approx(4)
    assert weighted_error(W.double(), factors, torch.tensor([1.0, 9.0])) == pytest.approx(36)


def test_oracle_3_row_weights_change_the_solution() -> None:
    W = torch.diag(torch.tensor([3.0, 2.0], dtype=torch.float64))
    factors = weighted_svd(W, row_importance(1, 9), 1)
    assert_same(product(factors), torch.diag(torch.tensor([0.0, 2.0], dtype=torch.float64)))
    assert weighted_error(W, factors, torch.tensor([1.0, 9.0])) == pytest.approx(9)


def test_oracle_4_invariances() -> None:
    W, S = gaussian(12, 8), gaussian(12, 8, seed=1).abs()
    plain = product(truncated_svd(W, 3))
    assert_same(product(weighted_svd(W, torch.full_like(S, 0.2), 3)), plain)
    assert_same(product(weighted_svd(W, None, 3)), plain)
    assert_same(product(weighted_svd(W, torch.zeros_like(S), 3)), plain)
    assert_same(product(weighted_svd(W, 7.3 * S, 3)), product(weighted_svd(W, S, 3)))
    for side in ("row", "col"):
        assert_same(product(weighted_svd(W, S, 8, side=side)), W, 1e-14)  # lossless at full rank


def test_oracle_5_the_exponent_decides() -> None:
    W = torch.diag(torch.tensor([3.0, 2.0], dtype=torch.float64))
    S, weights = row_importance(1, 2), torch.tensor([1.0, 2.0])
    half, one = weighted_svd(W, S, 1, gamma=0.5), weighted_svd(W, S, 1, gamma=1.0)
    assert weighted_error(W, half, weights) == pytest.approx(8)
    assert weighted_error(W, one, weights) == pytest.approx(9)
    assert product(half)[0, 0] == pytest.approx(3)
    assert product(one)[1, 1] == pytest.approx(2)


def test_oracle_6_half_is_optimal() -> None:
    W, S = gaussian(10, 7), gaussian(10, 7, seed=3).abs()
    weights = S.sum(1) / S.sum()
    factors = weighted_svd(W, S, 3, gamma=0.5)
    tail = torch.linalg.svdvals(weights.sqrt().unsqueeze(1) * W)[3:].square().sum()
    best = weighted_error(W, factors, weights)
    assert best == pytest.approx(float(tail), rel=1e-10)
    A = gaussian(10, 3, seed=4)
    D = weights.unsqueeze(1)
    for _ in range(200):  # alternating least squares from elsewhere
        B = torch.linalg.solve(A.T @ (D * A), A.T @ (D * W))
        A = torch.linalg.solve(B @ B.T, B @ W.T).T
    reached = float((D * (W - A @ B).square()).sum())
    assert reached >= best * (1 - 1e-9)


@pytest.mark.parametrize("gamma", [0.5, 1.0])
@pytest.mark.parametrize("least", [0.0, 1e-30])
def test_oracle_7_zero_rows_are_exact(gamma: float, least: float) -> None:
    W, S = gaussian(12, 8), gaussian(12, 8, seed=1).abs()
    W[[1, 5]] = 0
    S[[1, 5]] = least
    factors = weighted_svd(W, S, 3, gamma=gamma)
    assert not product(factors)[[1, 5]].any()
    assert not factors.outer[[1, 5]].any()
    assert torch.isfinite(product(factors)).all()


def test_unimportant_rows_that_are_not_zero_stay_finite() -> None:
    W, S = gaussian(12, 8), gaussian(12, 8, seed=1).abs()
    S[4] = 0
    factors = weighted_svd(W, S, 3)
    expected = W[4] @ factors.inner.T @ factors.inner  # what of the row lies in the kept directions
    assert_same(product(factors)[4], expected)


def test_oracle_12_published_errors() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        W, S = torch.randn(12, 8), torch.rand(12, 8)
        W64, S64 = W.double(), S.double()
    W64[[1, 5, 7]] = 0
    S64[[1, 5, 7]] = 0
    weights = S64.sum(1)
    found = [
        weighted_error(W64, factors, weights)
        for factors in (
            truncated_svd(W64, 3),
            weighted_svd(W64, S64, 3),
            weighted_svd(W64, S64, 3, gamma=0.5),
        )
    ]
    assert found == pytest.approx([60.3672, 60.8257, 59.5354], abs=5e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_oracle_13_fewer_rows_than_rank(weighted: bool) -> None:
    W = gaussian(12, 8)
    W[3:] = 0
    S = gaussian(12, 8, seed=1).abs() * (W != 0)
    factors = weighted_svd(W, S, 5) if weighted else truncated_svd(W, 5)
    assert not factors.outer[:, 3:].any()
    assert factors.outer[:3].any(dim=0)[:3].all()
    assert_orthonormal(factors.inner)
    assert_same(product(factors), W)


def test_oracle_13_large_with_tiny_importance() -> None:
    W = gaussian(768, 768)
    W[:400] = 0
    S = gaussian(768, 768, seed=1).abs()
    S[:400] *= 1e-30
    factors = weighted_svd(W, S, 260)
    assert all(torch.isfinite(values).all() for values in (factors.outer, factors.inner, factors.singular_values))
    assert not factors.outer[:400].any()
    assert_orthonormal(factors.inner, 1e-11)


def test_zero_rows_and_columns_with_surplus_rank() -> None:
    W = torch.zeros(90, 100, dtype=torch.float64)
    W[:80, 30:] = gaussian(80, 70)
    factors = truncated_svd(W, 85)
    assert factors.method == "gram"
    assert_orthonormal(factors.inner)
    assert_same(product(factors), W, 1e-11)
    assert not factors.outer[:, 70:].any()
    assert not factors.singular_values[70:].any()


def test_all_zero_weight_is_defined() -> None:
    factors = truncated_svd(torch.zeros(6, 4), 3)
    assert not factors.outer.any()
    assert not factors.singular_values.any()
    assert_orthonormal(factors.inner)
    assert_same(weighted_svd(torch.zeros(6, 4), torch.zeros(6, 4), 3).outer, factors.outer)


def test_column_side_is_the_transposed_row_side() -> None:
    W, S = gaussian(9, 6), gaussian(9, 6, seed=1).abs()
    turned, factors = weighted_svd(W.T, S.T, 3), weighted_svd(W, S, 3, side="col")
    assert_same(product(factors), product(turned).T)
    assert_orthonormal(factors.outer.T)


def test_half_precision_is_widened_first() -> None:
    W = gaussian(20, 10).to(torch.bfloat16)
    factors = truncated_svd(W, 10)
    assert factors.outer.dtype == factors.inner.dtype == torch.float64
    assert_same(product(factors), W.double(), 1e-12)


@pytest.mark.parametrize("peak", [1e-200, 1e200])
def test_extreme_scales(peak: float) -> None:
    W = peak * gaussian(70, 70)
    factors = truncated_svd(W, 70)
    assert_same(product(factors) / peak, W / peak, 1e-12)
    assert_same(singular_values(W) / peak, torch.linalg.svdvals(W / peak), 1e-12)


def test_singular_values_of_every_kind() -> None:
    for shape in ((96, 96), (100, 70), (70, 100), (5, 3)):
        W = gaussian(*shape).float()
        W[1] = 0
        expected = torch.linalg.svdvals(W.double())
        assert_same(singular_values(W), expected, 1e-7 * float(expected[0]))
    assert not singular_values(torch.zeros(4, 3)).any()


@pytest.mark.parametrize(
    ("weight", "rank", "law"),
    [
        (torch.ones(4, 3), 0, "rank is a whole number in 1..3 .* got 0"),
        (torch.ones(4, 3), 4, "got 4"),
        (torch.ones(4), 1, "a weight is a non-empty real matrix"),
        (torch.ones(4, 3, dtype=torch.int64), 1, "a weight is a non-empty real matrix"),
        (torch.tensor([[1.0, float("nan")], [float("inf"), 1.0]]), 1, "finite, got 2 NaN or infinite of 4"),
    ],
)
def test_refusals(weight: Tensor, rank: int, law: str) -> None:
    with pytest.raises(ValueError, match=law):
        truncated_svd(weight, rank)


def test_weighted_refuses_all_faults_at_once() -> None:
    with pytest.raises(ValueError, match=r"rank is.*gamma is.*side is.*floor is.*never negative"):
        weighted_svd(torch.ones(4, 3), -torch.ones(4, 3), 9, gamma=2.0, side="up", floor=0.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"the weight's shape \[4, 3\], got \[3, 4\]"):
        weighted_svd(torch.ones(4, 3), torch.ones(3, 4), 1)
    with pytest.raises(ValueError, match=r"importance is finite"):
        weighted_svd(torch.ones(4, 3), torch.full((4, 3), float("inf")), 1)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    seed=st.integers(0, 2**31),
    zeros=st.floats(0, 1),
    data=st.data(),
)
def test_any_matrix_gives_orthonormal_rows_and_the_best_error(
    rows: int, columns: int, seed: int, zeros: float, data: st.DataObject
) -> None:
    W = gaussian(rows, columns, seed=seed)
    W[torch.rand(rows, generator=torch.Generator().manual_seed(seed)) < zeros] = 0
    rank = data.draw(st.integers(1, min(rows, columns)))
    factors = truncated_svd(W, rank)
    assert factors.outer.shape == (rows, rank)
    assert factors.inner.shape == (rank, columns)
    assert_orthonormal(factors.inner, 1e-12)
    tail = factors.singular_values[rank:].square().sum()
    assert float((W - product(factors)).square().sum()) == pytest.approx(float(tail), abs=1e-11)
    S = gaussian(rows, columns, seed=seed + 1).abs() * (W != 0)
    weighted = weighted_svd(W, S, rank, gamma=data.draw(st.floats(0.1, 1)))
    assert torch.isfinite(product(weighted)).all()
    assert not product(weighted)[~W.any(dim=1)].any()
