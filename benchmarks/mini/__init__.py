"""The mini world: twins of eight GLUE tasks and a small pre-trained BERT, all from one grammar, all in the package.

The rows are generated, the encoder is shipped in `bert/`; nothing is downloaded. See docs/mini-world.md.
"""

import hashlib
from pathlib import Path
from typing import Final

from benchmarks.mini.grammar import generator
from benchmarks.mini.text import corpus
from benchmarks.mini.worlds import WORLDS, World

__all__ = ["TASKS", "bert_folder", "corpus", "rows", "splits"]

TASKS: Final = tuple(WORLDS)
TRAIN_ROWS: Final = 2000
VALIDATION_ROWS: Final = 500


def bert_folder() -> Path:
    """Folder of the pre-trained mini BERT, to be given to `from_pretrained`."""
    return Path(__file__).parent / "bert"


def splits(task: str) -> tuple[str, ...]:
    """Names of a task's splits, as GLUE names them.

    Raises:
        KeyError: The mini world has no such task.
    """
    return _world(task).splits


def _world(task: str) -> World:
    if task not in WORLDS:
        raise KeyError(f"a mini task is one of {', '.join(WORLDS)}, got {task!r}")
    return WORLDS[task]


def _held_out(text: str) -> bool:
    """Whether rows that begin with this text belong to validation: one in five, whatever the task draws."""
    return hashlib.sha256(text.encode()).digest()[0] < 51


def rows(task: str, split: str) -> dict[str, list[str] | list[int] | list[float]]:
    """One split of a mini task, with the columns and label ids of its GLUE twin.

    Args:
        task: rte, cola, mrpc, sst2, qqp, qnli, mnli or stsb.
        split: train (2,000 rows), validation (500), for mnli validation_matched and validation_mismatched.

    Returns:
        Columns of equal length: the texts, `label` and `idx`. No text that begins a train row begins a
        validation row, and no row occurs twice.

    Raises:
        KeyError: The mini world has no such task or the task no such split.
    """
    world = _world(task)
    if split not in world.splits:
        raise KeyError(f"a split of mini {task} is one of {', '.join(world.splits)}, got {split!r}")
    rng = generator(task, split)
    size = TRAIN_ROWS if split == "train" else VALIDATION_ROWS
    found: dict[tuple[str, ...], int | float] = {}
    while len(found) < size:
        texts, label = world.draw(rng, split)
        if _held_out(texts[0]) == (split != "train") and texts not in found and len(set(texts)) == len(texts):
            found[texts] = label
    columns: dict[str, list[str] | list[int] | list[float]] = {
        name: [texts[place] for texts in found] for place, name in enumerate(world.columns)
    }
    columns["label"] = [float(label) for label in found.values()] if task == "stsb" else [*map(int, found.values())]
    columns["idx"] = list(range(size))
    return columns
