"""Inference over seeds and examples at once: both are samples, and every seed sees every example."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from reports.statistics.arrays import grid, share


@dataclass(frozen=True)
class Crossed:
    """Differences are first minus second, in the unit of the values (accuracies: fractions)."""

    difference: float
    mean_square_seed: float
    mean_square_example: float
    mean_square_residual: float
    branch: int  # 0: seeds and examples both vary; 1: seeds alone; 2: examples alone
    variance: float  # of `difference`
    standard_error: float
    df: float
    t: float
    p: float  # two-sided
    low: float
    high: float


def crossed(d: npt.ArrayLike, alpha: float = 0.05) -> Crossed:
    """Two-way test of paired differences, d[s, i] = mu + seed_s + example_i + residual_si, all but mu random.

    With S seeds (a) and n examples (b) and the mean squares of the balanced crossed layout,
    Var(mean) = max(MS_a + MS_b - MS_e, MS_a, MS_b) / (S n), t = mean / sqrt(Var), and Satterthwaite's degrees of
    freedom df = (Var S n)^2 / (MS_a^2/(S-1) + MS_b^2/(n-1) + MS_e^2/((S-1)(n-1))), at least S - 1. The first term
    is the unbiased estimate; the maximum keeps it from falling below what one of the two factors alone explains.

    Source: Satterthwaite (1946), Biometrics Bulletin 2; Baayen, Davidson & Bates (2008), Journal of Memory and
    Language 59, for crossed subjects and items.

    Use it for the mean of per-example scores (accuracy, exact match, per-example F1). Not for metrics that are no
    mean over examples (F1 of a class, Matthews; see `bootstrap`), not for seeds with different examples, not for
    examples that come in clusters, such as the questions on one paragraph.
    Where both methods agree everywhere, the variance is 0 and p = 1.

    Args:
        d: (seeds, examples) paired differences, at least 2 x 2; for correctness values in {-1, 0, 1}.
        alpha: level of the interval.
    """
    values = grid("crossed", d, "(seeds, examples)", (2, 2))
    share("crossed", "alpha", alpha)
    S, n = values.shape
    mean = float(values.mean())
    by_seed, by_example = values.mean(axis=1) - mean, values.mean(axis=0) - mean
    rest = values - mean - by_seed[:, None] - by_example  # [seeds, examples]
    squares = (
        float(n * by_seed @ by_seed) / (S - 1),
        float(S * by_example @ by_example) / (n - 1),
        float(np.square(rest).sum()) / ((S - 1) * (n - 1)),
    )
    seed, example, residual = squares
    options = (seed + example - residual, seed, example)
    branch = int(np.argmax(options))
    total = options[branch]
    if total <= 1e-30:
        return Crossed(mean, *squares, branch, 0.0, 0.0, float(S - 1), *_certain(mean), mean, mean)
    # Satterthwaite: the degrees of freedom of a sum of mean squares
    df = total**2 / (seed**2 / (S - 1) + example**2 / (n - 1) + residual**2 / ((S - 1) * (n - 1)))
    df = max(df, float(S - 1))
    error = (total / (S * n)) ** 0.5
    t = mean / error
    half = float(stats.t.ppf(1 - alpha / 2, df)) * error
    p = float(2 * stats.t.sf(abs(t), df))
    return Crossed(mean, *squares, branch, total / (S * n), error, df, t, p, mean - half, mean + half)


def _certain(mean: float) -> tuple[float, float]:
    """T and p where nothing varies."""
    return (0.0, 1.0) if abs(mean) < 1e-12 else (float(np.copysign(np.inf, mean)), 0.0)
