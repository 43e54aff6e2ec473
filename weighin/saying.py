"""What every command prints, and how what goes wrong is told."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from reports import facts, faults

if TYPE_CHECKING:
    from benchmarks.experiment import Results
    from reports.figures.picture import Picture
    from reports.tables.table import Table

STOPPED = "stopped; the same command goes on where it was"


@contextlib.contextmanager
def told(stopped: str = STOPPED) -> Iterator[None]:
    """Turn what goes wrong outside of this program into sentences and an exit status."""
    try:
        yield
    except KeyboardInterrupt:
        say(stopped)
        raise typer.Exit(130) from None
    except Exception as fault:
        status = faults.status(fault)
        if status is None:
            raise
        say(str(fault))
        raise typer.Exit(status) from None


def end(results: "Results") -> None:
    """Say which cells failed; the exit status says it too."""
    from reports import asked

    for reason in asked.reasons(results):
        say(reason)
    if results.failed or results.untimed:
        raise typer.Exit(1)


def print_table(drawn: "Table", form: str, out: Path | None, json: bool) -> None:
    """A table in one of its forms, to a file or the terminal."""
    from reports import output

    if out is not None:
        output.write(out, facts.as_json(drawn) + "\n" if json else output.formatted(drawn, form))
        say(f"written: {out}")
    elif json:
        print_json(drawn)
    elif form == "text":
        output.show_table(drawn)
    else:
        typer.echo(output.formatted(drawn, form), nl=False)


def print_picture(drawn: "Picture", files: Sequence[Path], more: Mapping[str, Any] | None) -> None:
    """Write a figure's files and print its words, or with `more` its facts as JSON."""
    from reports import output

    output.write_picture(drawn, files)
    if more is None:
        output.show_picture(drawn)
        say(f"written: {', '.join(map(str, files))}")
    else:
        print_json({**more, "figure": drawn.facts()})


def print_list(rows: Sequence[Mapping[str, Any]], heads: Sequence[str], json: bool) -> None:
    """Rows below each other; of their columns those that `heads` name, or as JSON all."""
    from reports import output

    if json:
        print_json(rows)
    else:
        output.show(facts.columns(rows, heads))


def print_facts(found: Mapping[str, Any], json: bool) -> None:
    """Facts, a line each, or as JSON."""
    from reports import output

    if json:
        print_json(found)
    else:
        output.show(*facts.lines(found))


def print_json(value: Any) -> None:
    """Anything that has facts, as JSON on standard output."""
    typer.echo(facts.as_json(value))


def say(words: str) -> None:
    """To standard error, which is for people."""
    for line in words.splitlines():
        typer.echo(f"weighin: {line}", err=True)
