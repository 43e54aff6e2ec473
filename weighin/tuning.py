"""The command that searches: tune."""

from typing import Annotated, Literal

import typer

from weighin.face import app
from weighin.options import (
    HOW,
    RUNS,
    STORE,
    WHAT,
    WHERE,
    AsJson,
    Asking,
    Engine,
    Jobs,
    Packing,
    Retry,
    Runs,
    Store,
    TableName,
    asks,
)
from weighin.saying import print_json, say, told


@app.command()
@asks
def tune(
    table: TableName,
    ask: Asking,
    trials: Annotated[int, typer.Option(help="Points tried for each cell of the table.", rich_help_panel=HOW)] = 18,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="HOURS", help="Training hours each cell's search may use.", rich_help_panel=HOW),
    ] = None,
    sampler: Annotated[
        Literal["grid", "tpe", "random"], typer.Option(help="How points are chosen.", rich_help_panel=HOW)
    ] = "tpe",
    pruner: Annotated[
        Literal["none", "median", "hyperband"],
        typer.Option(help="Which trials end after one of their seeds.", rich_help_panel=HOW),
    ] = "none",
    select: Annotated[
        Literal["heldout", "dev"],
        typer.Option(help="Score on held-out training rows, or on the development set.", rich_help_panel=WHAT),
    ] = "heldout",
    seed: Annotated[int, typer.Option(help="Of the points and of the held-out rows.", rich_help_panel=HOW)] = 0,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Optuna storage; else an SQLite file beside the store.", rich_help_panel=WHERE
        ),
    ] = None,
    store: Store = STORE,
    runs: Runs = RUNS,
    jobs: Jobs = 0,
    engine: Engine = "local",
    packing: Packing = 1,
    retry_failed: Retry = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be tried and how long it takes.", rich_help_panel=HOW)
    ] = False,
    json: AsJson = False,
) -> None:
    """Search each method's own space, all with equal budgets; the values chosen serve 'run --tuned'."""
    with told():
        from reports import output, tuned, tuning

        found = tuning.Tuning.asked(
            ask(table), trials=trials, hours=timeout, sampler=sampler, pruner=pruner, select=select, seed=seed
        )
        if dry_run:
            expected = found.forecast(store, jobs)
            if json:
                print_json(tuned.forecast_data(*expected))
            else:
                output.show(*tuned.forecast_words(*expected))
            return
        file = tuning.file_of(runs, table)
        certificates, halted = found.run(
            store, storage, file, jobs, retry_failed=retry_failed, engine=engine, packing=packing
        )
        if json:
            print_json({"written": file, "halted": halted, "certificate": tuned.as_data(certificates)})
        else:
            output.show(*tuned.words(certificates))
            say(f"written: {file}")
        for reason in halted:
            say(f"{reason}; the same command asks its trial again")
        if halted:
            raise typer.Exit(1)
