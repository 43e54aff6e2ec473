"""The program itself, to which each file of commands adds its own."""

import typer

app = typer.Typer(
    help="Weighs language-model compression methods on one scale.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
