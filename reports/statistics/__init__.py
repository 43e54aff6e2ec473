"""Pure functions on arrays of measurements; each states the shape it takes, its source and its limits.

`docs/statistics.md` says which question each of them answers.
"""

from reports.statistics.summary import mean, spread

__all__ = ["mean", "spread"]
