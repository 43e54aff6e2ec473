"""Tables of methods against tasks and budgets, drawn from records: Tables 2 and 3 of the paper have this shape."""

import dataclasses
from collections.abc import Mapping, Sequence

from benchmarks.records import Record
from methods.contract import Family
from reports.statistics import mean, spread
from reports.tables import remarks
from reports.tables.consistency import check, one_a_seed
from reports.tables.footnotes import Place, distribute
from reports.tables.table import Block, Entry, Gap, Group, Row, Table

TIE = 1e-9  # percent; means closer than this are equal, and all of them are bold


@dataclasses.dataclass(frozen=True)
class Line:
    """A row before its numbers: the method and how it is printed."""

    method: str
    label: str
    family: Family


def grid(
    title: str,
    records: Sequence[Record],
    gaps: Sequence[Gap] = (),
    order: Sequence[str] = (),
    tasks: Sequence[str] = (),
) -> Table:
    """Draw the table of these records.

    Args:
        title: how the table is called.
        records: the measurements; `MixedRecordsError` if they may not stand in one table.
        gaps: what was asked for and is missing, with the reasons.
        order: methods in the order of the rows; others follow by name. Families keep the paper's order.
        tasks: tasks in the order of the columns; others follow by name.
    """
    check(records)
    items: list[Record | Gap] = [*records, *gaps]
    lines = _lines(items, order)
    budgets = _budgets(items, lines)
    groups = tuple(Group(task, budgets) for task in _ordered({item.task for item in items}, tasks))
    seeds = sorted({item.seed for item in items})
    cells = {
        place: one_a_seed(record for record in records if _at(record, place, lines))
        for place in _places(lines, groups)
    }
    missing = {place: [gap for gap in gaps if _at(gap, place, lines)] for place in cells}
    said = remarks.collect(cells, missing, seeds)
    marked = distribute(said, set(cells), {place for place, found in cells.items() if found})
    entries = _bold({place: _entry(found, marked.places.get(place, "")) for place, found in cells.items()}, lines)
    return Table(
        title=title,
        caption=remarks.caption(records, seeds),
        groups=tuple(dataclasses.replace(group, marks=marked.tasks.get(group.task, "")) for group in groups),
        blocks=_blocks(lines, entries, marked.methods),
        footnotes=marked.footnotes,
    )


def _lines(items: Sequence[Record | Gap], order: Sequence[str]) -> dict[str, Line]:
    """The rows by method, in the order they are printed."""
    found = {item.method: item for item in items}
    labels = [item.label for item in found.values()]
    lines = {}
    for family in (*(one for one in Family if one is not Family.REFERENCE), Family.REFERENCE):
        for method in _ordered({name for name, item in found.items() if Family(item.family) is family}, order):
            label = found[method].label
            lines[method] = Line(method, label if labels.count(label) == 1 else f"{label} [{method}]", family)
    return lines


def _budgets(items: Sequence[Record | Gap], lines: Mapping[str, Line]) -> tuple[float, ...]:
    """The budgets, largest first; the dense reference has none, unless it is all there is."""
    asked = {item.budget for item in items if lines[item.method].family is not Family.REFERENCE}
    return tuple(sorted(asked or {1.0}, reverse=True))


def _ordered(names: set[str], order: Sequence[str]) -> list[str]:
    known = {name: place for place, name in enumerate(order)}
    return sorted(names, key=lambda name: (known.get(name, len(known)), name))


def _places(lines: Mapping[str, Line], groups: Sequence[Group]) -> list[Place]:
    return [
        (method, group.task, budget)
        for method, line in lines.items()
        for group in groups
        for budget in ((1.0,) if line.family is Family.REFERENCE else group.budgets)
    ]


def _at(item: Record | Gap, place: Place, lines: Mapping[str, Line]) -> bool:
    """Whether a measurement belongs to a place; one of the reference does at any budget."""
    method, task, budget = place
    here = item.method == method and item.task == task
    return here and (item.budget == budget or lines[method].family is Family.REFERENCE)


def _entry(found: Sequence[Record], marks: str) -> Entry:
    if not found:
        return Entry(marks=marks)
    values = [100 * record.value for record in found]  # (seeds,), percent
    return Entry(mean(values), spread(values), len(values), marks=marks)


def _bold(entries: Mapping[Place, Entry], lines: Mapping[str, Line]) -> dict[Place, Entry]:
    """Mark the best mean of each column among the compressed methods with the most seeds, if there are two."""
    marked = dict(entries)
    for column in {place[1:] for place in entries}:
        rivals = {
            place: (entry.n, entry.mean)
            for place, entry in entries.items()
            if place[1:] == column and entry.mean is not None and lines[place[0]].family is not Family.REFERENCE
        }
        most = max((n for n, _ in rivals.values()), default=0)
        complete = {place: value for place, (n, value) in rivals.items() if n == most}
        for place, value in complete.items():
            if len(complete) > 1 and value >= max(complete.values()) - TIE:
                marked[place] = dataclasses.replace(entries[place], best=True)
    return marked


def _blocks(lines: Mapping[str, Line], entries: Mapping[Place, Entry], marks: Mapping[str, str]) -> tuple[Block, ...]:
    blocks: dict[Family, list[Row]] = {}
    for line in lines.values():
        row = Row(
            method=line.method,
            label=line.label,
            entries=tuple(entry for place, entry in entries.items() if place[0] == line.method),
            spans=line.family is Family.REFERENCE,
            marks=marks.get(line.method, ""),
        )
        blocks.setdefault(line.family, []).append(row)
    return tuple(Block(family.value, tuple(rows)) for family, rows in blocks.items())
