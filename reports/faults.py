"""What goes wrong outside of the program, and the exit status it has."""

import contextlib
from collections.abc import Iterator


class UsageError(ValueError):
    """What the user asked for cannot be done; the message says the law, what was got and the cure."""


def status(fault: Exception) -> int | None:
    """The exit status of a fault that a sentence explains: 2 wrong usage, 1 the disk or the store; else None."""
    from benchmarks.engines import EngineError  # only needed when something went wrong
    from benchmarks.files import StoreError

    if isinstance(fault, UsageError):
        return 2
    return 1 if isinstance(fault, StoreError | EngineError | OSError) else None


@contextlib.contextmanager
def usage(*kinds: type[Exception]) -> Iterator[None]:
    """Within this, exceptions of these kinds are the user's mistakes."""
    try:
        yield
    except kinds as fault:
        raise UsageError(str(fault)) from fault


@contextlib.contextmanager
def noted(said: list[str], *kinds: type[Exception]) -> Iterator[None]:
    """Within this, exceptions of these kinds end in `said`, so that all of a request's faults are told at once."""
    try:
        yield
    except kinds as fault:
        said.append(str(fault))
