"""The tuning certificate: what a search found, what it cost, and whether more of it would have found more."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from benchmarks.tuning.search import Search, Select

RISE = 0.005  # of the metric: half a point, about what one row in two hundred is worth
LAST = 0.25  # the share of the trials at the end that must not have gained more than RISE
NEAR = 0.05  # of a range, from either end


@dataclasses.dataclass(frozen=True)
class Certificate:
    """What is to be known of one search.

    Attributes:
        method: The method as the user wrote it; with the next four what was searched.
        backbone: The encoder's name.
        task: The task's name.
        protocol: The protocol's name.
        budget: The share of weights kept.
        selection: What trials were scored on, 'heldout' or 'dev'.
        rows: How many rows that were.
        seeds: The seeds each trial is a mean over.
        values: The best trial's; empty for a method without a space; None: no trial ended well.
        score: Its score, as a fraction.
        trials: How many trials were 'complete', 'pruned', 'failed' and are 'unfinished'.
        points: How many points the space has; None where they cannot be counted.
        seconds: Training seconds of all trials beyond the dense model, a shared stage once.
        curve: Expected best of 1, 2, ... trials.
        warnings: Sentences.
        failures: Why trials failed, each reason once.
    """

    method: str
    backbone: str
    task: str
    protocol: str
    budget: float
    selection: Select
    rows: int
    seeds: tuple[int, ...]
    values: dict[str, Any] | None
    score: float | None
    trials: dict[str, int]
    points: int | None
    seconds: float
    curve: tuple[float, ...]
    warnings: tuple[str, ...]
    failures: tuple[str, ...]


def expected_best(values: Sequence[float]) -> list[float]:
    """The expected greatest of n values drawn from the observed ones with replacement, for n = 1, 2, ..., N.

    E[V_n] = sum_v v * (P(V <= v)^n - P(V < v)^n), P the empirical distribution of the N values
    (Dodge et al., EMNLP 2019, 'Show Your Work', section 3.2). Exact, no sampling; equal values in any order give
    equal results.

    Args:
        values: Scores, shape (N,).

    Returns:
        N values, never falling; the first is the mean.
    """
    ordered = sorted(values)
    total = len(ordered)
    # The k-th smallest (from 1) is the greatest of n draws with probability (k / N)^n - ((k - 1) / N)^n.
    return [
        math.fsum(
            value * ((place / total) ** draws - ((place - 1) / total) ** draws)
            for place, value in enumerate(ordered, start=1)
        )
        for draws in range(1, total + 1)
    ]


def best(trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """The complete trial with the greatest value, the earliest of equal ones."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
    return max(complete, key=lambda trial: (trial.value, -trial.number), default=None)


def certificate(search: Search) -> Certificate:
    """The certificate of a search as it stands."""
    trials = search.trials
    found = best(trials)
    # A pruned trial's value is the mean of its first seeds; without it the curve would know good trials only.
    observed = [
        trial.value for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) and trial.values
    ]
    curve = expected_best([value for value in observed if value is not None])
    setting, subject = search.subject.first.setting, search.subject
    counts = {
        name: sum(trial.state == state for trial in trials)
        for name, state in (
            ("complete", TrialState.COMPLETE),
            ("pruned", TrialState.PRUNED),
            ("failed", TrialState.FAIL),
            ("unfinished", TrialState.RUNNING),
        )
    }
    exhausted = search.size is not None and len(trials) >= search.size
    warnings = [] if found is None else [*_edges(found.params, subject.space), *_rising(curve, exhausted)]
    if found is None:
        warnings.append("under-tuned: no trial ended with a score")
    return Certificate(
        method=subject.first.method,
        backbone=setting.backbone.name,
        task=setting.task.name,
        protocol=setting.protocol.name,
        budget=setting.budget.kept,
        selection=subject.select,
        rows=len(subject.data.splits[subject.task.evaluation[0]]),
        seeds=tuple(cell.setting.seed for cell in subject.cells),
        values=None if found is None else dict(found.params),
        score=None if found is None else found.value,
        trials=counts,
        points=search.size,
        seconds=round(search.seconds, 1),
        curve=tuple(curve),
        warnings=tuple(warnings),
        failures=tuple(
            dict.fromkeys(str(t.user_attrs.get("reason", "")) for t in trials if t.state == TrialState.FAIL)
        ),
    )


def _rising(curve: Sequence[float], exhausted: bool) -> list[str]:
    """Whether the last quarter of the trials still gained; a space that was tried out has nothing more to give."""
    if exhausted:
        return []
    if len(curve) < 2:
        return ["under-tuned: one trial says nothing of the next"]
    before = max(1, math.floor((1 - LAST) * len(curve)))
    gain = curve[-1] - curve[before - 1]
    if gain <= RISE:
        return []
    return [
        f"under-tuned: the expected best still rises, by {100 * gain:.2g} points from {before} to {len(curve)} trials"
    ]


def _edges(point: dict[str, Any], space: "dict[str, BaseDistribution] | Any") -> list[str]:
    """The values of the optimum that lie on the edge of what was searched."""
    return [
        f"the best {name}, {point[name]:g}, lies on the edge of its space: {_range(values)}"
        for name, values in space.items()
        if on_edge(point[name], values)
    ]


def on_edge(value: Any, values: BaseDistribution) -> bool:
    """Whether a value is at an end of its range, or the least or greatest of three or more numbers to choose from.

    Of two numbers each is an end, so that says nothing; words have no order.
    """
    if isinstance(values, CategoricalDistribution):
        numbers = [one for one in values.choices if isinstance(one, int | float) and not isinstance(one, bool)]
        return len(numbers) == len(values.choices) >= 3 and value in (min(numbers), max(numbers))
    if not isinstance(values, FloatDistribution | IntDistribution) or values.low == values.high:
        return False
    if isinstance(values, IntDistribution):
        return value in (values.low, values.high)
    scale = math.log if values.log else float
    share = (scale(value) - scale(values.low)) / (scale(values.high) - scale(values.low))
    return not NEAR < share < 1 - NEAR


def _range(values: BaseDistribution) -> str:
    if isinstance(values, CategoricalDistribution):
        return ", ".join(f"{one:g}" for one in sorted(values.choices))  # type: ignore[type-var]  # numbers
    return f"{values.low:g} to {values.high:g}"  # type: ignore[attr-defined]  # float or int
