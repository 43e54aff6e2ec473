"""Which trials end early: those whose mean over the seeds so far is too low to go on with the next seed."""

from typing import Literal

from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner

Pruning = Literal["none", "median", "hyperband"]
STARTUP = 4  # trials that the median pruner lets run to their end


def pruner(kind: Pruning, seeds: int) -> BasePruner:
    """The pruner; a trial reports after each of its seeds, 1 to `seeds`."""
    if kind == "median":
        return MedianPruner(n_startup_trials=STARTUP)
    if kind == "hyperband":
        return HyperbandPruner(min_resource=1, max_resource=seeds, reduction_factor=3)
    return NopPruner()
