"""The metrics as pure functions of predictions and labels, each a fraction in [-1, 1] for any input."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata


def accuracy(predictions: ArrayLike, labels: ArrayLike) -> float:
    """Share of right class ids.

    Args:
        predictions: Class ids, [n].
        labels: Class ids, [n].
    """
    return float(np.mean(np.asarray(predictions) == np.asarray(labels)))


def f1(predictions: ArrayLike, labels: ArrayLike) -> float:
    """Harmonic mean of precision and recall of class 1, ``2 TP / (2 TP + FP + FN)``.

    0.0 where class 1 is neither predicted nor present: there is nothing to find, so nothing was found.

    Args:
        predictions: Class ids 0 and 1, [n].
        labels: Class ids 0 and 1, [n].
    """
    predicted, present = np.asarray(predictions) == 1, np.asarray(labels) == 1
    counted = int(predicted.sum()) + int(present.sum())  # 2 TP + FP + FN
    return 2 * int((predicted & present).sum()) / counted if counted else 0.0


def matthews(predictions: ArrayLike, labels: ArrayLike) -> float:
    """Matthews correlation: the correlation of predicted and true classes (Gorodkin 2004 for more than two).

    0.0 where one class alone is predicted or present: the correlation is then 0/0, and such predictions say
    no more than chance does, which is what 0 stands for.

    Args:
        predictions: Class ids, [n].
        labels: Class ids, [n].
    """
    given, true = np.asarray(predictions), np.asarray(labels)
    number, right = len(true), int((given == true).sum())
    classes = np.union1d(given, true)
    predicted = [int((given == name).sum()) for name in classes]
    present = [int((true == name).sum()) for name in classes]
    # Python integers: products of counts overflow no type
    covariance = right * number - sum(p * t for p, t in zip(predicted, present, strict=True))
    spread = (number**2 - sum(p * p for p in predicted)) * (number**2 - sum(t * t for t in present))
    return float(covariance / spread**0.5) if spread else 0.0


def pearson(predictions: ArrayLike, labels: ArrayLike) -> float:
    """Pearson's correlation of scores.

    0.0 where predictions or labels are constant: the correlation is then 0/0, and a constant says nothing
    about the labels, which is what 0 stands for.

    Args:
        predictions: Scores, [n].
        labels: Scores, [n].
    """
    given = np.asarray(predictions, dtype=np.float64)
    true = np.asarray(labels, dtype=np.float64)
    if np.ptp(given) == 0 or np.ptp(true) == 0:
        return 0.0
    # scaled to [-1, 1] so that squares neither overflow nor vanish
    given, true = ((x - x.mean()) / np.abs(x - x.mean()).max() for x in (given, true))
    return float(np.clip(given @ true / np.sqrt((given @ given) * (true @ true)), -1.0, 1.0))


def spearman(predictions: ArrayLike, labels: ArrayLike) -> float:
    """Spearman's correlation: Pearson's of the ranks, ties sharing their mean rank; 0.0 for constants.

    Args:
        predictions: Scores, [n].
        labels: Scores, [n].
    """
    return pearson(rankdata(np.asarray(predictions)), rankdata(np.asarray(labels)))


METRICS: dict[str, Callable[[ArrayLike, ArrayLike], float]] = {
    "accuracy": accuracy,
    "f1": f1,
    "matthews": matthews,
    "pearson": pearson,
    "spearman": spearman,
}
