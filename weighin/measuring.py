"""Commands that measure: run, plan, demo."""

from pathlib import Path
from typing import Annotated

import typer

from weighin.face import app
from weighin.options import (
    RUNS,
    STORE,
    TABLE_FILE,
    WHERE,
    AsJson,
    Asking,
    Engine,
    FileOrNot,
    Jobs,
    Packing,
    Retry,
    Runs,
    Store,
    TableName,
    Timed,
    TunedFile,
    asks,
)
from weighin.saying import end, print_json, print_picture, say, told

# The mini world's own run: minutes on two cores, and seeds enough for a standard deviation.
DEMO_TASKS, DEMO_PROTOCOL = "mini-rte,mini-mrpc", "mini"
DEMO_METHODS = "lpaf,svd-ft,up-zero,up-first,distilbert(corpus='mini',lines=2048,passes=1,batch=32,rate=1e-3)"
DEMO_BUDGETS, DEMO_SEEDS = "0.5,0.25", "1,2,3"
DEMO_WORLD = (
    "The demo compresses a miniature BERT on generated tasks; what that world is and is not: docs/mini-world.md."
)


@app.command(cls=FileOrNot)
@asks
def run(
    table: TableName,
    ask: Asking,
    latency: Timed = False,
    tuned: TunedFile = None,
    store: Store = STORE,
    runs: Runs = RUNS,
    jobs: Jobs = 0,
    engine: Engine = "local",
    packing: Packing = 1,
    retry_failed: Retry = False,
    json: AsJson = False,
) -> None:
    """Measure what a table or figure needs and is not there yet, then print or draw it."""
    with told():
        from reports import asked, output
        from reports.figures.picture import Picture

        chosen = None if tuned is None else _tuned(tuned, table, runs)
        experiment = ask(table, latency=latency, tuned=chosen).experiment()
        results, drawn = experiment.measure(
            store, runs, jobs, retry_failed=retry_failed, engine=engine, packing=packing
        )
        if isinstance(drawn, Picture):
            files = output.picture_files(table, None, None, runs)
            print_picture(drawn, files, {**asked.counts(results), "written": files} if json else None)
        elif json:
            print_json({**asked.counts(results), "table": drawn})
        else:
            output.show_table(drawn)
        end(results)


@app.command()
@asks
def plan(
    table: TableName,
    ask: Asking,
    latency: Timed = False,
    store: Store = STORE,
    jobs: Jobs = 0,
    json: AsJson = False,
) -> None:
    """List the stages a run would need: shared, stored already, and the expected time. Runs nothing."""
    with told():
        from benchmarks.experiment import plan as planned
        from reports import output, states

        experiment = ask(table, latency=latency).experiment()
        found = planned(experiment.cells, experiment.options, store=store, jobs=jobs)
        if json:
            print_json(states.plan_facts(found))
        else:
            output.show(*states.of_plan(found, experiment.purposes(), len(experiment.cells), experiment.refused))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Table, figure and records.", rich_help_panel=WHERE)] = Path(
        "results/demo"
    ),
    store: Store = STORE,
    jobs: Jobs = 0,
    json: AsJson = False,
) -> None:
    """Run Table 2 on the embedded mini world: no network, a few minutes."""
    with told():
        say(DEMO_WORLD)
        from reports import asked, output
        from reports.figures import trade_off
        from reports.tables.table import Table

        experiment = asked.Asked(
            "table2",
            tasks=DEMO_TASKS,
            methods=DEMO_METHODS,
            budgets=DEMO_BUDGETS,
            seeds=DEMO_SEEDS,
            protocol=DEMO_PROTOCOL,
        ).experiment()
        results, drawn = experiment.measure(store, out / "runs", jobs)
        assert isinstance(drawn, Table)  # noqa: S101  # 'table2' is one
        written = [output.write(out / f"table2.{form}", output.formatted(drawn, form)) for form in ("md", "csv")]
        if results.records:
            written.append(trade_off.draw(results.records, out / "trade-off.png", experiment.options.methods))
        written.append(out / "runs")
        if json:
            print_json({**asked.counts(results), "written": written, "table": drawn})
        else:
            output.show_table(drawn)
            output.show("", "Written:", *(f"  {path}" for path in written))
        end(results)


def _tuned(given: str, table: str, runs: Path) -> Path:
    """The file of chosen values: the one given, or the table's."""
    from reports import tuning

    return tuning.file_of(runs, table) if given == TABLE_FILE else Path(given)
