"""Tokenised splits and the batches made of them: alike in length, padded only to the longest row."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import load_file
from torch import Tensor

BUCKET = 50  # batches sorted by length together: enough to waste little padding, few enough to keep order random


@dataclasses.dataclass(frozen=True)
class Batch:
    """One batch on the training device.

    `inputs` are the encoder's arguments, each [rows, length]; `labels` [rows] (int64 or float32); `index` [rows]
    is each row's place in its split, for looking up what is kept per row, such as teacher logits.
    """

    inputs: dict[str, Tensor]
    labels: Tensor
    index: Tensor

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.index)

    def parted(self, parts: int) -> "list[Batch]":
        """The batch in at most `parts` parts, as alike in rows as can be; each keeps the width of the whole."""
        rows = torch.arange(len(self), device=self.index.device).tensor_split(min(parts, len(self)))
        return [
            Batch({name: tensor[some] for name, tensor in self.inputs.items()}, self.labels[some], self.index[some])
            for some in rows
        ]

    def doubled(self) -> "Batch":
        """The batch stacked on itself, [2 * rows, ...], for two stochastic passes in one."""
        return Batch(
            {name: torch.cat((tensor, tensor)) for name, tensor in self.inputs.items()},
            self.labels,
            self.index,
        )


@dataclasses.dataclass(frozen=True)
class Encoded:
    """One tokenised split, ragged rows laid end to end.

    `ids` and `segments` are [word pieces] (segments only where the encoder has them), `offsets` [rows + 1],
    `labels` [rows], `padding` the id that fills short rows.
    """

    ids: npt.NDArray[np.int32]
    segments: npt.NDArray[np.int8] | None
    offsets: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64] | npt.NDArray[np.float32]
    padding: int

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Word pieces of each row, [rows]."""
        return np.diff(self.offsets)

    def batch(self, rows: npt.NDArray[np.int64], device: str) -> Batch:
        """The rows of one batch, padded to the longest of them."""
        lengths = self.lengths[rows]
        width = int(lengths.max())
        mask = np.arange(width) < lengths[:, None]  # [rows, width]
        starts = self.offsets[rows]
        places = np.repeat(starts, lengths) + (np.arange(width) + np.zeros_like(lengths)[:, None])[mask]
        ids = np.full(mask.shape, self.padding, dtype=np.int64)
        ids[mask] = self.ids[places]
        inputs = {
            "input_ids": torch.from_numpy(ids),
            "attention_mask": torch.from_numpy(mask.astype(np.int64)),
        }
        if self.segments is not None:
            segments = np.zeros(mask.shape, dtype=np.int64)
            segments[mask] = self.segments[places]
            inputs["token_type_ids"] = torch.from_numpy(segments)
        return Batch(
            {name: tensor.to(device) for name, tensor in inputs.items()},
            torch.from_numpy(self.labels[rows]).to(device),
            torch.from_numpy(rows).to(device),
        )


def read(folder: Path, split: str) -> Encoded:
    """One split of an artifact that `methods.stages.encode` wrote."""
    data = load_file(folder / f"{split}.safetensors")
    return Encoded(
        ids=data["ids"],
        segments=data.get("segments"),
        offsets=data["offsets"],
        labels=data["labels"],
        padding=int(data["padding"][0]),
    )


def shuffled(lengths: Sequence[int] | npt.NDArray[np.int64], size: int, seed: int) -> list[npt.NDArray[np.int64]]:
    """One epoch's batches: every row once, rows of a batch alike in length, order random.

    Args:
        lengths: Word pieces of each row, [rows].
        size: Rows a batch; only one batch is smaller.
        seed: The order depends on it alone.

    Returns:
        Row numbers, one array a batch.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    order = generator.permutation(len(lengths))
    widths = np.asarray(lengths)
    batches: list[npt.NDArray[np.int64]] = []
    for start in range(0, len(order), size * BUCKET):
        bucket = order[start : start + size * BUCKET]
        bucket = bucket[np.argsort(widths[bucket], kind="stable")]
        batches += [bucket[place : place + size] for place in range(0, len(bucket), size)]
    return [batches[place] for place in generator.permutation(len(batches))]


def in_order(lengths: npt.NDArray[np.int64], size: int) -> Iterator[npt.NDArray[np.int64]]:
    """Batches for evaluation: every row once, sorted by length, nothing random."""
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), size):
        yield order[start : start + size]
