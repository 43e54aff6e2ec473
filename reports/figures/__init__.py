"""The registry of figures: a file `figure_<n>.py` in this folder is the figure 'figure<n>'."""

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
    """The names of the figures, sorted."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    return tuple(sorted(name.replace("_", "") for name in names if name.startswith("figure_")))


def get(name: str) -> Blueprint:
    """The figure of this name, one of `available()`."""
    module = importlib.import_module(f"reports.figures.{name.replace('figure', 'figure_')}")
    return Blueprint(name, module.DEFAULTS, module.draw)
