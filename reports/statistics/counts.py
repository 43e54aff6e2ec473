"""Counts of right answers: two checkpoints against each other, and one proportion."""

from dataclasses import dataclass

from scipy import stats

from reports.statistics.arrays import share


@dataclass(frozen=True)
class McNemar:
    """`p` is exact; the chi-square with continuity correction is None where no example differs."""

    p: float
    chi2: float | None
    p_chi2: float | None


def mcnemar(only_first: int, only_second: int) -> McNemar:
    """Exact McNemar test of two named checkpoints on the same examples: binomial with p = 1/2 on the discordant ones.

    chi2 = (|b - c| - 1)^2 / (b + c), not cut at b = c (kept for comparison with older papers). b + c = 0: p = 1.
    Source: McNemar (1947), Psychometrika 12.

    It speaks of these two checkpoints and other examples, never of two methods: a method's next seed is another
    checkpoint. Not for examples in clusters, not for several seeds pooled.

    Args:
        only_first: examples which the first alone has right.
        only_second: examples which the second alone has right.
    """
    if only_first < 0 or only_second < 0:
        raise ValueError(f"mcnemar: takes counts, got {only_first} and {only_second}")
    n = only_first + only_second
    if n == 0:
        return McNemar(1.0, None, None)
    chi2 = (abs(only_first - only_second) - 1) ** 2 / n
    return McNemar(float(stats.binomtest(only_first, n).pvalue), chi2, float(stats.chi2.sf(chi2, 1)))


def wilson(right: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a proportion: the values p with |x/n - p| <= z sqrt(p (1 - p) / n).

    Source: Wilson (1927), JASA 22. For one checkpoint's accuracy; not for the mean of several seeds.

    Args:
        right: successes, 0 <= right <= n.
        n: trials.
        level: coverage.
    """
    if not 0 <= right <= n or n < 1:
        raise ValueError(f"wilson: takes 0 <= right <= n and n >= 1, got {right} and {n}")
    share("wilson", "level", level)
    found = stats.binomtest(right, n).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)
