"""A table in GitHub's Markdown: one pipe table, the caption and the footnotes below."""

from reports.tables.table import Entry, Table, number, published


def render(table: Table) -> str:
    """The table as Markdown text that ends with a newline."""
    heads = [
        f"{_escaped(group.task)}{group.marks} {_escaped(column.head)}"
        for group in table.groups
        for column in group.columns
    ]
    lines = [f"**{_escaped(table.title)}**", "", _line(["method", *heads]), _line(["---", *["---:"] * len(heads)])]
    for block in table.blocks:
        lines.append(_line([f"*{_escaped(block.title)}*", *[""] * len(heads)]))
        for row in block.rows:
            lines.append(_line([_escaped(row.label) + row.marks, *map(_cell, table.spread(row))]))
            if row.published:
                lines.append(_line(["paper (ours - paper)", *map(_beside, table.spread(row))]))
    lines += ["", _escaped(table.words)]
    lines += [f"\n{mark + ' ' if mark else ''}{_escaped(sentence)}" for mark, sentence in table.footnotes]
    return "\n".join(lines) + "\n"


def _cell(entry: Entry | None) -> str:
    if entry is None:
        return ""
    text = number(entry)
    return (f"**{text}**" if entry.best else text) + entry.signs


def _beside(entry: Entry | None) -> str:
    marks = entry.published.marks if entry and entry.published else ""
    return _escaped(published(entry)) + marks


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escaped(text: str) -> str:
    """Keep the signs that Markdown would read: a pipe would end the cell, an underscore set it in italics."""
    for sign in "\\|*_`<[]":
        text = text.replace(sign, "\\" + sign)
    return " ".join(text.split())
