"""Is a printed mean of accuracies possible? Counts of right answers are whole numbers (GRIM)."""

import math
from decimal import Decimal
from functools import cache

import numpy as np
import numpy.typing as npt


def possible(printed: str, n: int, runs: int) -> bool:
    """Whether some number j of right answers in n * runs has |100 j / (n runs) - x| <= half a unit of the last digit.

    Both ends count as inside, so that no rule for halves is assumed. Source: Brown & Heathers (2017), The GRIM
    Test, Social Psychological and Personality Science 8. Only for accuracies and exact matches, which are counts.

    Args:
        printed: the mean in percent as printed, such as "68.0": its digits say how it was rounded.
        n: examples of a run.
        runs: how many runs the mean is of.
    """
    value, unit = _read(printed)
    answers = n * runs
    # exact: (value - unit / 2) * answers <= 100 j <= (value + unit / 2) * answers
    least = max(0, math.ceil((value - unit / 2) * answers / 100))
    return 100 * least <= (value + unit / 2) * answers and least <= answers


def conventions(printed: str, n: int, runs: int) -> tuple[str, ...]:
    """The other ways of rounding that would give this mean: cut digits, or runs rounded before they were averaged."""
    value, unit = _read(printed)
    answers = n * runs
    found = []
    least = math.ceil(value * answers / 100)
    if 100 * least < (value + unit) * answers and least <= answers:
        found.append("digits cut instead of rounded")
    places = max(0, -int(unit.as_tuple().exponent))
    sums = _rounded_sums(n, runs, places)  # possible sums of rounded runs, in units of the last digit
    low, high = (value / unit - Decimal("0.5")) * runs, (value / unit + Decimal("0.5")) * runs
    if sums[max(0, math.ceil(low)) : math.floor(high) + 1].any():
        found.append("every run rounded before the mean")
    return tuple(found)


def nearest(printed: str, n: int, runs: int) -> tuple[float, float]:
    """The possible means next to the printed one, in percent: the greatest below and the least above."""
    value, _ = _read(printed)
    below = math.floor(value * n * runs / 100)
    return 100 * below / (n * runs), 100 * (below + 1) / (n * runs)


def _read(printed: str) -> tuple[Decimal, Decimal]:
    """The value, and one unit of its last digit."""
    value = Decimal(printed)
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"a printed mean is a finite number, got {printed}")
    return value, Decimal(1).scaleb(exponent)


@cache
def _rounded_sums(n: int, runs: int, places: int) -> npt.NDArray[np.bool_]:
    """Which sums of `runs` accuracies, each rounded to `places`, there are: [sum in units of the last digit]."""
    scale = 100 * 10**places
    one = np.zeros(scale + 1, dtype=bool)
    right = np.arange(n + 1) * scale
    for rounded in ((2 * right + n) // (2 * n), -((n - 2 * right) // (2 * n))):  # halves up, halves down
        one[rounded] = True
    found = one
    for _ in range(runs - 1):
        found = np.convolve(found.astype(np.int64), one.astype(np.int64)) > 0
    return found
