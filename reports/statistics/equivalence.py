"""Are two methods as good as equal? Two one-sided tests against a margin."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from reports.statistics.arrays import Floats, pair, share, vector


@dataclass(frozen=True)
class Equivalence:
    """Equivalent at alpha where `p` < alpha, which is where the interval lies within the margin."""

    margin: float
    difference: float
    t_lower: float  # against -margin
    p_lower: float
    t_upper: float  # against +margin
    p_upper: float
    p: float  # the larger of the two
    low: float  # interval at 1 - 2 alpha
    high: float
    equivalent: bool


def tost(a: npt.ArrayLike, b: npt.ArrayLike, margin: float, alpha: float = 0.05) -> Equivalence:
    """Two one-sided paired t tests: is |mean(a - b)| smaller than the margin?

    t_lower = (mean + margin) / se, t_upper = (mean - margin) / se, df = n - 1; p is the larger one-sided p-value.
    Source: Schuirmann (1987), J. Pharmacokinetics and Biopharmaceutics 15.

    The margin is chosen before looking. A difference test that is not significant shows no equivalence; this does.
    Like every t test over seeds it takes the evaluation set as given.

    Args:
        a: (seeds,) n >= 2.
        b: (seeds,) same seeds, same order.
        margin: the largest difference that does not matter, > 0, in the unit of the values.
        alpha: level of each one-sided test.
    """
    first, second = pair("tost", a, b)
    return _tost(first - second, margin, alpha)


def tost_against(a: npt.ArrayLike, reference: float, margin: float, alpha: float = 0.05) -> Equivalence:
    """The same against a fixed value, such as a published mean that is taken without error.

    Args:
        a: (seeds,) n >= 2.
        reference: the value.
        margin: as in `tost`.
        alpha: as in `tost`.
    """
    return _tost(vector("tost_against", a, 2) - reference, margin, alpha)


def _tost(d: Floats, margin: float, alpha: float) -> Equivalence:
    if not margin > 0:
        raise ValueError(f"tost: the margin is a difference > 0 in the unit of the values, got {margin:g}")
    share("tost", "alpha", alpha)
    mean, error = float(d.mean()), float(stats.sem(d))
    if error <= 1e-12 * max(1.0, margin):
        inside = abs(mean) < margin
        far = [float(np.copysign(np.inf, mean + side * margin)) for side in (1, -1)]
        lower, upper = float(mean <= -margin), float(mean >= margin)
        return Equivalence(
            margin, mean, far[0], lower, far[1], upper, max(lower, upper), mean, mean, equivalent=inside
        )
    lower_test = stats.ttest_1samp(d, -margin, alternative="greater")
    upper_test = stats.ttest_1samp(d, margin, alternative="less")
    p = max(float(lower_test.pvalue), float(upper_test.pvalue))
    half = float(stats.t.ppf(1 - alpha, len(d) - 1)) * error
    return Equivalence(
        margin=margin,
        difference=mean,
        t_lower=float(lower_test.statistic),
        p_lower=float(lower_test.pvalue),
        t_upper=float(upper_test.statistic),
        p_upper=float(upper_test.pvalue),
        p=p,
        low=mean - half,
        high=mean + half,
        equivalent=p < alpha,
    )
