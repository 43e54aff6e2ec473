"""A gap: a cell that was asked for and has no record, and why; a small JSON file where its record would lie."""

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from benchmarks import strangers
from benchmarks.cells import Cell
from benchmarks.records import SCHEMA, safe
from methods.stages.stage import digest

SUFFIX = ".gap.json"
State = Literal["refused", "failed"]
STATES: tuple[State, ...] = ("refused", "failed")


@dataclasses.dataclass(frozen=True)
class KeptGap:
    """A cell without a record. Its fields are called as a record's, where it has the same."""

    method: str
    label: str
    family: str
    knobs: dict[str, Any]
    backbone: str
    backbone_fingerprint: str
    task: str
    task_fingerprint: str
    protocol: str
    recipes: dict[str, Any]
    budget: float
    seed: int
    metric: str
    split: str
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
        """`<backbone>/<task>/<method>-<budget>-s<seed>-<key>.gap.json` below `folder`."""
        name = f"{safe(self.method)}-{self.budget:g}-s{self.seed}-{self.key[:8]}{SUFFIX}"
        return folder / safe(self.backbone) / self.task / name

    def write(self, folder: Path) -> Path:
        """Write the gap below `folder`, whole or not at all."""
        path = self.path(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True) + "\n", encoding="utf-8")
        os.replace(draft, path)
        return path


def of_cell(cell: Cell, metric: str, state: State, reason: str) -> KeptGap:
    """The gap of a cell.

    Args:
        cell: One without a record.
        metric: The task's.
        state: How it came to have none.
        reason: Why.
    """
    setting = cell.setting
    return KeptGap(
        method=cell.method,
        label=cell.compressor.title(),
        family=cell.compressor.family.value,
        knobs=cell.compressor.knobs(),
        backbone=setting.backbone.name,
        backbone_fingerprint=setting.backbone.fingerprint,
        task=setting.task.name,
        task_fingerprint=setting.task.fingerprint,
        protocol=setting.protocol.name,
        recipes=dataclasses.asdict(setting.protocol),
        budget=setting.budget.kept,
        seed=setting.seed,
        metric=metric,
        split=setting.task.evaluation[0],
        state=state,
        reason=reason,
    )


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
