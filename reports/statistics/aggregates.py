"""Few seeds, several tasks: aggregates that one lucky run cannot carry."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from reports.statistics.arrays import Floats, grid, share

RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """An estimate and its percentile interval."""

    estimate: float
    low: float
    high: float


def interquartile_mean(scores: npt.ArrayLike) -> float:
    """The mean of the middle half of all runs: a quarter is cut at either end, rounded down to whole runs.

    Source: Agarwal et al. (2021), Deep RL at the Edge of the Statistical Precipice, NeurIPS. Scores of different
    tasks must be on one scale (such as the share of the dense model's score that is kept).

    Args:
        scores: (seeds, tasks).
    """
    values = grid("interquartile_mean", scores, "(seeds, tasks)", (1, 1))
    return float(stats.trim_mean(values, 0.25, axis=None))


def interquartile_mean_interval(
    scores: npt.ArrayLike, seed: int, resamples: int = RESAMPLES, alpha: float = 0.05
) -> Interval:
    """Interquartile mean with a stratified bootstrap: seeds are drawn with replacement within each task.

    Source: as `interquartile_mean`. The tasks count as given. With 3 seeds there are only 10 different resamples
    of a task: the interval is too narrow for few tasks, and says so of nothing.

    Args:
        scores: (seeds, tasks), at least 2 seeds.
        seed: of the resampling.
        resamples: how many.
        alpha: 1 - coverage.
    """
    values = grid("interquartile_mean_interval", scores, "(seeds, tasks)", (2, 1))
    share("interquartile_mean_interval", "alpha", alpha)
    drawn = _within_tasks(values, np.random.default_rng(seed), resamples)  # [resamples, seeds, tasks]
    means = stats.trim_mean(drawn.reshape(resamples, -1), 0.25, axis=1)
    low, high = np.quantile(means, (alpha / 2, 1 - alpha / 2))
    return Interval(interquartile_mean(values), float(low), float(high))


def performance_profile(scores: npt.ArrayLike, thresholds: npt.ArrayLike) -> Floats:
    """The share of runs with a score above each threshold, tasks weighing the same: (thresholds,).

    Source: Agarwal et al. (2021), run-score distributions; a profile above another everywhere is better everywhere.

    Args:
        scores: (seeds, tasks) on one scale.
        thresholds: (thresholds,).
    """
    values = grid("performance_profile", scores, "(seeds, tasks)", (1, 1))
    above = values[None] > np.asarray(thresholds, dtype=np.float64)[:, None, None]
    return np.asarray(above.mean(axis=(1, 2)), dtype=np.float64)


def probability_of_improvement(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """The chance that a run of the first beats one of the second on a task drawn at random; ties count half.

    Mean over tasks of the Mann-Whitney U of both over (seeds x seeds). Source: Agarwal et al. (2021).
    It says how often, never by how much; seeds are not paired in it.

    Args:
        first: (seeds, tasks).
        second: (seeds, tasks), the same tasks; the seeds may differ in number.
    """
    a = grid("probability_of_improvement", first, "(seeds, tasks)", (1, 1))
    b = grid("probability_of_improvement", second, "(seeds, tasks)", (1, 1))
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"probability_of_improvement: both on the same tasks, got {a.shape[1]} and {b.shape[1]}")
    return _improvement(a[None], b[None]).item()


def probability_of_improvement_interval(
    first: npt.ArrayLike, second: npt.ArrayLike, seed: int, resamples: int = RESAMPLES, alpha: float = 0.05
) -> Interval:
    """The same with a stratified bootstrap over the seeds of each task, both methods drawn independently."""
    estimate = probability_of_improvement(first, second)
    share("probability_of_improvement_interval", "alpha", alpha)
    generator = np.random.default_rng(seed)
    a, b = (_within_tasks(np.asarray(one, dtype=np.float64), generator, resamples) for one in (first, second))
    low, high = np.quantile(_improvement(a, b), (alpha / 2, 1 - alpha / 2))
    return Interval(estimate, float(low), float(high))


def _within_tasks(values: Floats, generator: np.random.Generator, resamples: int) -> Floats:
    """Draw seeds with replacement, for every task on its own: [resamples, seeds, tasks]."""
    seeds, tasks = values.shape
    drawn = generator.integers(0, seeds, size=(resamples, seeds, tasks))
    return np.asarray(np.take_along_axis(values[None], drawn, axis=1), dtype=np.float64)


def _improvement(a: Floats, b: Floats) -> Floats:
    """[resamples] from [resamples, seeds, tasks]."""
    apart = a[:, :, None] - b[:, None]  # [resamples, seeds of a, seeds of b, tasks]
    return np.asarray(((apart > 0) + 0.5 * (apart == 0)).mean(axis=(1, 2, 3)), dtype=np.float64)
