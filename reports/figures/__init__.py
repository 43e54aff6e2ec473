"""The registry of figures: a file `figure_<n>.py` in this folder is the figure 'figure<n>'.

A figure the paper does not have has a word for a number: `figure_critical_difference.py` is 'critical-difference'.
"""

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable

from reports.figures.picture import Picture, Wanted
from reports.tables.table import Defaults


@dataclasses.dataclass(frozen=True)
class Blueprint:
    """What a figure file provides: the cells it needs by default, and how it is drawn from their records."""

    name: str
    defaults: Defaults
    draw: Callable[[Wanted], Picture]


def available() -> tuple[str, ...]:
    """The names of the figures, sorted; the paper's first."""
    return tuple(sorted(_modules(), key=lambda name: (not name.startswith("figure"), name)))


def get(name: str) -> Blueprint:
    """The figure of this name, one of `available()`."""
    module = importlib.import_module(f"reports.figures.{_modules()[name]}")
    return Blueprint(name, module.DEFAULTS, module.draw)


def _modules() -> dict[str, str]:
    """Name of the figure -> name of its file."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        prefix, _, rest = module.name.partition("_")
        if prefix == "figure":
            found[f"figure{rest}" if rest.isdigit() else rest.replace("_", "-")] = module.name
    return found
