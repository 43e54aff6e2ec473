"""Where words go: tables and facts to standard output, everything else to standard error."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, RenderableType

from reports import render_csv, render_html, render_latex, render_markdown, render_text
from reports.faults import UsageError
from reports.figures.canvas import FORMS, save
from reports.figures.picture import Picture
from reports.tables.table import Table

PLAIN_WIDTH = 80  # characters a line where there is no terminal to ask
FORMATS = ("md", "csv", "text", "latex", "html")
PICTURES = (*FORMS, "all")


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
    renderers = {
        "md": render_markdown.render,
        "csv": render_csv.render,
        "latex": render_latex.render,
        "html": render_html.render,
    }
    if form in renderers:
        return renderers[form](table)
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


def check_format(form: str | None) -> str:
    """The format of a table, text where none is given; one that is none of `FORMATS` is a `UsageError`."""
    if form is not None and form not in FORMATS:
        raise UsageError(f"--format is one of {', '.join(FORMATS)}, got '{form}'; leave it out for text")
    return form or "text"


def picture_files(name: str, form: str | None, out: Path | None, runs: Path) -> tuple[Path, ...]:
    """The files a figure is written to.

    Args:
        name: The figure, which is the files' name where `out` gives none.
        form: One of `PICTURES`; None: what the ending of `out` says, else all.
        out: A file; an ending is added where it has none of a picture.
        runs: The records' folder; files without a name of their own go into `figures` beside it.

    Raises:
        UsageError: No such format, an ending of no picture, or two that contradict each other.
    """
    if form is not None and form not in PICTURES:
        raise UsageError(f"--format of a figure is one of {', '.join(PICTURES)}, got '{form}'; leave it out for all")
    ending = "" if out is None else out.suffix.removeprefix(".")
    if ending and ending not in FORMS:
        raise UsageError(f"--out of a figure ends in .{', .'.join(FORMS)}, got {out}; or leave the ending out")
    if ending and form not in (None, ending):
        raise UsageError(f"--out and --format agree, got {out} and {form}; leave one out")
    base = (runs.parent / "figures" / name) if out is None else out.with_suffix("")
    return tuple(
        base.with_suffix(f".{one}")
        for one in FORMS
        if one == (ending or form) or (not ending and form in (None, "all"))
    )


def show_picture(picture: Picture) -> None:
    """Print a figure's words."""
    show(picture.caption, *picture.footnotes)


def write_picture(picture: Picture, files: Sequence[Path]) -> None:
    """Write the figure's files, each whole or not at all."""
    for path in files:
        save(picture.figure, path)
