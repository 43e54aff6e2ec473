"""Where a new mean of a few seeds would fall."""

import numpy.typing as npt
from scipy import stats

from reports.statistics.arrays import share, vector


def prediction_interval(values: npt.ArrayLike, runs: int, alpha: float = 0.05) -> tuple[float, float]:
    """The interval that holds the mean of `runs` new seeds with probability 1 - alpha.

    mean +- t_{1 - alpha/2, n - 1} * sd * sqrt(1/n + 1/runs).
    Source: Hahn & Meeker (1991), Statistical Intervals, ch. 4.

    For values that are about normal over seeds, measured in the same way on the same examples. Not a confidence
    interval of the true mean, which is narrower. With n = 3 it reaches 3.5 sd to either side.

    Args:
        values: (seeds,) n >= 2.
        runs: how many seeds the new mean is of.
        alpha: 1 - coverage.
    """
    found = vector("prediction_interval", values, 2)
    share("prediction_interval", "alpha", alpha)
    if runs < 1:
        raise ValueError(f"prediction_interval: a new mean is of 1 run or more, got {runs}")
    n, center = len(found), float(found.mean())
    half = float(stats.t.ppf(1 - alpha / 2, n - 1) * found.std(ddof=1)) * (1 / n + 1 / runs) ** 0.5
    return center - half, center + half
