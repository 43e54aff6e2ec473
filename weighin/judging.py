"""Commands that judge results: compare, claims, lint-paper."""

from pathlib import Path
from typing import Annotated

import typer

from weighin.face import app
from weighin.options import RUNS, AsJson, Runs
from weighin.saying import print_json, told


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="METHOD", help="A method of the records.")],
    second: Annotated[str, typer.Argument(metavar="METHOD", help="Another.")],
    runs: Runs = RUNS,
    task: Annotated[str | None, typer.Option(help="Only this task.")] = None,
    budget: Annotated[float | None, typer.Option(help="Only this share of weights: 0.5.")] = None,
    backbone: Annotated[str | None, typer.Option(help="Only records of this backbone.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Only records of this protocol.")] = None,
    json: AsJson = False,
) -> None:
    """Compare two methods in full: differences, tests, effect, power, single examples, cost."""
    with told():
        from reports import comparison, comparison_words, output, selection

        records = selection.choose(selection.read(runs), backbone, protocol)
        found = comparison.compare(records, runs, first, second, task, budget)
        if json:
            print_json(comparison_words.as_data(found))
        else:
            output.show(*comparison_words.words(found))


@app.command()
def claims(runs: Runs = RUNS, json: AsJson = False) -> None:
    """Judge the paper's claims and its published cells by the records: replicated, inconclusive or contradicted."""
    with told():
        from reports import claims as judgements
        from reports import output, selection

        found = judgements.of_records(selection.read(runs), runs)
        if json:
            print_json(judgements.as_data(*found))
        else:
            output.show(*judgements.words(*found))


@app.command("lint-paper")
def lint_paper(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE.csv]...", help="Tables; the paper's own by default.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Check published tables by machine: which values do not reproduce from what else is printed."""
    with told():
        from reports import lint_paper as checks
        from reports import output

        found = checks.lint_files(files or ())
        if json:
            print_json(checks.as_data(found))
        else:
            output.show(*checks.words(found))
