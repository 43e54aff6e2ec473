"""Paired bootstrap over examples, for metrics that are no plain mean; fast, because few examples are different.

Drawing n of n examples with replacement only matters through how many of each kind are drawn. Examples of one kind
(same label, same predictions of both methods for every seed) are exchangeable, so that the counts of the kinds are
multinomial: a resample costs one draw a kind, not one an example.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reports.statistics.arrays import Floats, grid, share

Metric = Callable[[Floats], Floats]  # confusion counts [..., label, prediction] -> values [...]
RESAMPLES = 10_000
KINDS = 250  # different per-example scores that are kept apart; the cost of a resample


@dataclass(frozen=True)
class Bootstrap:
    """Differences are first minus second, of the means over seeds, in the unit of the metric (fractions)."""

    first: float
    second: float
    difference: float
    low: float  # percentile interval
    high: float
    p: float  # two-sided: how often the resampled difference lies on the other side of 0
    resamples: int


def accuracy(confusion: Floats) -> Floats:
    """Share of right predictions; [..., label, prediction] -> [...]."""
    return np.asarray(np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum(axis=(-2, -1)), dtype=np.float64)


def f1(confusion: Floats) -> Floats:
    """2 TP / (2 TP + FP + FN) of class 1; 0 where class 1 is neither predicted nor present."""
    right = 2 * confusion[..., 1, 1]
    counted = confusion[..., 1, :].sum(axis=-1) + confusion[..., :, 1].sum(axis=-1)
    return np.asarray(np.divide(right, counted, out=np.zeros_like(right), where=counted > 0), dtype=np.float64)


def matthews(confusion: Floats) -> Floats:
    """Correlation of labels and predictions (Gorodkin 2004 for more than two classes); 0 where one is constant."""
    n = confusion.sum(axis=(-2, -1))
    present, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    covariance = n * np.trace(confusion, axis1=-2, axis2=-1) - (present * predicted).sum(axis=-1)
    spread = (n**2 - np.square(present).sum(axis=-1)) * (n**2 - np.square(predicted).sum(axis=-1))
    correlation = np.divide(covariance, np.sqrt(spread), out=np.zeros_like(covariance), where=spread > 0)
    return np.asarray(correlation, dtype=np.float64)


METRICS: dict[str, Metric] = {"accuracy": accuracy, "f1": f1, "matthews": matthews}


def of_classes(
    labels: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    metric: Metric,
    seed: int,
    resamples: int = RESAMPLES,
    alpha: float = 0.05,
) -> Bootstrap:
    """Paired bootstrap of a metric of class predictions, examples drawn together for both methods and all seeds.

    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 13 (percentile interval) and 16;
    Koehn (2004), EMNLP, for paired resampling of examples.

    It speaks of these checkpoints and other examples. Not for the claim that one method beats another at its next
    seed: that is `crossed_bootstrap`'s question. Not for examples in clusters.

    Args:
        labels: (examples,) class ids from 0.
        first: (seeds, examples) class ids that the first method predicts.
        second: (seeds, examples) those of the second.
        metric: of `METRICS`, or any function of confusion counts.
        seed: of the resampling.
        resamples: how many.
        alpha: 1 - coverage of the interval.
    """
    share("of_classes", "alpha", alpha)
    by_method = resampled(labels, first, second, metric, seed, resamples).mean(axis=1)  # [method, 1 + resamples]
    return _summary(by_method[0], by_method[1], alpha)


def resampled(
    labels: npt.ArrayLike, first: npt.ArrayLike, second: npt.ArrayLike, metric: Metric, seed: int, resamples: int
) -> Floats:
    """The metric [method, seeds, 1 + resamples]: on the sample itself, then on resampled examples, the same for all.

    Arguments as for `of_classes`.
    """
    true = np.asarray(labels, dtype=np.int64)
    a, b = (np.asarray(one, dtype=np.int64) for one in (first, second))
    if true.ndim != 1 or a.ndim != 2 or a.shape != b.shape or a.shape[1:] != true.shape:
        raise ValueError(
            "bootstrap: takes labels (examples,) and two predictions (seeds, examples), "
            f"got {true.shape}, {a.shape} and {b.shape}"
        )
    classes = int(max(true.max(), a.max(), b.max(), 1)) + 1
    kinds, counts = _kinds(np.vstack([true, a, b]), classes)  # [kinds, 1 + 2 seeds], [kinds]
    cells = kinds[:, :1] * classes + kinds[:, 1:]  # [kinds, 2 seeds] -> cell of that seed's confusion matrix
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(len(true), counts / len(true), size=resamples)
    every = np.vstack([counts[None], drawn]).astype(np.float64)  # the sample itself comes first
    values = np.stack([metric(_confusion(every, cells[:, run], classes)) for run in range(cells.shape[1])])
    return values.reshape(2, len(a), -1)


def of_means(
    first: npt.ArrayLike, second: npt.ArrayLike, seed: int, resamples: int = RESAMPLES, alpha: float = 0.05
) -> Bootstrap:
    """Paired bootstrap of a mean of per-example scores, such as exact match and token F1 of SQuAD.

    The score of an example is its mean over seeds; see `of_classes` for source and limits. `crossed` answers more.
    More than 250 different paired differences are put into 250 bins of equal width, each as the mean of its
    members: the mean is untouched, the variance of the differences loses less than a quarter of a squared width.

    Args:
        first: (seeds, examples) scores of the first method.
        second: (seeds, examples) of the second.
        seed: of the resampling.
        resamples: how many.
        alpha: 1 - coverage of the interval.
    """
    a = grid("of_means", first, "(seeds, examples)", (1, 1)).mean(axis=0)
    b = grid("of_means", second, "(seeds, examples)", (1, 1)).mean(axis=0)
    if a.shape != b.shape:
        raise ValueError(f"of_means: both methods on the same examples, got {len(a)} and {len(b)}")
    share("of_means", "alpha", alpha)
    apart, counts = _binned(a - b)
    drawn = np.random.default_rng(seed).multinomial(len(a), counts / len(a), size=resamples) @ apart / len(a)
    second_mean = float(b.mean())
    differences = np.concatenate([[float((a - b).mean())], drawn])
    return _summary(second_mean + differences, np.full_like(differences, second_mean), alpha)


def _kinds(rows: npt.NDArray[np.int64], classes: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The different columns of `rows` and how often each comes."""
    if classes ** len(rows) < 2**62:  # a column as one number: sorting numbers is quicker than sorting columns
        weights = classes ** np.arange(len(rows), dtype=np.int64)
        _, at, counts = np.unique(weights @ rows, return_index=True, return_counts=True)
        return rows.T[at], counts
    kinds, counts = np.unique(rows.T, axis=0, return_counts=True)
    return kinds, counts


def _confusion(counts: Floats, cells: npt.NDArray[np.int64], classes: int) -> Floats:
    """Confusion counts [resamples, label, prediction] of one run, from the counts of the kinds."""
    into = np.eye(classes**2)[cells]  # [kinds, cells]
    return np.asarray((counts @ into).reshape(-1, classes, classes), dtype=np.float64)


def _binned(values: Floats) -> tuple[Floats, npt.NDArray[np.int64]]:
    """The different values and how often each comes; beyond `KINDS` of them, the means of as many equal bins."""
    apart, counts = np.unique(values, return_counts=True)
    if len(apart) <= KINDS:
        return apart, counts
    bins = np.linspace(apart[0], apart[-1], KINDS + 1)[1:-1]
    inside = np.digitize(apart, bins)
    weights = np.bincount(inside, counts, KINDS)
    sums = np.bincount(inside, counts * apart, KINDS)
    return sums[weights > 0] / weights[weights > 0], weights[weights > 0].astype(np.int64)


def _summary(a: Floats, b: Floats, alpha: float) -> Bootstrap:
    """The sample's own values come first, the resampled ones follow."""
    differences = (a - b)[1:]
    low, high = np.quantile(differences, (alpha / 2, 1 - alpha / 2))
    beyond = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    # the sample itself counts as one resample, so that p is never 0
    p = min(1.0, 2 * (beyond + 1) / (len(differences) + 1))
    return Bootstrap(float(a[0]), float(b[0]), float(a[0] - b[0]), float(low), float(high), p, len(differences))
