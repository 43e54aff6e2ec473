"""The registry of tables: a file `table_<n>.py` in this folder is the table 'table<n>'."""

import dataclasses
import difflib
import importlib
import pkgutil
from collections.abc import Callable, Sequence

from benchmarks.records import Record
from reports.faults import UsageError
from reports.tables.table import Defaults, Table


@dataclasses.dataclass(frozen=True)
class Blueprint:
    """What a table file provides: the cells it needs by default, and how it is drawn from records.

    `draw(records, gaps=(), order=(), tasks=())` gives a `Table`; see `reports.tables.grid.grid`.
    `taken(records)` are the records as the table shows them, see `reports.tables.table_8.taken`.
    """

    name: str
    defaults: Defaults
    draw: Callable[..., Table]
    taken: Callable[[Sequence[Record]], Sequence[Record]] = list

    @property
    def number(self) -> str:
        """The number of the paper's table."""
        return self.name.removeprefix("table")


def available() -> tuple[str, ...]:
    """The names of the tables, sorted."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    return tuple(sorted(name.replace("_", "") for name in names if name.startswith("table_")))


def get(name: str) -> Blueprint:
    """The table of this name.

    Raises:
        UsageError: no such table; the message has the nearest name and the list.
    """
    if name not in available():
        near = difflib.get_close_matches(name, available(), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ";"
        raise UsageError(f"no table is called '{name}'{hint} there are: {', '.join(available())}")
    module = importlib.import_module(f"reports.tables.{name.replace('table', 'table_')}")
    return Blueprint(name, module.DEFAULTS, module.draw, getattr(module, "taken", list))
