"""The command line: reads what the user typed, calls the parts, prints what they give.

Everything heavy is imported inside the commands, so that help answers at once.
"""

import contextlib
import functools
import importlib
import inspect
import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer
from typer.core import TyperCommand

from reports import facts, faults

if TYPE_CHECKING:
    from benchmarks.experiment import Results
    from reports.asked import Asked
    from reports.figures.picture import Picture
    from reports.tables.table import Table

STOPPED = "stopped; the same command goes on where it was"
# The mini world's own run: minutes on two cores, and seeds enough for a standard deviation.
DEMO_TASKS, DEMO_PROTOCOL = "mini-rte,mini-mrpc", "mini"
DEMO_METHODS = "lpaf,svd-ft,up-zero,up-first,distilbert(corpus='mini',lines=2048,passes=1,batch=32,rate=1e-3)"
DEMO_BUDGETS, DEMO_SEEDS = "0.5,0.25", "1,2,3"
DEMO_WORLD = (
    "The demo compresses a miniature BERT on generated tasks; what that world is and is not: docs/mini-world.md."
)

app = typer.Typer(
    help="Weighs language-model compression methods on one scale.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
WHAT, WHERE, HOW = "What is measured", "Where things are kept", "How it runs"
TableName = Annotated[str, typer.Argument(metavar="NAME", help="The table or figure, e.g. table2, figure2.")]
ReportName = Annotated[str, typer.Argument(metavar="NAME", help="A table or figure (table2), 'all' or 'page'.")]
Backbone = Annotated[str, typer.Option(help="'mini', a folder, or a hub id (id@revision).", rich_help_panel=WHAT)]
Data = Annotated[
    str | None,
    typer.Option(help="Folder with the tasks' data, or 'hub'; mini tasks need none.", rich_help_panel=WHAT),
]
Tasks = Annotated[str | None, typer.Option(help="Tasks, with commas: rte,mrpc.", rich_help_panel=WHAT)]
Methods = Annotated[
    str | None,
    typer.Option(
        help="Methods, with commas: 'lpaf,lpaf(rank=20)', or 'all'; the dense reference is added.",
        rich_help_panel=WHAT,
    ),
]
Budgets = Annotated[
    str | None, typer.Option(help="Shares of the encoder's weights that stay: 0.5,0.25.", rich_help_panel=WHAT)
]
Seeds = Annotated[str | None, typer.Option(help="Seeds, with commas: 1,2,3.", rich_help_panel=WHAT)]
Protocol = Annotated[
    str | None,
    typer.Option(
        help="Training protocol: paper, quick (the default), mini (that of mini tasks).", rich_help_panel=WHAT
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change the protocol: lr=3e-5; repeatable.", rich_help_panel=WHAT
    ),
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE.py", help="A file with METHODS; repeatable.", rich_help_panel=WHAT),
]
Store = Annotated[Path, typer.Option(envvar="WEIGHIN_STORE", help="Finished stages.", rich_help_panel=WHERE)]
Runs = Annotated[Path, typer.Option(help="Records.", rich_help_panel=WHERE)]
Jobs = Annotated[int, typer.Option(min=0, help="Stages at a time; 0: one for each core or GPU.", rich_help_panel=HOW)]
Engine = Annotated[
    str,
    typer.Option(
        envvar="WEIGHIN_ENGINE",
        metavar="local|dask[:WHERE]",
        help="Where stages run: 'local', 'dask', 'dask:ADDRESS', 'dask:CLUSTER.yaml'.",
        rich_help_panel=HOW,
    ),
]
Packing = Annotated[int, typer.Option(min=1, help="Stages that share an accelerator.", rich_help_panel=HOW)]
Timed = Annotated[
    bool,
    typer.Option("--latency", help="Time each model's forward pass too, alone on the machine.", rich_help_panel=WHAT),
]
Retry = Annotated[bool, typer.Option("--retry-failed", help="Try failed stages again.", rich_help_panel=HOW)]
Paper = Annotated[
    bool | None,
    typer.Option(
        "--paper/--no-paper", help="The paper's numbers beside ours; unless said, where it has any of the cells."
    ),
]
TunedFile = Annotated[
    str | None,
    typer.Option(
        "--tuned",
        metavar="[FILE.json]",
        help="Use the values that 'tune' chose; without a file those of the table.",
        rich_help_panel=WHAT,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print facts as JSON.", rich_help_panel=HOW)]

STORE, RUNS = Path("results/store"), Path("results/runs")
TABLE_FILE = "the table's own"


class FileOrNot(TyperCommand):
    """A command whose option `--tuned` may stand alone: what follows is its file only if it ends in '.json'."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the file's place-holder where the option stands alone."""
        words: list[str] = []
        for place, word in enumerate(args):
            words.append(word)
            if word == "--tuned" and not "".join(args[place + 1 : place + 2]).endswith(".json"):
                words.append(TABLE_FILE)
        return super().parse_args(ctx, words)


Asking: TypeAlias = Callable[..., "Asked"]
"""Given a table or figure, and fields of `Asked`: what the user asked for by the options below."""


def _questions(
    backbone: Backbone = "mini",
    data: Data = None,
    tasks: Tasks = None,
    methods: Methods = None,
    budgets: Budgets = None,
    seeds: Seeds = None,
    protocol: Protocol = None,
    changes: Set = None,
    plugin: Plugins = None,
) -> Asking:
    """The options that describe an experiment, whatever is done with it."""

    def ask(table: str, **more: Any) -> "Asked":
        from reports.asked import Asked

        return Asked(
            table, backbone, data, tasks, methods, budgets, seeds, protocol, changes or (), plugin or (), **more
        )

    return ask


def asks(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of `_questions` in place of its parameter `ask`."""
    questions = inspect.signature(_questions).parameters
    shown: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        shown += questions.values() if parameter.name == "ask" else [parameter]

    @functools.wraps(command)
    def call(**given: Any) -> None:
        answers = {name: given.pop(name) for name in questions}
        command(ask=_questions(**answers), **given)

    named = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in shown]
    call.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]  # where typer looks
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in named}
    return call


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
    with _told():
        from reports import asked, output
        from reports.figures.picture import Picture

        chosen = None if tuned is None else _tuned(tuned, table, runs)
        experiment = ask(table, latency=latency, tuned=chosen).experiment()
        results, drawn = experiment.measure(
            store, runs, jobs, retry_failed=retry_failed, engine=engine, packing=packing
        )
        if isinstance(drawn, Picture):
            files = output.picture_files(table, None, None, runs)
            _print_picture(drawn, files, {**asked.counts(results), "written": files} if json else None)
        elif json:
            _print_json({**asked.counts(results), "table": drawn})
        else:
            output.show_table(drawn)
        _end(results)


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
    with _told():
        from benchmarks.experiment import plan as planned
        from reports import output, states

        experiment = ask(table, latency=latency).experiment()
        found = planned(experiment.cells, experiment.options, store=store, jobs=jobs)
        if json:
            _print_json(states.plan_facts(found))
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
    with _told():
        _say(DEMO_WORLD)
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
            _print_json({**asked.counts(results), "written": written, "table": drawn})
        else:
            output.show_table(drawn)
            output.show("", "Written:", *(f"  {path}" for path in written))
        _end(results)


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
    with _told():
        from benchmarks.tuning.search import Request
        from reports import output, tuned, tuning

        with faults.usage(ValueError):
            request = Request(trials, timeout, sampler, pruner, select, seed)
        found = tuning.Tuning.asked(
            ask(table),
            request,
        )
        if dry_run:
            expected = found.forecast(store, jobs)
            if json:
                _print_json(tuned.forecast_data(*expected))
            else:
                output.show(*tuned.forecast_words(*expected))
            return
        file = tuning.file_of(runs, table)
        certificates, halted = found.run(
            store, storage, file, jobs, retry_failed=retry_failed, engine=engine, packing=packing
        )
        if json:
            _print_json({"written": file, "halted": halted, "certificate": tuned.as_data(certificates)})
        else:
            output.show(*tuned.words(certificates))
            _say(f"written: {file}")
        for reason in halted:
            _say(f"{reason}; the same command asks its trial again")
        if halted:
            raise typer.Exit(1)


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
    with _told():
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
            _print_picture(drawn, files, {"written": files} if json else None)
        else:
            _print_table(drawn, printed, out, json)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The file to write.")], runs: Runs = RUNS
) -> None:
    """Write all records as CSV, a line each."""
    with _told():
        from benchmarks.records import frame
        from reports import output, selection

        records = selection.read(runs, inspected=False)
        output.write(file, frame(records).to_csv(index=False, lineterminator="\n"))
        _say(f"written: {file} ({len(records)} records)")


@app.command()
def status(
    store: Store = STORE,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every second until Ctrl-C.")] = False,
    json: AsJson = False,
) -> None:
    """Say what is done, running and failed, and when it will be finished."""
    with _told("no longer watching"):
        from benchmarks import status as state
        from benchmarks.store import Store as Artifacts
        from reports import output, states

        kept = Artifacts(store)
        if json:
            _print_json(state.status(kept))
        elif watch and sys.stdout.isatty():
            states.watch(lambda: state.status(kept), output.console())
        else:
            output.show(*states.of_status(state.status(kept)))


@app.command()
@asks
def why(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A stage's key, or its first digits.")],
    ask: Asking,
    table: Annotated[
        str | None,
        typer.Argument(metavar="[TABLE]", help="With the options of a run: explain a stage that is not made yet."),
    ] = None,
    store: Store = STORE,
    runs: Runs = RUNS,
    json: AsJson = False,
) -> None:
    """Describe a stage and its inputs; if it will be computed again, which input changed."""
    with _told():
        from benchmarks.packs import known_manifests
        from benchmarks.store import Store as Artifacts
        from benchmarks.why import UnknownKeyError, explain

        planned = {}
        if table is not None:
            planned = ask(table).experiment().stages()
        with faults.usage(UnknownKeyError):
            found = explain(key, Artifacts(store), planned, known_manifests(runs))
        _facts(found, json)


@app.command()
def pack(
    out: Annotated[Path, typer.Argument(metavar="OUT.tar.zst", help="The file to write.")],
    runs: Runs = RUNS,
    store: Store = STORE,
    json: AsJson = False,
) -> None:
    """Pack records, predictions and manifests, without weights, to be merged with another lab's."""
    with _told():
        from benchmarks import packs
        from benchmarks.store import Store as Artifacts
        from reports import output, upkeep

        with faults.usage(packs.PackError):
            made = packs.pack(out, runs, Artifacts(store))
        if json:
            _print_json(made)
        else:
            output.show(*upkeep.of_pack(made))


@app.command()
def merge(
    files: Annotated[list[Path], typer.Argument(metavar="PACK...", help="Files of 'weighin pack'.")],
    runs: Runs = RUNS,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and tell; write nothing.")] = False,
    json: AsJson = False,
) -> None:
    """Join packs with the records; refuses what contradicts them, and anything that is not plain results."""
    with _told("stopped; each record is as it was or wholly new, and the same command goes on"):
        from benchmarks import packs
        from reports import output, upkeep

        with faults.usage(packs.PackError):
            merged = packs.merge(files, runs, dry_run=dry_run)
        if json:
            _print_json(merged)
        else:
            output.show(*upkeep.of_merge(merged))


@app.command()
def doctor(
    store: Store = STORE,
    runs: Runs = RUNS,
    data: Annotated[str | None, typer.Option(help="Look at this folder of task data too.")] = None,
    backbone: Annotated[str | None, typer.Option(help="Look at this encoder too: a folder, a known name.")] = None,
    thorough: Annotated[bool, typer.Option("--thorough", help="Hash every file of the store.")] = False,
    json: AsJson = False,
) -> None:
    """Check environment, machine, store, records and data; say what to do about each finding."""
    with _told("stopped; nothing was changed"):
        from benchmarks.upkeep import doctor as examination
        from reports import output, upkeep

        found = examination.examine(store, runs, data=data, backbone=backbone, thorough=thorough)
        if json:
            _print_json(examination.facts(found))
        else:
            output.show(*upkeep.of_findings(found))
        if any(one.level == "fault" for one in found):
            raise typer.Exit(1)


@app.command()
@asks
def clean(
    ask: Asking,
    table: Annotated[
        str | None,
        typer.Argument(metavar="[TABLE]", help="Keep what this table, with the options of a run, needs."),
    ] = None,
    store: Store = STORE,
    runs: Runs = RUNS,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without, nothing is removed.")] = False,
    json: AsJson = False,
) -> None:
    """Tell which artifacts no record or plan needs, and with --yes remove them; predictions and records stay."""
    with _told("stopped; each artifact is whole or gone, and the same command goes on"):
        from benchmarks.store import Store as Artifacts
        from benchmarks.upkeep import clean as cleaning
        from reports import output, upkeep

        needed = None
        if table is not None:
            needed = ask(table).experiment().stages()
        kept = Artifacts(store)
        with faults.usage(ValueError):
            found = cleaning.survey(kept, runs, needed)
        freed = cleaning.remove(kept, found) if yes else None
        if json:
            _print_json({"freed": freed, "survey": found, "size": found.size})
        else:
            output.show(*upkeep.of_cleaning(found, freed))


@app.command()
def claims(runs: Runs = RUNS, json: AsJson = False) -> None:
    """Judge the paper's claims and its published cells by the records: replicated, inconclusive or contradicted."""
    with _told():
        from reports import claims as judgements
        from reports import output, selection

        found = judgements.of_records(selection.read(runs), runs)
        if json:
            _print_json(judgements.as_data(*found))
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
    with _told():
        from reports import lint_paper as checks
        from reports import output

        found = checks.lint_files(files or ())
        if json:
            _print_json(checks.as_data(found))
        else:
            output.show(*checks.words(found))


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
    with _told():
        from reports import comparison, comparison_words, output, selection

        records = selection.choose(selection.read(runs), backbone, protocol)
        found = comparison.compare(records, runs, first, second, task, budget)
        if json:
            _print_json(comparison_words.as_data(found))
        else:
            output.show(*comparison_words.words(found))


@app.command()
def methods(plugin: Plugins = None, json: AsJson = False) -> None:
    """List the methods with their sources."""
    with _told():
        import methods as registry
        from benchmarks.tuning.space import as_data
        from reports import plugins

        plugins.load(plugin or ())
        rows = [
            {
                "name": name,
                "label": one.title(),
                "family": one.family,
                "source": one.source,
                "knobs": one.knobs(),
                "space": as_data(one.searched()),
            }
            for name, one in registry.available().items()
        ]
        _list(rows, ("name", "family", "source"), json)


@app.command()
def tasks(json: AsJson = False) -> None:
    """List the tasks with their sources."""
    with _told():
        from benchmarks import tasks as registry

        rows = [
            {"name": name, "kind": task.kind, "metric": task.metric, "source": task.source, "hub": task.hub}
            for name, task in registry.available().items()
        ]
        _list(rows, ("name", "metric", "source"), json)


@app.command()
def backbones(json: AsJson = False) -> None:
    """List the encoders that have a short name; a folder or any hub id will do as well."""
    with _told():
        from benchmarks.backbones.known import KNOWN

        rows = [{"name": known.name, "hub": known.hub, "source": known.source} for known in KNOWN]
        _list(rows, ("name", "source", "hub"), json)


@app.command()
def check(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="A method of the list or of a plugin.")],
    plugin: Plugins = None,
    json: AsJson = False,
) -> None:
    """Run the contract tests on one method, also one from outside."""
    with _told():
        import methods as registry
        from benchmarks import checks
        from reports import output, plugins

        plugins.load(plugin or ())
        with faults.usage(registry.UnknownMethodError):
            registry.get(method)
        results = checks.check(method, plugins=tuple(plugin or ()))
        if json:
            _print_json(results)
        else:
            output.show(*facts.verdicts(results))
        if not all(one.passed for one in results):
            raise typer.Exit(1)


@app.command()
def bench(
    what: Annotated[
        Literal["train", "factorize", "prune", "distil", "harness"],
        typer.Argument(help="The part that is measured."),
    ],
    json: AsJson = False,
) -> None:
    """Measure our speed against the usual ways, side by side in one run."""
    with _told():
        with faults.usage(ModuleNotFoundError):  # the other side of a comparison may be missing
            found = importlib.import_module(f"benchmarks.bench.{what}").compare()
        _facts(found, json)


@contextlib.contextmanager
def _told(stopped: str = STOPPED) -> Iterator[None]:
    """Turn what goes wrong outside of this program into sentences and an exit status."""
    try:
        yield
    except KeyboardInterrupt:
        _say(stopped)
        raise typer.Exit(130) from None
    except Exception as fault:
        status = faults.status(fault)
        if status is None:
            raise
        _say(str(fault))
        raise typer.Exit(status) from None


def _tuned(given: str, table: str, runs: Path) -> Path:
    """The file of chosen values: the one given, or the table's."""
    from reports import tuning

    return tuning.file_of(runs, table) if given == TABLE_FILE else Path(given)


def _end(results: "Results") -> None:
    """Say which cells failed; the exit status says it too."""
    from reports import asked

    for reason in asked.reasons(results):
        _say(reason)
    if results.failed or results.untimed:
        raise typer.Exit(1)


def _report_page(out: Path | None, runs: Path, unwanted: Mapping[str, Any], json: bool) -> None:
    """Write the static page of all records; `unwanted` are the options it does not have."""
    from reports.page import site

    written = site.write(runs, out, unwanted)
    if json:
        _print_json({"written": written})
    else:
        _say(f"written: {written[0]}")


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
    if out.exists() and not out.is_dir():
        raise faults.UsageError(f"--out of 'report all' is a folder, got the file {out}; name another")
    there = selection.read_found(runs)
    found = everything.scenes(there.records, backbone, protocol, there.gaps)
    if not found:
        raise faults.UsageError("no record has the backbone and protocol asked for; leave an option out")
    drawn = everything.outcomes(runs, found, paper)
    summary = everything.check(out, drawn) if check else everything.write(out, drawn)
    if json:
        _print_json(summary)
    else:
        output.show(*everything.words(summary))
    for fault in (*summary.faults, *summary.differing):
        _say(fault)
    if summary.faults or summary.differing:
        raise typer.Exit(1)


def _print_table(drawn: "Table", form: str, out: Path | None, json: bool) -> None:
    from reports import output

    if out is not None:
        output.write(out, facts.as_json(drawn) + "\n" if json else output.formatted(drawn, form))
        _say(f"written: {out}")
    elif json:
        _print_json(drawn)
    elif form == "text":
        output.show_table(drawn)
    else:
        typer.echo(output.formatted(drawn, form), nl=False)


def _print_picture(drawn: "Picture", files: Sequence[Path], more: Mapping[str, Any] | None) -> None:
    """Write a figure's files and print its words, or with `more` its facts as JSON."""
    from reports import output

    output.write_picture(drawn, files)
    if more is None:
        output.show_picture(drawn)
        _say(f"written: {', '.join(map(str, files))}")
    else:
        _print_json({**more, "figure": drawn.facts()})


def _list(rows: Sequence[Mapping[str, Any]], heads: Sequence[str], json: bool) -> None:
    from reports import output

    if json:
        _print_json(rows)
    else:
        output.show(facts.columns(rows, heads))


def _facts(found: Mapping[str, Any], json: bool) -> None:
    from reports import output

    if json:
        _print_json(found)
    else:
        output.show(*facts.lines(found))


def _print_json(value: Any) -> None:
    typer.echo(facts.as_json(value))


def _say(words: str) -> None:
    """To standard error, which is for people."""
    for line in words.splitlines():
        typer.echo(f"weighin: {line}", err=True)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # '±' where the terminal has no such sign
    app()


if __name__ == "__main__":
    main()
