"""A table of which nothing was measured yet: its rows and columns, 'no run' in every cell."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import methods
from benchmarks import tasks
from methods.contract import Compressor, Family
from reports import paper_rows
from reports.tables.table import NO_RUN, Defaults, Gap, Table

Line = tuple[str, str, Family]  # method, label, family


def drawn(name: str, defaults: Defaults, draw: Callable[..., Table]) -> Table:
    """The empty table: the methods it names, or where it names none those the paper's table has.

    Args:
        name: of the table, such as "table3".
        defaults: its cells.
        draw: how it is drawn from records and gaps.
    """
    rows = tuple(_rows(name, defaults))
    table: Table = draw((), tuple(_gaps(rows, defaults)), tuple(method for method, _, _ in rows))
    unknown = [task for task in defaults.tasks if task not in tasks.available()]
    cure = f"there is no task {' or '.join(unknown)} yet" if unknown else f"weighin run {name} measures it"
    said = ("", f"{NO_RUN}: nothing of this table has been measured; {cure}")
    empty = table.changed(lambda row, group, column, entry: dataclasses.replace(entry, absent=NO_RUN, before=None))
    return dataclasses.replace(empty, footnotes=(*empty.footnotes, said))


def _gaps(rows: Sequence[Line], defaults: Defaults) -> Iterator[Gap]:
    for method, label, family in rows:
        reference = family is Family.REFERENCE
        for task in defaults.tasks:
            for budget in (1.0,) if reference else defaults.budgets:
                for seed in defaults.seeds:
                    yield Gap(method, label, family.value, task, budget, seed, NO_RUN, refused=False)


def _rows(name: str, defaults: Defaults) -> Iterator[Line]:
    """Every row the table would have."""
    printed = {row.method: row for row in paper_rows.rows() if row.table == name.removeprefix("table")}
    wanted = (*printed, *(() if defaults.methods is None else (*defaults.methods, defaults.reference)))
    for method in dict.fromkeys(name for name in wanted if name):
        known = _known(method)
        if known:
            yield method, known.title(), known.family
        elif method in printed:
            yield method, printed[method].row, printed[method].family


def _known(method: str) -> Compressor | None:
    try:
        return methods.get(method)
    except methods.UnknownMethodError:
        return None
