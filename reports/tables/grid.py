"""Tables of methods against tasks and budgets, drawn from records: Tables 2 and 3 of the paper have this shape."""

import dataclasses
from collections.abc import Mapping, Sequence

from benchmarks.records import Record
from methods.contract import Family
from reports.statistics import mean, spread
from reports.tables import remarks
from reports.tables.consistency import check, one_a_seed
from reports.tables.footnotes import Place, distribute
from reports.tables.table import Block, Column, Entry, Gap, Group, Row, Table, percent

TIE = 1e-9  # percent; means closer than this are equal, and all of them are bold


@dataclasses.dataclass(frozen=True)
class Line:
    """A row before its numbers: the method and how it is printed."""

    method: str
    label: str
    family: Family


@dataclasses.dataclass(frozen=True)
class Layout:
    """What a table has beside a row a method and a column a budget.

    Attributes:
        labels: method -> how its row is printed, where that is not the method's own label.
        before: method -> the method that is the same one step earlier; it gets no row, its numbers stand before.
        rank: name among the records' ranks that gets a column of its own, with its head; it depends on no budget.
    """

    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    before: Mapping[str, str] = dataclasses.field(default_factory=dict)
    rank: tuple[str, str] | None = None


def grid(
    title: str,
    records: Sequence[Record],
    gaps: Sequence[Gap] = (),
    order: Sequence[str] = (),
    tasks: Sequence[str] = (),
    layout: Layout = Layout(),
) -> Table:
    """Draw the table of these records.

    Args:
        title: how the table is called.
        records: the measurements; `MixedRecordsError` if they may not stand in one table.
        gaps: what was asked for and is missing, with the reasons.
        order: methods in the order of the rows; others follow by name. Families keep the paper's order.
        tasks: tasks in the order of the columns; others follow by name.
        layout: what is special about the table.
    """
    check(records)
    earlier = set(layout.before.values())
    every: list[Record | Gap] = [*records, *gaps]
    items = [item for item in every if item.method not in earlier]
    lines = _lines(items, order, layout.labels)
    budgets = _budgets(items, lines)
    groups = tuple(Group(task, _columns(budgets, layout)) for task in _ordered({item.task for item in items}, tasks))
    seeds = sorted({item.seed for item in items})
    cells = {
        place: one_a_seed(record for record in records if _at(record, place, lines))
        for place in _places(lines, groups)
    }
    missing = {place: [gap for gap in gaps if _at(gap, place, lines)] for place in cells}
    said = remarks.collect(cells, missing, seeds)
    starts: dict[Place, list[Record]] = {}
    for place in cells:
        if place[0] not in layout.before:
            continue
        start = (layout.before[place[0]], *place[1:])
        starts[place] = one_a_seed(record for record in records if _at(record, start, lines))
        for sentence in remarks.absence(starts[place], [gap for gap in gaps if _at(gap, start, lines)], seeds):
            said.setdefault(f"before the last step: {sentence}", set()).add(place)
    marked = distribute(said, set(cells), {place for place, found in cells.items() if found})
    entries = _bold({place: _entry(found, marked.places.get(place, "")) for place, found in cells.items()}, lines)
    for place, found in starts.items():
        entries[place] = dataclasses.replace(entries[place], before=_entry(found, ""))
    ranks = {place[:2]: _rank(cells, place[:2], layout.rank[0]) for place in cells} if layout.rank else {}
    return Table(
        title=title,
        caption=remarks.caption(records, seeds),
        groups=tuple(dataclasses.replace(group, marks=marked.tasks.get(group.task, "")) for group in groups),
        blocks=_blocks(lines, entries, ranks, marked.methods),
        footnotes=marked.footnotes,
        legend=remarks.BEST if records else "",
    )


def _columns(budgets: Sequence[float], layout: Layout) -> tuple[Column, ...]:
    """The columns of a task: the rank where the table shows it, then the budgets."""
    ranks = [Column(layout.rank[1], quantity=layout.rank[0])] if layout.rank else []
    return (*ranks, *(Column(percent(budget), budget) for budget in budgets))


def _rank(cells: Mapping[Place, Sequence[Record]], row: tuple[str, str], name: str) -> Entry:
    """The average rank of one method on one task, which is the same at every budget: of the first that has it."""
    for place, found in cells.items():
        values = [record.ranks[name] for record in found if name in record.ranks]  # (seeds,)
        if place[:2] == row and values:
            return Entry(mean(values), spread(values), len(values), digits=0)
    return Entry(digits=0)


def _lines(
    items: Sequence[Record | Gap], order: Sequence[str], given: Mapping[str, str] | None = None
) -> dict[str, Line]:
    """The rows by method, in the order they are printed."""
    found = {item.method: item for item in items}
    printed = {method: (given or {}).get(method, item.label) for method, item in found.items()}
    labels = list(printed.values())
    lines = {}
    for family in (*(one for one in Family if one is not Family.REFERENCE), Family.REFERENCE):
        for method in _ordered({name for name, item in found.items() if Family(item.family) is family}, order):
            label = printed[method]
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
    spans = method in lines and lines[method].family is Family.REFERENCE
    return here and (item.budget == budget or spans)


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


def _blocks(
    lines: Mapping[str, Line],
    entries: Mapping[Place, Entry],
    ranks: Mapping[tuple[str, str], Entry],
    marks: Mapping[str, str],
) -> tuple[Block, ...]:
    blocks: dict[Family, list[Row]] = {}
    for line in lines.values():
        spans = line.family is Family.REFERENCE
        placed: list[Entry] = []
        seen: set[str] = set()
        for (method, task, _), entry in entries.items():
            if method != line.method:
                continue
            if ranks and not spans and task not in seen:
                placed.append(ranks[method, task])
            seen.add(task)
            placed.append(entry)
        row = Row(line.method, line.label, tuple(placed), spans, marks.get(line.method, ""))
        blocks.setdefault(line.family, []).append(row)
    return tuple(Block(family.value, tuple(rows)) for family, rows in blocks.items())
