"""How large a difference is, in standard deviations: Hedges' g."""

import math
from dataclasses import dataclass

import numpy.typing as npt
from scipy import special, stats

from reports.statistics.arrays import pair, share, vector

FAR = 300.0  # t beyond which inverting the noncentral t fails and its limit agrees to 1e-4


@dataclass(frozen=True)
class Effect:
    """`g` is `d` without its small-sample bias (`correction`, exact); `g_approximate` uses 1 - 3 / (4 df - 1)."""

    d: float
    sd: float  # what the difference is divided by
    df: int
    correction: float
    g: float
    g_approximate: float
    low: float
    high: float


def hedges_g(a: npt.ArrayLike, b: npt.ArrayLike, alpha: float = 0.05) -> Effect:
    """Hedges' g of two independent samples: d = (mean a - mean b) / pooled sd, g = J(df) d, df = n_a + n_b - 2.

    J(df) = Gamma(df/2) / (sqrt(df/2) Gamma((df-1)/2)). The interval inverts the noncentral t distribution of
    d sqrt(n_a n_b / (n_a + n_b)) and is multiplied by J. Source: Hedges (1981), J. Educ. Stat. 6.

    Not for values that share seeds: use `hedges_g_paired`. With few seeds the interval is wide, and that is the
    message. In spreads of seeds, a large g may be a difference of a tenth of a point: report points as well.

    Args:
        a: (seeds of a,) n >= 2.
        b: (seeds of b,) n >= 2.
        alpha: level of the interval.
    """
    first, second = vector("hedges_g", a, 2), vector("hedges_g", b, 2)
    n_a, n_b = len(first), len(second)
    df = n_a + n_b - 2
    sd = math.sqrt(((n_a - 1) * first.var(ddof=1) + (n_b - 1) * second.var(ddof=1)) / df)
    return _effect("hedges_g", float(first.mean() - second.mean()), sd, df, math.sqrt(n_a * n_b / (n_a + n_b)), alpha)


def hedges_g_paired(a: npt.ArrayLike, b: npt.ArrayLike, alpha: float = 0.05) -> Effect:
    """Hedges' g of paired differences: d_z = mean(a - b) / sd(a - b), g_z = J(n - 1) d_z.

    The interval inverts the noncentral t distribution of d_z sqrt(n). Source: Hedges (1981); Cohen (1988), ch. 2,
    for d_z. Not comparable with g of independent samples: `average_effect` is on that scale.

    Args:
        a: (seeds,) n >= 2.
        b: (seeds,) same seeds, same order.
        alpha: level of the interval.
    """
    first, second = pair("hedges_g_paired", a, b)
    d = first - second
    n = len(d)
    return _effect("hedges_g_paired", float(d.mean()), float(d.std(ddof=1)), n - 1, math.sqrt(n), alpha)


def average_effect(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """d_av = mean(a - b) / sqrt((var a + var b) / 2), pairs or not; no small-sample correction.

    Source: Cumming (2012), Understanding the New Statistics, ch. 11. Undefined (ValueError) where neither varies.

    Args:
        a: (seeds,) n >= 2.
        b: (seeds,) n >= 2.
    """
    first, second = vector("average_effect", a, 2), vector("average_effect", b, 2)
    sd = math.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
    return float(first.mean() - second.mean()) / _positive("average_effect", sd)


def correction(df: int) -> float:
    """J(df) = Gamma(df/2) / (sqrt(df/2) Gamma((df-1)/2)), df >= 1; 0 at df = 1."""
    if df < 2:
        return 0.0  # Gamma((df - 1) / 2) has its pole: with one degree of freedom nothing unbiased is left
    return math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)


def _effect(who: str, difference: float, sd: float, df: int, scale: float, alpha: float) -> Effect:
    d = difference / _positive(who, sd)
    J, tail = correction(df), share(who, "alpha", alpha) / 2
    low, high = (_noncentrality(df, p, d * scale) / scale for p in (tail, 1 - tail))
    return Effect(d, sd, df, J, J * d, (1 - 3 / (4 * df - 1)) * d, J * low, J * high)


def _noncentrality(df: int, p: float, t: float) -> float:
    """The noncentrality with P(T > t) = p."""
    if abs(t) < FAR:
        return float(special.nctdtrinc(df, 1 - p, t))
    # T = (Z + noncentrality) / sqrt(V / df): far out Z vanishes beside the rest, and V alone is left
    return t * math.sqrt(stats.chi2.ppf(p if t > 0 else 1 - p, df) / df)


def _positive(who: str, sd: float) -> float:
    if sd <= 0:
        raise ValueError(f"{who}: divides by the standard deviation over seeds, got 0; give the difference in points")
    return sd
