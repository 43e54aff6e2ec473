"""Commands that read results: report, export."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from reports import faults
from weighin.face import app
from weighin.options import RUNS, AsJson, Paper, ReportName, Runs
from weighin.saying import print_json, print_picture, print_table, say, told


@app.command()
def report(
    table: ReportName,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="FORMAT", help="Table: text, md, csv, latex, html. Figure: all or png, svg, pdf."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Write here. Else tables are printed, figures and the page go beside the records."
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="With 'all': write nothing, say which files do not fit the records.")
    ] = False,
    runs: Runs = RUNS,
    backbone: Annotated[str | None, typer.Option(help="Only records of this backbone.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Only records of this protocol.")] = None,
    tasks: Annotated[str | None, typer.Option(help="Only these tasks.")] = None,
    methods: Annotated[str | None, typer.Option(help="Only these methods.")] = None,
    budgets: Annotated[str | None, typer.Option(help="Only these shares of kept weights.")] = None,
    paper: Paper = None,
    json: AsJson = False,
) -> None:
    """Print a table, or draw a figure, from the records there are; or write all of them, or a page, into a folder."""
    with told():
        from reports import blueprints, figures, output, selection
        from reports.figures.picture import Picture

        chosen = {"--format": form, "--tasks": tasks, "--methods": methods, "--budgets": budgets}
        if table == "all":
            _report_all(out or runs.parent / "reports", runs, backbone, protocol, paper, check, json, chosen)
            return
        if table == "page":
            others = {"--backbone": backbone, "--protocol": protocol, "--paper": paper, "--check": check or None}
            _report_page(out, runs, chosen | others, json)
            return
        if check:
            raise faults.UsageError("--check is for 'weighin report all'; leave it out")
        blueprint = blueprints.get(table)
        drawable = isinstance(blueprint, figures.Blueprint)
        files = output.picture_files(table, form, out, runs) if drawable else ()
        printed = "" if drawable else output.check_format(form)
        drawn = selection.drawn(
            blueprint,
            runs,
            backbone=backbone,
            protocol=protocol,
            tasks=tasks,
            methods=methods,
            budgets=budgets,
            paper=paper,
        )
        if isinstance(drawn, Picture):
            print_picture(drawn, files, {"written": files} if json else None)
        else:
            print_table(drawn, printed, out, json)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The file to write.")], runs: Runs = RUNS
) -> None:
    """Write all records as CSV, a line each."""
    with told():
        from benchmarks.records import frame
        from reports import output, selection

        records = selection.read(runs, inspected=False)
        output.write(file, frame(records).to_csv(index=False, lineterminator="\n"))
        say(f"written: {file} ({len(records)} records)")


def _report_page(out: Path | None, runs: Path, unwanted: Mapping[str, Any], json: bool) -> None:
    """Write the static page of all records; `unwanted` are the options it does not have."""
    from reports.page import site

    written = site.write(runs, out, unwanted)
    if json:
        print_json({"written": written})
    else:
        say(f"written: {written[0]}")


def _report_all(
    out: Path,
    runs: Path,
    backbone: str | None,
    protocol: str | None,
    paper: bool | None,
    check: bool,
    json: bool,
    chosen: Mapping[str, str | None],
) -> None:
    """Write every table and figure, or compare those there are; the exit status is 1 where something is wrong."""
    from reports import everything, output, selection

    given = [name for name, value in chosen.items() if value is not None]
    if given:
        raise faults.UsageError(f"'all' chooses among records by --backbone and --protocol, got {', '.join(given)}")
    if out.exists() and not out.is_dir():
        raise faults.UsageError(f"--out of 'report all' is a folder, got the file {out}; name another")
    there = selection.read_found(runs)
    found = everything.scenes(there.records, backbone, protocol, there.gaps)
    if not found:
        raise faults.UsageError("no record has the backbone and protocol asked for; leave an option out")
    drawn = everything.outcomes(runs, found, paper)
    summary = everything.check(out, drawn) if check else everything.write(out, drawn)
    if json:
        print_json(summary)
    else:
        output.show(*everything.words(summary))
    for fault in (*summary.faults, *summary.differing):
        say(fault)
    if summary.faults or summary.differing:
        raise typer.Exit(1)
