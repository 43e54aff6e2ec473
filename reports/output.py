"""Where words go: tables and facts to standard output, everything else to standard error."""

import os
import sys
from pathlib import Path

from rich.console import Console, RenderableType

from reports import render_csv, render_markdown, render_text
from reports.faults import UsageError
from reports.tables.table import Table

PLAIN_WIDTH = 80  # characters a line where there is no terminal to ask
FORMATS = ("md", "csv", "text")


def console() -> Console:
    """Standard output, 80 characters wide and without colours where it is no terminal."""
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False)


def show(*parts: RenderableType) -> None:
    """Print to standard output; text is printed as it is, without markup."""
    target = console()
    for part in parts:
        target.print(part, markup=False, soft_wrap=isinstance(part, str) and not target.is_terminal)


def show_table(table: Table) -> None:
    """Print a table; the best is bold on a terminal and starred elsewhere."""
    target = console()
    for line in render_text.render(table, target.width, stars=not target.is_terminal):
        target.print(line, soft_wrap=True)


def formatted(table: Table, form: str) -> str:
    """The table as text in one of `FORMATS`, ending with a newline."""
    if form == "md":
        return render_markdown.render(table)
    if form == "csv":
        return render_csv.render(table)
    lines = render_text.render(table, PLAIN_WIDTH, stars=True)
    return "\n".join(line.plain for line in lines) + "\n"


def write(path: Path, text: str) -> Path:
    """Write a whole file or nothing; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(text, encoding="utf-8", newline="")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def check_format(form: str) -> None:
    """Refuse a format that is none of `FORMATS` with a `UsageError`."""
    if form not in FORMATS:
        raise UsageError(f"--format is one of {', '.join(FORMATS)}, got '{form}'; leave it out for text")
