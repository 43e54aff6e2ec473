"""Methods from files of the user."""

from collections.abc import Sequence
from pathlib import Path

import methods
from reports.faults import UsageError


def load(paths: Sequence[Path]) -> None:
    """Register the methods of these files; one that cannot be loaded is a `UsageError`."""
    for path in paths:
        try:
            methods.load_plugin(path)
        except Exception as fault:  # the file is the user's, anything may be wrong in it
            raise UsageError(f"--plugin {path}: {type(fault).__name__}: {fault}") from fault
