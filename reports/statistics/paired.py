"""The paper's test: Student's paired t over seeds."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from reports.statistics.arrays import pair, share


@dataclass(frozen=True)
class PairedT:
    """Differences are first minus second, in the unit of the values."""

    difference: float
    sd: float
    standard_error: float
    t: float
    df: int
    p: float  # two-sided
    p_greater: float  # one-sided: the first is greater
    low: float
    high: float
    smallest_seen: float  # the least |difference| that would have been significant with this spread and n


def paired_t(a: npt.ArrayLike, b: npt.ArrayLike, alpha: float = 0.05) -> PairedT:
    """Student's paired t test over seeds: t = mean(d) / (sd(d) / sqrt(n)), df = n - 1.

    Source: Student (1908), Biometrika 6; the test the paper names (Tables 2, 3, 8).
    `smallest_seen` = t_{1 - alpha/2, n - 1} * sd / sqrt(n).

    Not to be used for what the result would be on other examples: the evaluation set counts as given, so a
    difference that hangs on a few examples repeats with every seed and looks certain. With n = 3, t must exceed
    4.30. Where all differences are equal, sd = 0 and t is infinite (p = 0); where they are all zero, p = 1.

    Args:
        a: (seeds,) values of the first method, n >= 2.
        b: (seeds,) values of the second, same seeds in the same order.
        alpha: level of the interval (1 - alpha) and of `smallest_seen`.
    """
    first, second = pair("paired_t", a, b)
    share("paired_t", "alpha", alpha)
    d = first - second
    n, mean, sd = len(d), float(d.mean()), float(d.std(ddof=1))
    error = sd / n**0.5
    if sd <= 1e-12 * max(1.0, float(np.abs(first).max()), float(np.abs(second).max())):
        return _without_spread(mean, n)
    found = stats.ttest_rel(first, second)
    greater = stats.ttest_rel(first, second, alternative="greater")
    interval = found.confidence_interval(1 - alpha)
    return PairedT(
        difference=mean,
        sd=sd,
        standard_error=error,
        t=float(found.statistic),
        df=n - 1,
        p=float(found.pvalue),
        p_greater=float(greater.pvalue),
        low=float(interval.low),
        high=float(interval.high),
        smallest_seen=smallest_seen(sd, n, alpha),
    )


def smallest_seen(sd: float, seeds: int, alpha: float = 0.05) -> float:
    """The least mean difference that is significant: t_{1 - alpha/2, n - 1} * sd / sqrt(n).

    Args:
        sd: standard deviation of the paired differences.
        seeds: n >= 2.
        alpha: two-sided level.
    """
    if seeds < 2:
        raise ValueError(f"smallest_seen: a test over seeds needs 2 of them, got {seeds}; run more seeds")
    return float(stats.t.ppf(1 - share("smallest_seen", "alpha", alpha) / 2, seeds - 1) * sd / seeds**0.5)


def _without_spread(mean: float, n: int) -> PairedT:
    """Equal differences for all seeds; rounding apart, their standard error is zero."""
    if abs(mean) < 1e-12:
        return PairedT(0.0, 0.0, 0.0, 0.0, n - 1, 1.0, 0.5, 0.0, 0.0, 0.0)
    t = float(np.copysign(np.inf, mean))
    return PairedT(mean, 0.0, 0.0, t, n - 1, 0.0, float(mean < 0), mean, mean, 0.0)
