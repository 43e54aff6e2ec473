"""A table as a fragment of HTML: one `figure` with the table, its words below; no style, no script."""

from collections.abc import Iterator
from html import escape

from reports.tables.table import Entry, Table, number, published


def render(table: Table) -> str:
    """The table as HTML that ends with a newline; every text in it is escaped."""
    return "\n".join(_lines(table)) + "\n"


def _lines(table: Table) -> Iterator[str]:
    width = 1 + sum(len(group.columns) for group in table.groups)
    yield '<figure class="weighin-table">'
    yield "<table>"
    yield f"<caption>{escape(table.title)}</caption>"
    yield "<thead>"
    tasks = [_head(group.task, "colgroup", group.marks, colspan=len(group.columns)) for group in table.groups]
    yield f"<tr>{_head('method', 'col', rowspan=2)}{''.join(tasks)}</tr>"
    heads = [_head(column.head, "col") for group in table.groups for column in group.columns]
    yield f"<tr>{''.join(heads)}</tr>"
    yield "</thead>"
    for block in table.blocks:
        yield "<tbody>"
        yield f"<tr>{_head(block.title, 'rowgroup', colspan=width)}</tr>"
        for row in block.rows:
            entries = table.spread(row)
            yield f"<tr>{_head(row.label, 'row', row.marks)}{''.join(map(_cell, entries))}</tr>"
            if row.published:
                name = f"{row.label}, paper (ours - paper)"
                head = f'<th scope="row" aria-label="{escape(name)}">paper (ours - paper)</th>'
                yield f'<tr class="paper">{head}{"".join(map(_beside, entries))}</tr>'
        yield "</tbody>"
    yield "</table>"
    yield "<figcaption>"
    yield f"<p>{escape(table.words)}</p>"
    if table.footnotes:
        yield '<ul class="footnotes">'
        for mark, sentence in table.footnotes:
            yield f"<li>{_raised(mark)}{' ' * bool(mark)}{escape(sentence)}</li>"
        yield "</ul>"
    yield "</figcaption>"
    yield "</figure>"


def _head(text: str, scope: str, marks: str = "", **spans: int) -> str:
    more = "".join(f' {name}="{count}"' for name, count in spans.items())
    return f'<th scope="{scope}"{more}>{escape(text)}{_raised(marks)}</th>'


def _raised(marks: str) -> str:
    """Marks are raised letters already; the element tells programs what they are."""
    return f'<span class="marks">{escape(marks)}</span>' if marks else ""


def _cell(entry: Entry | None) -> str:
    if entry is None:
        return "<td></td>"
    text = escape(number(entry))
    chance = "" if entry.p is None else f' title="adjusted p = {entry.p:.3g}"'
    return f"<td{chance}>{f'<strong>{text}</strong>' if entry.best else text}{_raised(entry.signs)}</td>"


def _beside(entry: Entry | None) -> str:
    marks = entry.published.marks if entry and entry.published else ""
    return f"<td>{escape(published(entry))}{_raised(marks)}</td>"
