"""Our fine-tuning against Hugging Face's Trainer on the same rows and the same encoder, in one run."""

import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import protocols
from benchmarks.bench.scene import LENGTHS, SIZES, encoder, rows, scene
from methods.contract import Recipe
from methods.training.batches import Encoded
from methods.training.loop import train
from methods.training.objectives import Supervised

BATCH = 32
PADDED = 128  # the GLUE example's default: every row padded to it


def compare(size: str = "minilm", count: int = 768) -> dict[str, Any]:
    """Examples a second of one epoch: ours, Trainer padded in float32, Trainer at its best.

    Args:
        size: 'minilm' (6 layers of 384) or 'bert-base'.
        count: Rows of the epoch; lengths are drawn like MRPC's and SST-2's.

    Raises:
        ModuleNotFoundError: `accelerate`, which Trainer needs, is not installed.
    """
    if importlib.util.find_spec("accelerate") is None:
        raise ModuleNotFoundError("the comparison needs Trainer's own dependency: pip install 'weighin[bench]'")
    found: dict[str, Any] = {"size": size, "rows": count, "threads": torch.get_num_threads()}
    with scene() as bench:
        precision = protocols.best_precision(bench.device, SIZES[size]["hidden_size"])
        found["precision"] = precision
        for task in LENGTHS:
            data = rows(task, count)
            speeds = {
                "ours": _speed(count, lambda data=data: _ours(data, size, precision, bench)),  # type: ignore[misc]
                "trainer padded float32": _speed(
                    count,
                    lambda data=data: _trainer(data, size, bench.folder, padded=True, half=False),  # type: ignore[misc]
                ),
                "trainer grouped": _speed(
                    count,
                    lambda data=data: _trainer(  # type: ignore[misc]
                        data, size, bench.folder, padded=False, half=precision == "bfloat16"
                    ),
                ),
            }
            found[task] = {
                "examples per second": {name: round(speed, 1) for name, speed in speeds.items()},
                "ours / trainer padded float32 (promised: at least 5)": round(
                    speeds["ours"] / speeds["trainer padded float32"], 2
                ),
                "ours / trainer grouped (promised: at least 1)": round(speeds["ours"] / speeds["trainer grouped"], 2),
            }
    return found


def _speed(count: int, epoch: Callable[[], Callable[[], object]]) -> float:
    """Examples a second of one epoch; what comes before the first step is not timed."""
    run = epoch()
    start = time.perf_counter()
    run()
    return count / (time.perf_counter() - start)


def _ours(data: Encoded, size: str, precision: Any, bench: Any) -> Callable[[], object]:
    model = encoder(size)
    recipe = Recipe(1, 3e-5, BATCH, precision=precision)
    return lambda: train(model, data, Supervised("classification"), recipe, seed=1, bench=bench)


def _trainer(data: Encoded, size: str, folder: Path, *, padded: bool, half: bool) -> Callable[[], object]:
    """Trainer as the GLUE example runs it, or with dynamic padding, length grouping and bfloat16."""
    from transformers import Trainer, TrainingArguments  # slow to import, used here alone

    arguments: dict[str, Any] = {} if padded else {"train_sampling_strategy": "group_by_length"}
    settings = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=BATCH,
        num_train_epochs=1,
        learning_rate=3e-5,
        bf16=half,
        use_cpu=not torch.cuda.is_available(),
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        **arguments,
    )
    trainer = Trainer(
        model=encoder(size),
        args=settings,
        train_dataset=_Dataset(data),
        data_collator=lambda items: _collate(items, PADDED if padded else 0),
    )
    return trainer.train


class _Dataset(torch.utils.data.Dataset[dict[str, Any]]):
    """The rows as Trainer wants them."""

    def __init__(self, data: Encoded) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, row: int) -> dict[str, Any]:
        start, stop = self.data.offsets[row], self.data.offsets[row + 1]
        return {"input_ids": self.data.ids[start:stop], "labels": int(self.data.labels[row])}


def _collate(items: list[dict[str, Any]], least: int) -> dict[str, torch.Tensor]:
    width = max([least, *(len(item["input_ids"]) for item in items)])
    ids = np.zeros((len(items), width), dtype=np.int64)
    mask = np.zeros_like(ids)
    for place, item in enumerate(items):
        ids[place, : len(item["input_ids"])] = item["input_ids"]
        mask[place, : len(item["input_ids"])] = 1
    return {
        "input_ids": torch.from_numpy(ids),
        "attention_mask": torch.from_numpy(mask),
        "labels": torch.tensor([item["labels"] for item in items]),
    }
