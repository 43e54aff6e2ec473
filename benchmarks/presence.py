"""Which runs are at work on a store, with what engine; told by a note beside a lock that dies with its run."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import locks
from benchmarks.files import read_json, unique, write_json
from benchmarks.history import Ahead

FOLDER = ".runs"


@dataclasses.dataclass(frozen=True)
class Run:
    """A run that is alive.

    Attributes:
        pid: Its process.
        host: The host's name.
        engine: Where its stages run.
        slots: How many may run at a time.
        ahead: What it has yet to make; None where it does not say.
    """

    pid: int
    host: str
    engine: str
    slots: int
    ahead: Ahead | None = None


class Presence:
    """What one run says of itself; a disk that takes no note is no reason to stop.

    Args:
        root: The store's folder.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / FOLDER / f"{unique()}.lock"
        self._lock: locks.Lock | None = None
        self._said: dict[str, Any] = {}

    def say(self, engine: str, slots: int, ahead: Ahead | None = None) -> None:
        """Tell other processes; nothing if it was said already."""
        note: dict[str, Any] = {"engine": engine, "slots": slots, "ahead": ahead and dataclasses.asdict(ahead)}
        if note == self._said:
            return
        self._said = note
        with contextlib.suppress(OSError):
            self._lock = self._lock or locks.acquire(self._path)
            write_json(self._path.with_suffix(".json"), note, durable=False)

    def close(self) -> None:
        """Say no more."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                self._path.with_suffix(".json").unlink(missing_ok=True)
            self._lock.release()


def present(root: Path) -> Iterator[Run]:
    """The runs that are at work on a store."""
    for path in sorted((root / FOLDER).glob("[!.]*.json")):
        owner, note = locks.holder(path.with_suffix(".lock")), read_json(path)
        if owner is not None and note is not None:
            yield _run(owner.pid, owner.host.partition("/")[0], note)


def _run(pid: int, host: str, note: Mapping[str, Any]) -> Run:
    """The run of a note, as far as it says what it should."""
    slots = note.get("slots")
    return Run(
        pid, host, str(note.get("engine", "")), slots if isinstance(slots, int) else 0, _ahead(note.get("ahead"))
    )


def _ahead(note: Any) -> Ahead | None:
    try:
        return Ahead(int(note["stages"]), float(note["seconds"]), int(note["unmeasured"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def sweep(root: Path) -> None:
    """Remove what killed runs left; never fails."""
    for path in (root / FOLDER).glob("[!.]*"):
        if locks.holder(path.with_suffix(".lock")) is None:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
