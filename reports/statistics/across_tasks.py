"""Several methods on several tasks: which of them differ at all (Friedman), and which from which (Nemenyi)."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from reports.statistics.arrays import Floats, grid, share


@dataclass(frozen=True)
class Friedman:
    """Rank 1 is the best; `ranks` (tasks, methods), ties share their mean rank."""

    ranks: Floats
    mean_ranks: Floats  # (methods,)
    chi2_uncorrected: float
    tie_correction: float  # 1 without ties
    chi2: float  # corrected
    df: int
    p: float
    F: float  # Iman & Davenport
    F_df: tuple[int, int]
    F_p: float


def friedman(scores: npt.ArrayLike, *, higher_is_better: bool = True) -> Friedman:
    """Friedman's test that all methods have the same mean rank.

    chi2 = 12 N / (k (k + 1)) * sum_j (R_j - (k + 1)/2)^2, divided by the tie correction
    1 - sum (t^3 - t) / (N k (k^2 - 1)), df = k - 1; F = (N - 1) chi2 / (N (k - 1) - chi2).
    Sources: Friedman (1937), JASA 32; Iman & Davenport (1980), Comm. Stat. A 9; Demsar (2006), JMLR 7.

    One score a task (the mean over seeds). Not for budgets or seeds of one task in place of tasks: they are not
    independent. With fewer than about 10 tasks the chi-square is rough, and F is the better of the two.

    Args:
        scores: (tasks, methods), at least 2 x 2.
        higher_is_better: whether the largest score has rank 1.
    """
    values = grid("friedman", scores, "(tasks, methods)", (2, 2))
    N, k = values.shape
    ranks = np.asarray(stats.rankdata(-values if higher_is_better else values, axis=1), dtype=np.float64)
    mean_ranks = ranks.mean(axis=0)
    uncorrected = float(12 * N / (k * (k + 1)) * np.square(mean_ranks - (k + 1) / 2).sum())
    tied = sum(int((count**3 - count).sum()) for row in ranks for _, count in [np.unique(row, return_counts=True)])
    correction = 1 - tied / (N * k * (k**2 - 1))
    if correction == 0:  # every task ranks all methods equal
        return Friedman(ranks, mean_ranks, 0.0, 0.0, 0.0, k - 1, 1.0, 0.0, (k - 1, (k - 1) * (N - 1)), 1.0)
    chi2 = uncorrected / correction
    rest = N * (k - 1) - chi2
    F = (N - 1) * chi2 / rest if rest > 1e-12 else math.inf
    F_df = (k - 1, (k - 1) * (N - 1))
    return Friedman(
        ranks=ranks,
        mean_ranks=mean_ranks,
        chi2_uncorrected=uncorrected,
        tie_correction=correction,
        chi2=chi2,
        df=k - 1,
        p=float(stats.chi2.sf(chi2, k - 1)),
        F=F,
        F_df=F_df,
        F_p=float(stats.f.sf(F, *F_df)),
    )


@dataclass(frozen=True)
class Nemenyi:
    """Which methods differ: `p` and `separated` are (methods, methods)."""

    q: float  # quantile of the studentised range over sqrt(2)
    critical_difference: float  # of mean ranks
    p: Floats
    separated: npt.NDArray[np.bool_]


def nemenyi(mean_ranks: npt.ArrayLike, tasks: int, alpha: float = 0.05) -> Nemenyi:
    """Nemenyi's comparison of all methods with all, after Friedman's test.

    Two methods differ where |R_i - R_j| > CD = q sqrt(k (k + 1) / (6 N)); q is the studentised range with infinite
    degrees of freedom over sqrt(2). Sources: Nemenyi (1963); Demsar (2006), JMLR 7.

    It controls the family of all pairs; where only comparisons with one method matter, it is too strict (use Holm).

    Args:
        mean_ranks: (methods,) of `friedman`.
        tasks: N, how many the ranks are means of.
        alpha: family-wise level.
    """
    ranks = np.asarray(mean_ranks, dtype=np.float64)
    k = len(ranks)
    q = nemenyi_quantile(k, alpha)
    error = math.sqrt(k * (k + 1) / (6 * tasks))
    apart = np.abs(ranks[:, None] - ranks)
    p = np.asarray(stats.studentized_range.sf(math.sqrt(2) * apart / error, k, math.inf), dtype=np.float64)
    np.fill_diagonal(p, 1.0)
    return Nemenyi(q, q * error, np.minimum(p, 1.0), apart > q * error)


def nemenyi_quantile(methods: int, alpha: float = 0.05) -> float:
    """The quantile q of `nemenyi`: 1.960, 2.343, 2.569 for 2, 3, 4 methods at 0.05."""
    if methods < 2:
        raise ValueError(f"nemenyi_quantile: compares 2 methods or more, got {methods}")
    share("nemenyi_quantile", "alpha", alpha)
    return float(stats.studentized_range.ppf(1 - alpha, methods, math.inf) / math.sqrt(2))


def shared_ranks(scores: npt.ArrayLike, separated: npt.ArrayLike) -> tuple[int, ...]:
    """Ranks that only differ where methods do: 1 + the number of methods that are better and separated.

    So the best and all that cannot be told from it are first. Being not separable is not transitive: of A = B and
    B = C nothing follows for A and C, and A may be first, B first and C third.

    Args:
        scores: (methods,) higher is better.
        separated: (methods, methods) symmetric, true where two methods differ.
    """
    values, apart = np.asarray(scores, dtype=np.float64), np.asarray(separated, dtype=bool)
    if apart.shape != (len(values), len(values)) or not np.array_equal(apart, apart.T):
        raise ValueError(
            f"shared_ranks: separated is symmetric, ({len(values)}, {len(values)}), got shape {apart.shape}"
        )
    better = values > values[:, None]  # [method, rival]
    return tuple(int(count) + 1 for count in (better & apart).sum(axis=1))
