"""Latencies of records: means over seeds of one machine, and beside the dense model."""

from collections.abc import Iterable, Sequence

from benchmarks.records import Record
from reports.statistics import mean

SINGLE = "1"  # the batch size that figures show


def sizes(records: Iterable[Record]) -> tuple[str, ...]:
    """The batch sizes any of the records was timed with, smallest first."""
    return tuple(sorted({size for record in records if record.latency for size in record.latency.batches}, key=int))


def middle(records: Sequence[Record], size: str) -> float | None:
    """Milliseconds of a cell: the mean over its seeds of the medians.

    None where one seed was not timed, or not all on the same machine, length and threads.
    """
    timed = [record.latency for record in records if record.latency and size in record.latency.batches]
    if not timed or len(timed) < len(records) or len({one.place for one in timed}) > 1:
        return None
    return mean([one.batches[size]["median"] for one in timed])


def ratio(records: Sequence[Record], others: Sequence[Record], size: str) -> float | None:
    """A cell's latency as a share of another's of the same seeds; None where that was not timed likewise."""
    seeds = {record.seed for record in records}
    beside = [record for record in others if record.seed in seeds]
    ours, theirs = middle(records, size), middle(beside, size)
    if ours is None or theirs is None or len(beside) < len(seeds) or not _alike([*records, *beside]):
        return None
    return ours / theirs


def said(records: Iterable[Record]) -> str:
    """What the latencies are of, in words: 'float32, 32 word pieces, cpu ..., 2 threads'; machines apart by ';'."""
    places = sorted({one.latency.place for one in records if one.latency}, key=str)
    return "; ".join(
        f"{precision}, {length} word pieces, {device}, {threads} thread{'s' * (threads != 1)}"
        for length, precision, device, threads in places
    )


def _alike(records: Sequence[Record]) -> bool:
    return len({record.latency.place for record in records if record.latency}) <= 1
