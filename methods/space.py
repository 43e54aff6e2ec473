"""What a space may name: a method's fields, and settings of the training protocol; and what is wrong with one."""

import dataclasses
import difflib
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, CategoricalDistribution

if TYPE_CHECKING:
    from methods.contract import Compressor

LEARNING_RATES = CategoricalDistribution((2e-5, 3e-5))
"""The LPAF paper's, for every method (section 5.1.3). A protocol for other encoders has its own, in `[space]`."""

SHORT = {"lr": "learning_rate", "batch": "batch_size"}
RECIPE = ("epochs", "learning_rate", "batch_size", "warmup", "weight_decay", "clip", "precision", "selection")
SECTIONS = {
    "prune": RECIPE,
    "retrain": RECIPE,
    "distillation": ("hard", "soft", "temperature"),
    "pruning": ("warmup", "cooldown"),
}
PHASES = ("prune", "retrain")


def targets(name: str) -> tuple[str, ...]:
    """The protocol's settings that a name in a space means, as 'section.field'; none where it means nothing.

    `retrain.learning_rate` or `retrain.lr` is one setting; a name alone, `lr`, is that of pruning and of
    re-training. The dense model is no part of any space: it is the teacher of every method.
    """
    section, _, leaf = name.rpartition(".")
    leaf = SHORT.get(leaf, leaf)
    return tuple(f"{one}.{leaf}" for one in ((section,) if section else PHASES) if leaf in SECTIONS.get(one, ()))


def faults(method: "Compressor") -> list[str]:
    """What is wrong with a method's space: names that mean nothing, values that the method refuses."""
    found = []
    knobs = method.knobs()
    for name, distribution in method.space.items():
        if not isinstance(distribution, BaseDistribution):
            found.append(f"space maps names to optuna distributions, got {name}={type(distribution).__name__}")
        elif name in knobs:
            found += [
                f"space holds values that the method takes, got {name}={value!r}: {fault}"
                for value in ends(distribution)
                if (fault := _refusal(method, name, value))
            ]
        elif name.startswith("dense."):
            found.append(f"space leaves the dense model alone, which is every method's teacher, got {name!r}")
        elif not targets(name):
            known = [*knobs, "lr", *(f"{section}.{leaf}" for section, every in SECTIONS.items() for leaf in every)]
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            found.append(
                f"space names fields of the method or settings of the protocol, got {name!r}{hint}; the fields are "
                f"{', '.join(knobs) or 'none'}; a setting is written lr or retrain.learning_rate"
            )
    return found


def ends(distribution: BaseDistribution) -> tuple[Any, ...]:
    """Every choice, or the least and the greatest value."""
    if isinstance(distribution, CategoricalDistribution):
        return tuple(distribution.choices)
    return (distribution.low, distribution.high)  # type: ignore[attr-defined]  # float or int


def _refusal(method: "Compressor", name: str, value: Any) -> str:
    try:
        dataclasses.replace(method, **{name: value})
    except ValueError as fault:
        return str(fault)
    return ""
