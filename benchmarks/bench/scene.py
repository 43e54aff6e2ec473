"""What the training benchmarks train: an encoder of a stated size with random weights on rows of stated lengths."""

import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification

from methods.contract import Distillation
from methods.stages.stage import Rows, Stage
from methods.training.batches import Encoded
from methods.training.objectives import Distilled

VOCABULARY = 30_522
# Word pieces of a row, as BERT's uncased tokenizer cuts the training sets: mean and standard deviation.
LENGTHS: Mapping[str, tuple[float, float]] = {"mrpc": (53.2, 16.4), "sst2": (13.3, 9.3)}
SIZES: Mapping[str, dict[str, Any]] = {
    "minilm": {"num_hidden_layers": 6, "hidden_size": 384, "intermediate_size": 1536, "num_attention_heads": 12},
    "bert-base": {"num_hidden_layers": 12, "hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12},
}


class Scene:
    """A workbench that keeps nothing, for timing."""

    device = "cuda" if torch.cuda.is_available() else "cpu"

    def __init__(self, folder: Path) -> None:
        self.folder = self.scratch = folder

    def artifact(self, stage: Stage) -> Path:
        """There are none."""
        raise LookupError(f"a benchmark keeps no artifacts, asked for {stage.kind}")

    @property
    def parts(self) -> int:
        """Batches are computed whole."""
        return 1

    def encoder(self, fingerprint: str) -> Path:
        """There are none."""
        raise LookupError(f"a benchmark has no encoders on disk, asked for {fingerprint}")

    def rows(self, fingerprint: str, split: str) -> Rows:
        """There are none."""
        raise LookupError(f"a benchmark has no task data, asked for {fingerprint} {split}")

    def score(self, task: str, logits: Any, labels: Any) -> dict[str, float]:
        """Nothing is scored."""
        raise LookupError(f"a benchmark scores nothing, asked for {task}")

    def progress(self, done: int, total: int, **facts: float) -> None:
        """Said to nobody."""


@contextlib.contextmanager
def scene() -> Iterator[Scene]:
    """A scene in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="weighin-bench-") as folder:
        yield Scene(Path(folder))


def encoder(size: str) -> BertForSequenceClassification:
    """A BERT of one of `SIZES` with random weights; speed does not depend on their values."""
    torch.manual_seed(0)
    sizes = SIZES[size]
    config = BertConfig(vocab_size=VOCABULARY, **sizes)
    model = BertForSequenceClassification(config)
    torch.nn.Module.to(model, Scene.device)
    return model


def rows(task: str, count: int) -> Encoded:
    """Random rows with the lengths of a real task (lognormal with its mean and deviation, 4 to 128 pieces)."""
    generator = np.random.default_rng(0)
    mean, deviation = LENGTHS[task]
    spread = np.log1p((deviation / mean) ** 2)
    drawn = generator.lognormal(np.log(mean) - spread / 2, np.sqrt(spread), count)
    lengths = np.clip(np.rint(drawn), 4, 128).astype(np.int64)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    pieces = int(offsets[-1])
    return Encoded(
        ids=generator.integers(1000, VOCABULARY, pieces, dtype=np.int32),
        segments=np.zeros(pieces, dtype=np.int8),
        offsets=offsets,
        labels=generator.integers(0, 2, count, dtype=np.int64),
        padding=0,
    )


def distilled(data: Encoded) -> Distilled:
    """The unified objective against random teacher logits."""
    teacher = torch.randn((len(data), 2), generator=torch.Generator().manual_seed(0)).to(Scene.device)
    return Distilled("classification", Distillation(), teacher)


def side_by_side(variants: Mapping[str, Callable[[], object]], rounds: int, warm: int = 2) -> dict[str, float]:
    """Median seconds of each call, the variants taken in turn so that a noisy machine hurts all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(warm + rounds):
        for name, call in variants.items():
            _wait()
            start = time.perf_counter()
            call()
            _wait()
            if turn >= warm:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in seconds.items()}


def _wait() -> None:
    if Scene.device == "cuda":
        torch.cuda.synchronize()
