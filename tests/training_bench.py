"""What trainings of tests stand on: a workbench that can die at a step, and random rows."""

from pathlib import Path
from typing import Any

import numpy as np

from methods.stages.stage import Rows, Stage
from methods.training.batches import Encoded


class Bench:
    """A workbench with a scratch folder and nothing else; it can be told to die at a step."""

    device = "cpu"

    def __init__(self, scratch: Path, die_at: int = 0, parts: int = 1) -> None:
        self.folder = self.scratch = scratch
        self.die_at = die_at
        self.parts = parts

    def artifact(self, stage: Stage) -> Path:
        raise LookupError(stage.kind)

    def encoder(self, fingerprint: str) -> Path:
        raise LookupError(fingerprint)

    def rows(self, fingerprint: str, split: str) -> Rows:
        raise LookupError(fingerprint, split)

    def score(self, task: str, logits: Any, labels: Any) -> dict[str, float]:
        raise LookupError(task)

    def progress(self, done: int, total: int, **facts: float) -> None:
        # a kill comes after the checkpoint of an earlier step and before the next one
        if done == self.die_at:
            raise KeyboardInterrupt


class Artifacts(Bench):
    """A workbench whose artifacts are one folder a kind of stage."""

    def __init__(self, root: Path) -> None:
        super().__init__(root / "out")
        self.root = root
        self.folder.mkdir()

    def artifact(self, stage: Stage) -> Path:
        return self.root / stage.kind

    def progress(self, done: int, total: int, **facts: float) -> None:
        assert 0 < done <= total


def rows(count: int, longest: int = 23) -> Encoded:
    """Random rows of two classes, between 5 and `longest` tokens long."""
    generator = np.random.default_rng(3)
    lengths = generator.integers(5, longest + 1, count)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    return Encoded(
        ids=generator.integers(5, 90, offsets[-1], dtype=np.int32),
        segments=np.zeros(offsets[-1], dtype=np.int8),
        offsets=offsets,
        labels=generator.integers(0, 2, count),
        padding=0,
    )
