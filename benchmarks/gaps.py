"""A gap: a cell that was asked for and has no record, and why; a small JSON file where its record would lie."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from benchmarks import strangers
from benchmarks.cells import Cell
from benchmarks.entries import SCHEMA, Entry
from methods.stages.stage import digest

SUFFIX = ".gap.json"
State = Literal["refused", "failed"]
STATES: tuple[State, ...] = ("refused", "failed")


@dataclasses.dataclass(frozen=True)
class KeptGap(Entry):
    """A cell without a record."""

    state: State  # refused by the method itself, or failed when it was last tried
    reason: str
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        """Refuse a state there is no word for."""
        if self.state not in STATES:
            raise ValueError(f"the state of a gap is {' or '.join(STATES)}, got {self.state!r}")

    @property
    def key(self) -> str:
        """sha256 of the method and its setting, whatever the outcome: one cell has one gap."""
        return digest(
            {
                "method": self.method,
                "budget": self.budget,
                "seed": self.seed,
                "backbone": self.backbone_fingerprint,
                "task": self.task_fingerprint,
                "recipes": self.recipes,
            }
        )

    def path(self, folder: Path) -> Path:
        """Its file below `folder`."""
        return self.place(folder, self.key, SUFFIX)

    def write(self, folder: Path) -> Path:
        """Write the gap below `folder`, whole or not at all."""
        return self.keep(self.path(folder))


def of_cell(cell: Cell, metric: str, state: State, reason: str) -> KeptGap:
    """The gap of a cell.

    Args:
        cell: One without a record.
        metric: The task's.
        state: How it came to have none.
        reason: Why.
    """
    return KeptGap(**cell.entry(metric), state=state, reason=reason)


def read(path: Path) -> KeptGap:
    """Read one gap; a file that is none of this schema is a `ValueError` that names it."""
    try:
        content = path.read_bytes()
        data = json.loads(content)
        if data["schema"] != SCHEMA:
            raise ValueError(f"{path}: a gap has schema {SCHEMA}, got {data['schema']}; use the matching weighin")
        strangers.check(content, data)
        return KeptGap(**data)
    except (KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise ValueError(f"{path}: not a gap ({fault}); remove the file or run the table again") from fault


def read_all(folder: Path) -> Iterator[KeptGap]:
    """Every gap below a folder, in the order of the paths."""
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        yield read(path)
