"""Inference over seeds and examples at once for metrics that are no mean over examples: F1 of a class, Matthews."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from reports.statistics.arrays import share
from reports.statistics.bootstrap import Metric, resampled

RESAMPLES = 2_000  # for a variance; an interval from percentiles would need more
BOOTSTRAP_SEED = 0  # the same resamples for every pair, so that tables and comparisons agree


@dataclass(frozen=True)
class CrossedBootstrap:
    """Differences are first minus second, of the means over seeds, in the unit of the metric (fractions)."""

    difference: float
    variance_seed: float  # of the difference: what the seeds alone say
    variance_example: float  # what the examples alone say
    variance_both: float  # the part that is in either of them
    standard_error: float
    df: float
    t: float
    p: float  # two-sided
    low: float
    high: float
    resamples: int


def crossed_bootstrap(
    labels: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    metric: Metric,
    seed: int,
    resamples: int = RESAMPLES,
    alpha: float = 0.05,
) -> CrossedBootstrap:
    """Test a paired difference of a metric of class predictions; both seeds and examples are samples.

    With d[s, r] the difference of seed s on resample r of the examples (r = 0: the sample itself) and S seeds:
    V_a = var_s(d[s, 0]) / S, V_b = var_r(mean_s d[s, r]), and of what is in neither mean,
    V_e = sum_s var_r(d[s, r] - mean_s d[s, r]) / (S (S - 1)). As for `crossed`, whose mean squares over S n these are
    where the metric is a mean, Var = max(V_a + V_b - V_e, V_a, V_b), t = mean / sqrt(Var), and
    df = Var^2 / (V_a^2/(S-1) + V_b^2/(n-1) + V_e^2/((S-1)(n-1))), at least S - 1.

    Sources: Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 6 (standard errors); `crossed` for the
    combination. A bootstrap that also draws the seeds anew is no cure: of three seeds its percentiles call equal
    methods different in up to a fifth of all cases at 0.05 where the seeds vary most.

    Use it for metrics of `bootstrap.METRICS` that are no mean over examples; for means `crossed` needs no resampling.
    Not for a single seed, not for examples in clusters. Where both methods agree everywhere, p = 1.

    Args:
        labels: (examples,) class ids from 0.
        first: (seeds, examples) class ids that the first method predicts, at least 2 x 2.
        second: (seeds, examples) those of the second.
        metric: of `METRICS`, or any function of confusion counts.
        seed: of the resampling.
        resamples: how many.
        alpha: 1 - coverage of the interval.
    """
    share("crossed_bootstrap", "alpha", alpha)
    both = resampled(labels, first, second, metric, seed, resamples)
    d = both[0] - both[1]  # [seeds, 1 + resamples]
    S, n = len(d), np.size(labels)
    if S < 2 or n < 2:
        raise ValueError(f"crossed_bootstrap: takes at least 2 seeds and 2 examples, got {S} and {n}")
    again = d[:, 1:]
    mean = float(d[:, 0].mean())
    of_seed = float(d[:, 0].var(ddof=1)) / S
    of_example = float(again.mean(axis=0).var(ddof=1))
    rest = float((again - again.mean(axis=0)).var(axis=1, ddof=1).sum()) / (S * (S - 1))
    total = max(of_seed + of_example - rest, of_seed, of_example)
    if total <= 1e-30:
        t, p = (0.0, 1.0) if abs(mean) < 1e-12 else (float(np.copysign(np.inf, mean)), 0.0)
        return CrossedBootstrap(mean, of_seed, of_example, rest, 0.0, float(S - 1), t, p, mean, mean, resamples)
    # Satterthwaite, as in `crossed`
    df = total**2 / (of_seed**2 / (S - 1) + of_example**2 / (n - 1) + rest**2 / ((S - 1) * (n - 1)))
    df = max(df, float(S - 1))
    error = total**0.5
    t = mean / error
    half = float(stats.t.ppf(1 - alpha / 2, df)) * error
    p = float(2 * stats.t.sf(abs(t), df))
    return CrossedBootstrap(mean, of_seed, of_example, rest, error, df, t, p, mean - half, mean + half, resamples)
