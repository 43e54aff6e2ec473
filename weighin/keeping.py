"""Commands about what is kept: status, why, pack, merge, doctor, clean."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from reports import faults
from weighin.face import app
from weighin.options import RUNS, STORE, AsJson, Asking, Runs, Store, asks
from weighin.saying import print_facts, print_json, told


@app.command()
def status(
    store: Store = STORE,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every second until Ctrl-C.")] = False,
    json: AsJson = False,
) -> None:
    """Say what is done, running and failed, and when it will be finished."""
    with told("no longer watching"):
        from benchmarks import status as state
        from benchmarks.store import Store as Artifacts
        from reports import output, states

        kept = Artifacts(store)
        if json:
            print_json(state.status(kept))
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
    with told():
        from benchmarks.packs import known_manifests
        from benchmarks.store import Store as Artifacts
        from benchmarks.why import UnknownKeyError, explain

        planned = {}
        if table is not None:
            planned = ask(table).experiment().stages()
        with faults.usage(UnknownKeyError):
            found = explain(key, Artifacts(store), planned, known_manifests(runs))
        print_facts(found, json)


@app.command()
def pack(
    out: Annotated[Path, typer.Argument(metavar="OUT.tar.zst", help="The file to write.")],
    runs: Runs = RUNS,
    store: Store = STORE,
    json: AsJson = False,
) -> None:
    """Pack records, predictions and manifests, without weights, to be merged with another lab's."""
    with told():
        from benchmarks import packs
        from benchmarks.store import Store as Artifacts
        from reports import output, upkeep

        with faults.usage(packs.PackError):
            made = packs.pack(out, runs, Artifacts(store))
        if json:
            print_json(made)
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
    with told("stopped; each record is as it was or wholly new, and the same command goes on"):
        from benchmarks import packs
        from reports import output, upkeep

        with faults.usage(packs.PackError):
            merged = packs.merge(files, runs, dry_run=dry_run)
        if json:
            print_json(merged)
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
    with told("stopped; nothing was changed"):
        from benchmarks.upkeep import doctor as examination
        from reports import output, upkeep

        found = examination.examine(store, runs, data=data, backbone=backbone, thorough=thorough)
        if json:
            print_json(examination.facts(found))
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
    with told("stopped; each artifact is whole or gone, and the same command goes on"):
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
            print_json({"freed": freed, "survey": found, "size": found.size})
        else:
            output.show(*upkeep.of_cleaning(found, freed))
