"""Which point a trial tries: a function of seed, number and the trials before, so that a resumed search agrees."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from benchmarks.tuning.space import Space, points
from methods.contract import derive

Sampling = Literal["grid", "tpe", "random"]
STARTUP = 6  # trials that TPE draws at random before it believes any of them: a third of the usual 18


class Seeded(BaseSampler):
    """Grid, TPE or random search without a generator that must be carried from trial to trial.

    Every draw has a generator of its own, seeded by (seed, trial number, parameter). In a space with countably few
    points none is tried twice: a repeated suggestion gives way to the next point of a seeded order, which is also
    the order of the grid.

    Args:
        kind: The search.
        space: What is searched.
        seed: Of the whole search.
    """

    def __init__(self, kind: Sampling, space: Space, seed: int) -> None:
        self._kind = kind
        self._space = dict(space)
        self._seed = seed
        self._whole: Study | None = None
        every = points(space)
        self._points = None if every is None else self._shuffled(every)

    @property
    def size(self) -> int | None:
        """How many points there are; None where they cannot be counted."""
        return None if self._points is None else len(self._points)

    def attend(self, study: Study) -> None:
        """Look at all trials of this study, also where a pruner shows its sampler only some of them."""
        self._whole = study

    def ready(self, trials: int) -> int | None:
        """How many more trials, after so many, can be chosen without the results of others; None: any number."""
        return max(1, STARTUP - trials) if self._kind == "tpe" else None

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All of it: a point is chosen as a whole."""
        return self._space

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The point of this trial."""
        whole = self._whole or study
        before = [each for each in whole.get_trials(deepcopy=False) if each.number < trial.number]
        tried = {self._place(each.params) for each in before if each.params.keys() == self._space.keys()}
        if self._kind != "grid":
            found = {name: self._drawn(whole, trial, name) for name in self._space}
            if self._points is None or self._place(found) not in tried:
                return found
        fresh = (point for point in self._points or () if self._place(point) not in tried)
        return next(fresh, (self._points or [{}])[-1])

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """One parameter of the same point."""
        return self.sample_relative(study, trial, self._space)[param_name]

    def _drawn(self, study: Study, trial: FrozenTrial, name: str) -> Any:
        seed = derive(self._seed, f"sampler/{trial.number}/{name}") % 2**32
        inner: BaseSampler = RandomSampler(seed=seed)
        if self._kind == "tpe":
            inner = TPESampler(seed=seed, n_startup_trials=STARTUP, multivariate=False, constant_liar=False)
        return inner.sample_independent(study, trial, name, self._space[name])

    def _place(self, params: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(params[name] for name in self._space)

    def _shuffled(self, every: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        order = np.random.Generator(np.random.PCG64(derive(self._seed, "points"))).permutation(len(every))
        return [every[place] for place in order]
