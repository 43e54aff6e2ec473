"""Rows of the training split that are kept from training, each class by its share."""

import numpy as np
import numpy.typing as npt

from methods.training.batches import Encoded


def hold_out(data: Encoded, share: float, seed: int) -> tuple[Encoded, Encoded]:
    """Divide a split of classes into what is trained on and what is held out.

    Args:
        data: The split; labels are class numbers.
        share: Of each class's rows, how many are held out, rounded; in (0, 1).
        seed: The choice depends on it alone.

    Returns:
        The rows to train on and the rows held out, both in the split's order, neither empty.

    Raises:
        ValueError: The share leaves one of them empty.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    held = np.zeros(len(data), dtype=bool)
    for label in np.unique(data.labels):
        rows = np.flatnonzero(data.labels == label)
        held[generator.permutation(rows)[: round(share * len(rows))]] = True
    if held.all() or not held.any():
        raise ValueError(
            f"the share held out leaves rows on both sides, got {share} of {len(data)} rows, "
            f"{int(held.sum())} held out; choose a share in (0, 1) that fits the split"
        )
    return taken(data, np.flatnonzero(~held)), taken(data, np.flatnonzero(held))


def taken(data: Encoded, rows: npt.NDArray[np.int64]) -> Encoded:
    """Some rows of a split as a split of their own, numbered from 0."""
    lengths = data.lengths[rows]
    places = np.repeat(data.offsets[rows], lengths) + _within(lengths)
    return Encoded(
        ids=data.ids[places],
        segments=None if data.segments is None else data.segments[places],
        offsets=np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths))),
        labels=data.labels[rows],
        padding=data.padding,
    )


def _within(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """0, 1, ... for each row, laid end to end."""
    ends = np.cumsum(lengths)
    counted: npt.NDArray[np.int64] = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
    return counted
