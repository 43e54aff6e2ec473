"""A table in GitHub's Markdown: one pipe table, the caption and the footnotes below."""

from reports.tables.table import Entry, Row, Table, number


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
        lines += [_line([_escaped(row.label) + row.marks, *_cells(row, table)]) for row in block.rows]
    lines += ["", _escaped(table.caption)]
    lines += [f"\n{mark + ' ' if mark else ''}{_escaped(sentence)}" for mark, sentence in table.footnotes]
    return "\n".join(lines) + "\n"


def _cells(row: Row, table: Table) -> list[str]:
    if not row.spans:
        return [_cell(entry) for entry in row.entries]
    spread: list[str] = []
    for entry, group in zip(row.entries, table.groups, strict=True):
        around = len(group.columns) // 2
        spread += [""] * around + [_cell(entry)] + [""] * (len(group.columns) - around - 1)
    return spread


def _cell(entry: Entry) -> str:
    text = number(entry)
    return (f"**{text}**" if entry.best else text) + entry.marks


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escaped(text: str) -> str:
    """Keep the signs that Markdown would read: a pipe would end the cell, an underscore set it in italics."""
    for sign in "\\|*_`<[]":
        text = text.replace(sign, "\\" + sign)
    return " ".join(text.split())
