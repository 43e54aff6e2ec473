"""One number for several seeds."""

from collections.abc import Sequence

import numpy as np


def mean(values: Sequence[float]) -> float:
    """The mean of `values` (seeds,), n >= 1; the unit is that of the values."""
    if not values:
        raise ValueError("mean: takes at least one value, got none")
    return float(np.mean(np.asarray(values, dtype=np.float64)))


def spread(values: Sequence[float]) -> float | None:
    """The sample standard deviation (n - 1) of `values` (seeds,), or None where n < 2 leaves it undefined."""
    if len(values) < 2:
        return None
    return float(np.std(np.asarray(values, dtype=np.float64), ddof=1))
