"""The comparison of factorization speeds: what it returns, and that it refuses nonsense. Speed is not asserted."""

import pytest

from benchmarks.bench.factorize import compare


@pytest.mark.parametrize("zero_rows", [0.0, 0.9])
def test_comparison_is_checked_and_consistent(zero_rows: float) -> None:
    found = compare(20, 1, 72, repeats=1, zero_rows=zero_rows)
    assert found["float64 / ours"] == pytest.approx(found["float64_seconds"] / found["seconds"])
    assert found["worst"] < 1e-6
    assert (found["gram"] == 1) == (zero_rows == 0)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="1 <= rank <= hidden"):
        compare(80, 1, 72)
