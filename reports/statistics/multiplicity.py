"""Several tests at once: adjusted p-values, and the family they were adjusted for."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from reports.statistics.arrays import Floats, vector

Control = Literal["holm", "benjamini-hochberg", "benjamini-yekutieli", "bonferroni"]


@dataclass(frozen=True)
class Family:
    """P-values of one family, in the order they came, and what the family is, in words."""

    family: str
    control: Control
    p: tuple[float, ...]
    adjusted: tuple[float, ...]

    def rejected(self, alpha: float = 0.05) -> tuple[bool, ...]:
        """Which hypotheses fall at this level: the adjusted p-value is at most alpha."""
        return tuple(value <= alpha for value in self.adjusted)


def adjust(p: npt.ArrayLike, family: str, control: Control = "holm") -> Family:
    """Adjust p-values for being many.

    holm: max over j <= i of min(1, (m - j + 1) p_(j)); the chance of any false rejection is at most alpha, whatever
    the dependence. benjamini-hochberg: min over j >= i of min(1, m p_(j) / j); the expected share of false ones
    among the rejections, for independent or positively dependent tests. Sources: Holm (1979), Scand. J. Stat. 6;
    Benjamini & Hochberg (1995), JRSS B 57; Benjamini & Yekutieli (2001), Ann. Stat. 29.

    Not to be used on a family chosen after seeing the p-values.

    Args:
        p: (tests,) p-values.
        family: which tests were meant to be taken together, in words; it is printed with the result.
        control: what is kept at alpha.
    """
    if not family.strip():
        raise ValueError("adjust: names the family of its tests, got an empty name; say which tests belong together")
    values = vector("adjust", p)
    if ((values < 0) | (values > 1)).any():
        raise ValueError(f"adjust: p-values are probabilities in [0, 1], got {values.min():g} to {values.max():g}")
    adjusted = _adjusted(values, control)
    return Family(family, control, tuple(values.tolist()), tuple(adjusted.tolist()))


def _adjusted(p: Floats, control: Control) -> Floats:
    m = len(p)
    if control == "bonferroni":
        return np.minimum(1.0, m * p)
    if control == "holm":
        order = np.argsort(p, kind="stable")
        stepped = np.maximum.accumulate(np.minimum(1.0, (m - np.arange(m)) * p[order]))
        adjusted = np.empty(m)
        adjusted[order] = stepped
        return adjusted
    method: Literal["bh", "by"] = "bh" if control == "benjamini-hochberg" else "by"
    return np.asarray(stats.false_discovery_control(p, method=method), dtype=np.float64)
