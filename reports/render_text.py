"""A table for the terminal: as many tasks side by side as fit, the rest below."""

import textwrap
from collections.abc import Iterator, Sequence

from rich.text import Text

from reports.tables.table import Entry, Group, Row, Table, difference, number

LABEL = 19  # labels up to this length stand beside their numbers, longer ones above them


def render(table: Table, width: int, *, stars: bool) -> list[Text]:
    """The table in lines of at most `width` characters, if `width` holds one task.

    Args:
        table: what to print.
        width: characters a line, at least 40.
        stars: whether a star marks the best; for output where bold cannot be seen.
    """
    lines = [*_wrapped(table.title, width, style="bold"), Text()]
    for places in _pages(table, width):
        lines += [*_sheet(table, places, width, stars=stars), Text()]
    lines += _wrapped(table.words, width)
    for mark, sentence in table.footnotes:
        lines += _wrapped(f"{mark or '-'} {sentence}", width, indent="  ")
    return lines


def _wrapped(text: str, width: int, style: str = "", indent: str = "") -> Iterator[Text]:
    for line in textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False):
        yield Text(line, style=style)


def _pages(table: Table, width: int) -> Iterator[tuple[int, ...]]:
    """The positions of the groups that stand side by side, page by page; at least one a page."""
    page: list[int] = []
    used = _label_width(table)
    for place in range(len(table.groups)):
        need = sum(1 + digits + marks for digits, marks in _widths(table, place))
        if page and used + need > width:
            yield tuple(page)
            page, used = [], _label_width(table)
        page.append(place)
        used += need
    if page:
        yield tuple(page)


def _label_width(table: Table) -> int:
    rows = [row for block in table.blocks for row in block.rows]
    least = len(" · ours - paper") if any(row.published for row in rows) else 4
    return max((length for length in (least, *(len(_label(row)) for row in rows)) if length <= LABEL), default=4)


def _label(row: Row) -> str:
    return f" {row.label}{row.marks}"


def _widths(table: Table, place: int) -> list[tuple[int, int]]:
    """Of each column of one group: the widths of its numbers, and of the star and marks after them."""
    group = table.groups[place]
    columns = []
    for column in range(len(group.columns)):
        cells = [_cell(row, table, place, column) for block in table.blocks for row in block.rows]
        entries = [cell for cell in cells if cell is not None]
        after = max((_after(entry) for entry in entries), default=0)
        heads = (len(head) - after for head in (_head(group, column), group.columns[column].head))
        numbers = (len(text) for entry in entries for text in (number(entry), _printed(entry), difference(entry)))
        columns.append((max(*heads, *numbers), after))
    return columns


def _after(entry: Entry) -> int:
    """How many signs follow the number, or the published one below it."""
    beside = entry.published.marks if entry.published else ""
    return max(len(entry.signs) + entry.best, len(beside))


def _printed(entry: Entry) -> str:
    return entry.published.printed if entry.published else ""


def _head(group: Group, column: int) -> str:
    """The task's name stands over the middle one of its columns."""
    return group.task + group.marks if column == len(group.columns) // 2 else ""


def _cell(row: Row, table: Table, place: int, column: int) -> Entry | None:
    """The entry of a row in a column of a group; None where a spanning entry stands in another column."""
    if row.spans:
        return row.entries[place] if column == len(table.groups[place].columns) // 2 else None
    before = sum(len(group.columns) for group in table.groups[:place])
    return row.entries[before + column]


def _sheet(table: Table, places: Sequence[int], width: int, *, stars: bool) -> Iterator[Text]:
    """The lines of one page: the heads of these groups, a rule, and every row."""
    columns = [(place, column, *size) for place in places for column, size in enumerate(_widths(table, place))]
    label = _label_width(table)
    for level, left in enumerate(("", "kept")):
        text = left.ljust(label)
        for place, column, digits, marks in columns:
            group = table.groups[place]
            head = (_head(group, column), group.columns[column].head)[level]
            text += " " + head.rjust(digits).ljust(digits + marks)
        yield Text(text.rstrip(), style="" if level else "bold")
    yield Text("─" * min(width, label + sum(1 + digits + marks for _, _, digits, marks in columns)))
    for block in table.blocks:
        yield Text(block.title, style="italic")
        for row in block.rows:
            text = _label(row)
            if len(text) > label:
                yield from _wrapped(text, width, indent="   ")
                text = ""
            line = Text(text.ljust(label))
            for place, column, digits, marks in columns:
                line.append_text(_text(_cell(row, table, place, column), digits, marks, stars=stars))
            line.rstrip()
            yield line
            if row.published:
                yield from _beside(row, table, columns, label)


def _text(entry: Entry | None, digits: int, marks: int, *, stars: bool) -> Text:
    """A cell after a blank: the number, right-aligned; a star or bold for the best; the marks."""
    if entry is None:
        return Text(" " * (1 + digits + marks))
    figure = number(entry)
    text = Text(" " * (1 + digits - len(figure))).append(figure, style="bold" if entry.best else "")
    after = ("*" if entry.best and stars else "") + entry.signs
    return text.append(after.ljust(marks))


def _beside(row: Row, table: Table, columns: Sequence[tuple[int, int, int, int]], label: int) -> Iterator[Text]:
    """The published numbers below ours, and ours minus them."""
    lines = [" · paper".ljust(label), " · ours - paper".ljust(label)]
    empty = True
    for place, column, digits, marks in columns:
        entry = _cell(row, table, place, column) or Entry()
        after = (entry.published.marks if entry.published else "").ljust(marks)
        empty &= entry.published is None
        lines[0] += " " + _printed(entry).rjust(digits) + after
        lines[1] += " " + difference(entry).rjust(digits) + " " * marks
    if not empty:  # of this page
        yield from (Text(line.rstrip(), style="dim") for line in lines if line[label:].strip())
