"""The space that is searched for one method under one protocol, and what one point of it means."""

import dataclasses
import itertools
import json
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)

import methods
from benchmarks import protocols
from methods.contract import Compressor, TrainingProtocol
from methods.space import targets

Space: TypeAlias = Mapping[str, BaseDistribution]
Point: TypeAlias = Mapping[str, Any]

COUNTABLE = 10_000  # more points than this are as good as infinitely many
LEVELS = 3  # points of a grid along a continuous range: its ends and its middle


def space_of(text: str, protocol: str, overrides: Mapping[str, str]) -> dict[str, BaseDistribution]:
    """What is searched for a method as the user wrote it.

    Knobs in the text and settings in `overrides` are fixed, hence not searched. For settings of the protocol, the
    protocol's own choices stand in place of the method's.
    """
    own = protocols.choices(protocol)
    fixed = {target for name in overrides for target in _overridden(name)}
    written = methods.given(text)
    found: dict[str, BaseDistribution] = {}
    knobs = methods.get(text).knobs()
    for name, distribution in methods.get(text).searched().items():
        if name in written or (name not in knobs and fixed.intersection(targets(name))):
            continue
        found[name] = CategoricalDistribution(own[name]) if name in own and name not in knobs else distribution
    return found


def _overridden(name: str) -> tuple[str, ...]:
    """What an override sets, as `targets` names it; `temperature` alone means the distillation's, and so on."""
    return targets(name) or tuple(
        found for section in ("distillation", "pruning") for found in targets(f"{section}.{name}")
    )


def points(space: Space) -> list[dict[str, Any]] | None:
    """Every point of a space in a fixed order; None where there are more than can be counted."""
    axes = [_values(distribution) for distribution in space.values()]
    if any(axis is None for axis in axes):
        return None
    finite = [axis for axis in axes if axis is not None]
    if math.prod(map(len, finite)) > COUNTABLE:
        return None
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*finite)]


def _values(distribution: BaseDistribution) -> tuple[Any, ...] | None:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    if isinstance(distribution, IntDistribution) and not distribution.log:
        return tuple(range(distribution.low, distribution.high + 1, distribution.step))
    if isinstance(distribution, FloatDistribution | IntDistribution) and distribution.single():
        return (distribution.low,)
    if isinstance(distribution, FloatDistribution) and distribution.step is not None:
        steps = round((distribution.high - distribution.low) / distribution.step)
        return tuple(distribution.low + place * distribution.step for place in range(steps + 1))
    return None


def gridded(space: Space) -> dict[str, BaseDistribution]:
    """The space with its continuous ranges reduced to `LEVELS` values, even on their own scale."""
    return {
        name: distribution if _values(distribution) is not None else CategoricalDistribution(_levels(distribution))
        for name, distribution in space.items()
    }


def _levels(distribution: BaseDistribution) -> tuple[float, ...]:
    if not isinstance(distribution, FloatDistribution | IntDistribution):
        raise TypeError(f"a range has two ends, got {type(distribution).__name__}")
    low, high = distribution.low, distribution.high
    shares = [place / (LEVELS - 1) for place in range(LEVELS)]
    found = [low * (high / low) ** share if distribution.log else low + share * (high - low) for share in shares]
    found[0], found[-1] = low, high  # powers round
    return tuple(map(round, found)) if isinstance(distribution, IntDistribution) else tuple(found)


def applied(point: Point, method: Compressor, protocol: TrainingProtocol) -> tuple[Compressor, TrainingProtocol]:
    """The method and the protocol with the values of a point.

    Raises:
        ValueError: A value that the method or a recipe refuses.
    """
    knobs = {name: value for name, value in point.items() if name in method.knobs()}
    settings = {target: value for name, value in point.items() if name not in knobs for target in targets(name)}
    return dataclasses.replace(method, **knobs), _changed(protocol, settings)


def _changed(protocol: TrainingProtocol, settings: Mapping[str, Any]) -> TrainingProtocol:
    sections: dict[str, dict[str, Any]] = {}
    for target, value in settings.items():
        section, _, leaf = target.rpartition(".")
        sections.setdefault(section, {})[leaf] = value
    shares = {f"prune_{leaf}": value for leaf, value in sections.pop("pruning", {}).items()}
    changed = {
        section: dataclasses.replace(getattr(protocol, section), **values) for section, values in sections.items()
    }
    return dataclasses.replace(protocol, **changed, **shares)


def as_json(space: Space) -> dict[str, str]:
    """The space as text, so that two can be told apart."""
    return {name: distribution_to_json(distribution) for name, distribution in space.items()}


def as_data(space: Space) -> dict[str, dict[str, Any]]:
    """The space as plain data, for those who read it: `choices`, or `low`, `high`, `step` and `log`."""
    return {name: dict(json.loads(text)["attributes"]) for name, text in as_json(space).items()}
