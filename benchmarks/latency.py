"""The stage that times a finished model: milliseconds of its forward pass, by batch size."""

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from methods import models
from methods.stages.stage import Json, Stage, Workbench

if TYPE_CHECKING:
    from transformers import PreTrainedModel

WARM_UP = 3  # passes before the first that counts: memory is mapped, kernels are chosen


@dataclass(frozen=True)
class Latency(Stage):
    """Time the forward pass in float32, without gradient, on inputs of one length.

    No artifact but the facts, which are the fields of `benchmarks.records.Latency`. What else the machine does would
    be in the numbers, so nothing else runs beside it.
    """

    kind: ClassVar[str] = "latency"
    alone: ClassVar[bool] = True

    model: Stage
    length: int  # word pieces of every input
    batch_sizes: tuple[int, ...] = (1, 32)
    repeats: int = 20

    def __post_init__(self) -> None:
        """Refuse impossible values, all faults at once."""
        faults = [
            f"{name} {law}, got {value}"
            for name, law, value, good in (
                ("length", "is a whole number >= 1", self.length, self.length >= 1),
                ("repeats", "is a whole number >= 1", self.repeats, self.repeats >= 1),
                (
                    "batch_sizes",
                    "are whole numbers >= 1, at least one",
                    list(self.batch_sizes),
                    min(self.batch_sizes, default=0) >= 1,
                ),
            )
            if not good
        ]
        if faults:
            raise ValueError("Latency: " + "; ".join(faults))

    @property
    def effort(self) -> float:
        """Rows passed through the model."""
        return float((WARM_UP + self.repeats) * sum(self.batch_sizes))

    @property
    def scale(self) -> str:
        """Models of one scale have like speed."""
        return f"{getattr(self.model, 'scale', '')}/{self.length}"

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Load, warm up, time."""
        device = bench.device
        model = models.load(bench.artifact(self.model), device=device).eval()
        batches: dict[str, Json] = {}
        for done, rows in enumerate(self.batch_sizes, 1):
            milliseconds = _timed(_pass(model, rows, self.length, device), self.repeats, device)
            low, middle, high = (round(float(value), 4) for value in np.quantile(milliseconds, (0.25, 0.5, 0.75)))
            batches[str(rows)] = {"lower_quartile": low, "median": middle, "upper_quartile": high}
            bench.progress(done, len(self.batch_sizes))
        return {
            "length": self.length,
            "repeats": self.repeats,
            "precision": "float32",
            "device": _name(device),
            "threads": torch.get_num_threads(),
            "batches": batches,
        }


def _pass(model: "PreTrainedModel", rows: int, length: int, device: str) -> Callable[[], object]:
    """One forward pass over full-length rows; which word pieces they are does not matter, but that they differ."""
    ids = torch.arange(rows * length, device=device).remainder(model.config.vocab_size).reshape(rows, length)
    mask = torch.ones_like(ids)
    return lambda: model(input_ids=ids, attention_mask=mask).logits


def _timed(once: Callable[[], object], repeats: int, device: str) -> list[float]:
    """Milliseconds of each call, after a warm-up; an accelerator is waited for."""

    def wait() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    found = []
    with torch.inference_mode():
        for _ in range(WARM_UP):
            once()
        for _ in range(repeats):
            wait()
            began = time.perf_counter()
            once()
            wait()
            found.append(1000 * (time.perf_counter() - began))
    return found


def _name(device: str) -> str:
    """The device in words: what latencies have in common that may be compared."""
    if device.startswith("cuda"):
        return str(torch.cuda.get_device_name())
    return f"{device}, {platform.machine()}, {os.cpu_count()} cores"
