"""The options that commands share, and what describes an experiment on every command line."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from reports.asked import Asked

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
