"""The command line: reads what the user typed, calls the parts, prints what they give.

Everything heavy is imported inside the commands, so that help answers at once.
"""

import importlib
import io
import sys

from weighin.face import app

__all__ = ["app", "main"]

# A file of commands each, in the order of the help.
for _group in ("measuring", "tuning", "reporting", "judging", "keeping", "listing"):
    importlib.import_module(f"weighin.{_group}")


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # '±' where the terminal has no such sign
    app()
