"""Commands that list what there is, and try it: methods, tasks, backbones, check, bench."""

import importlib
from typing import Annotated, Literal

import typer

from reports import facts, faults
from weighin.face import app
from weighin.options import AsJson, Plugins
from weighin.saying import print_facts, print_json, print_list, told


@app.command()
def methods(plugin: Plugins = None, json: AsJson = False) -> None:
    """List the methods with their sources."""
    with told():
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
        print_list(rows, ("name", "family", "source"), json)


@app.command()
def tasks(json: AsJson = False) -> None:
    """List the tasks with their sources."""
    with told():
        from benchmarks import tasks as registry

        rows = [
            {"name": name, "kind": task.kind, "metric": task.metric, "source": task.source, "hub": task.hub}
            for name, task in registry.available().items()
        ]
        print_list(rows, ("name", "metric", "source"), json)


@app.command()
def backbones(json: AsJson = False) -> None:
    """List the encoders that have a short name; a folder or any hub id will do as well."""
    with told():
        from benchmarks.backbones.known import KNOWN

        rows = [{"name": known.name, "hub": known.hub, "source": known.source} for known in KNOWN]
        print_list(rows, ("name", "source", "hub"), json)


@app.command()
def check(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="A method of the list or of a plugin.")],
    plugin: Plugins = None,
    json: AsJson = False,
) -> None:
    """Run the contract tests on one method, also one from outside."""
    with told():
        import methods as registry
        from benchmarks import checks
        from reports import output, plugins

        plugins.load(plugin or ())
        with faults.usage(registry.UnknownMethodError):
            registry.get(method)
        results = checks.check(method, plugins=tuple(plugin or ()))
        if json:
            print_json(results)
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
    with told():
        with faults.usage(ModuleNotFoundError):  # the other side of a comparison may be missing
            found = importlib.import_module(f"benchmarks.bench.{what}").compare()
        print_facts(found, json)
