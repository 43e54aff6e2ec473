"""How many seeds, how large a difference: the power of a paired test over seeds."""

import math

import numpy as np
from scipy import optimize, special, stats

from reports.statistics.arrays import share

MOST_SEEDS = 10_000
NODES, WEIGHTS = np.polynomial.legendre.leggauss(64)  # integration over [-1, 1]


def power(difference: float, sd: float, seeds: int, alpha: float = 0.05) -> float:
    """The chance that a two-sided paired t test with n seeds is significant if the true difference is this.

    P(|T| > t_{1 - alpha/2, n-1}) with T noncentral t, df = n - 1, noncentrality difference sqrt(n) / sd.
    Source: Cohen (1988), Statistical Power Analysis, ch. 2.

    Not to be computed from the observed difference as a comment on a test that failed: it says the same as p.

    Args:
        difference: true mean difference, in the unit of sd.
        sd: standard deviation of the paired differences over seeds, > 0.
        seeds: n >= 2.
        alpha: two-sided level.
    """
    _check("power", sd, alpha)
    if seeds < 2:
        raise ValueError(f"power: a test over seeds needs 2 of them, got {seeds}")
    df, shift = seeds - 1, abs(difference) * math.sqrt(seeds) / sd
    limit = float(stats.t.ppf(1 - alpha / 2, df))
    # scipy's noncentral t gives NaN for few degrees of freedom and a large shift. Given the sample's own spread, in
    # units of the true one, T is normal: an integral over the probability u of that spread, u = sin^2(angle)
    angle = (NODES + 1) * np.pi / 4
    spread = np.sqrt(stats.chi2.ppf(np.sin(angle) ** 2, df) / df)
    found = special.ndtr(shift - limit * spread) + special.ndtr(-shift - limit * spread)
    return min(1.0, float((WEIGHTS * np.sin(2 * angle) * np.pi / 4) @ found))


def minimum_detectable(sd: float, seeds: int, alpha: float = 0.05, wanted: float = 0.8) -> float:
    """The true difference that a paired t test with n seeds finds with the wanted power.

    Solves power(difference) = wanted; see `power`. With 3 seeds and 80 % it is about 3.3 sd.

    Args:
        sd: standard deviation of the paired differences over seeds, > 0.
        seeds: n >= 2.
        alpha: two-sided level.
        wanted: power.
    """
    _check("minimum_detectable", sd, alpha)
    share("minimum_detectable", "wanted", wanted)
    high = sd
    while power(high, sd, seeds, alpha) < wanted:
        high *= 2
    return float(optimize.brentq(lambda difference: power(difference, sd, seeds, alpha) - wanted, 0.0, high))


def seeds_needed(difference: float, sd: float, alpha: float = 0.05, wanted: float = 0.8) -> int | None:
    """The least number of seeds that separates two methods which truly differ by this; None beyond 10,000.

    Least n >= 2 with power(difference, sd, n) >= wanted. The sd of three seeds is itself uncertain by a factor of
    0.5 to 6 (95 %), so is the answer: a plan, not a promise.

    Args:
        difference: the true difference to be found, not 0.
        sd: standard deviation of the paired differences over seeds, > 0.
        alpha: two-sided level.
        wanted: power.
    """
    _check("seeds_needed", sd, alpha)
    share("seeds_needed", "wanted", wanted)
    if difference == 0 or power(difference, sd, MOST_SEEDS, alpha) < wanted:
        return None
    low, high = 1, 2  # power grows with n: double, then halve
    while power(difference, sd, high, alpha) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(difference, sd, middle, alpha) >= wanted else (middle, high)
    return high


def _check(who: str, sd: float, alpha: float) -> None:
    share(who, "alpha", alpha)
    if not sd > 0:
        raise ValueError(f"{who}: the spread of the differences is > 0, got {sd:g}; two seeds or more tell it")
