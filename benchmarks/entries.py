"""What a record and a gap both tell of a cell, and where and how their files are written."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

SCHEMA = 1


@dataclasses.dataclass(frozen=True)
class Entry:
    """A method in a setting, and what is measured there."""

    method: str  # the registry's name with overrides, e.g. "lpaf(rank=260)"
    label: str
    family: str
    knobs: dict[str, Any]
    backbone: str
    backbone_fingerprint: str
    task: str
    task_fingerprint: str
    protocol: str
    recipes: dict[str, Any]  # the whole protocol as data
    budget: float
    seed: int
    metric: str
    split: str

    def place(self, folder: Path, key: str, suffix: str) -> Path:
        """`<backbone>/<task>/<method>-<budget>-s<seed>-<key><suffix>` below `folder`."""
        name = f"{safe(self.method)}-{self.budget:g}-s{self.seed}-{key[:8]}{suffix}"
        return folder / safe(self.backbone) / self.task / name

    def keep(self, path: Path) -> Path:
        """Write all fields to `path`, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True) + "\n", encoding="utf-8")
        os.replace(draft, path)
        return path


def safe(text: str) -> str:
    """A text as part of a file name: no separators, no surprises."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in text)
