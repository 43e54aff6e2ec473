"""Made-up records with predictions, for the tests of the page."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import predictions
from benchmarks.records import Latency, Record
from sample_gaps import gap_of
from sample_records import sample, samples

HOSTILE = "</script><script>window.broken=1</script><img src=x onerror=window.broken=1>\u2028<!-- & \"'"
EXAMPLES = 40


def written(records: Sequence[Record], folder: Path) -> list[Record]:
    """Write records below a folder, each under a key of its own."""
    kept = [_keyed(record) for record in records]
    for record in kept:
        record.write(folder)
    return kept


def answered(record: Record, folder: Path, wrong: int) -> Record:
    """A record with predictions of `EXAMPLES` examples, of which the first `wrong` are wrong, and their accuracy."""
    labels = np.arange(EXAMPLES) % 2
    classes = np.where(np.arange(EXAMPLES) < wrong, 1 - labels, labels)
    metrics = {"validation": {"accuracy": 1 - wrong / EXAMPLES}}
    record = _keyed(dataclasses.replace(record, metrics=metrics))
    record = dataclasses.replace(record, predictions=f"{record.key}.npz")
    path = record.write(folder).with_name(record.predictions)
    given = {
        "ids": np.arange(EXAMPLES),
        "labels": labels,
        "lengths": 4 + np.arange(EXAMPLES) // 2,
        "logits": np.eye(2, dtype=np.float32)[classes],
    }
    predictions.write(path, {f"validation.{name}": array for name, array in given.items()})
    return record


def small(folder: Path) -> list[Record]:
    """Two tasks, five methods, one of a hostile name, a second protocol, predictions of one task, and gaps."""
    for seed in (1, 2, 3):
        gap_of(sample("up-first", "mrpc", 0.5, seed), "refused", HOSTILE).write(folder)
    gap_of(sample("up-first", "mrpc", 0.25, 1)).write(folder)
    gap_of(sample("svd-ft", "rte", 0.5, 4)).write(folder)
    records = written(samples(("mrpc",)), folder) + written(samples(("mrpc",), (0.5,), protocol="paper"), folder)
    hostile = [_named(HOSTILE, sample("lpaf", "mrpc", 0.5, seed, 0.8, notes=(HOSTILE,))) for seed in (1, 2, 3)]
    records += written(hostile, folder)
    for seed in (1, 2, 3):
        records.append(answered(_timed(sample("dense", "rte", 1.0, seed), 40.0 + seed), folder, 4))
        records.append(answered(_timed(sample("lpaf", "rte", 0.5, seed), 20.0 + seed / 2), folder, 6))
        records.append(answered(sample("svd-ft", "rte", 0.5, seed), folder, 30))
        for p_init in (0.1, 0.5):
            swept = sample("lpaf", "rte", 0.25, seed, knobs={"p_init": p_init})
            records.append(answered(_named(f"lpaf(p_init={p_init})", swept), folder, 10 + seed))
    return records


def many(folder: Path, cells: int) -> list[Record]:
    """At least so many cells of three seeds: one task, methods with a knob, three budgets."""
    records = []
    for number in range(-(-cells // 3)):
        for budget in (0.5, 0.25, 0.16):
            for seed in (1, 2, 3):
                value = 0.5 + (number * 7 % 400) / 1000 + seed / 500
                one = sample("lpaf", f"task-{number % 10}", budget, seed, value, knobs={"v": number / cells})
                records.append(_named(f"lpaf(v={number})", one))
    return written(records, folder)


def _timed(record: Record, milliseconds: float) -> Record:
    """The record with latencies."""
    both = {
        size: {"lower_quartile": 0.9 * one, "median": one, "upper_quartile": 1.1 * one}
        for size, one in (("1", milliseconds), ("32", 20 * milliseconds))
    }
    return dataclasses.replace(record, latency=Latency(32, 20, "float32", "cpu, x86_64, 2 cores", 2, both))


def _named(name: str, record: Record) -> Record:
    """The record as one of a method of this name."""
    return dataclasses.replace(record, method=name, label=name, stage=f"stage of {name}, {record.key}")


def _keyed(record: Record) -> Record:
    """The record with a key as real ones have it: a hash that tells it from every other."""
    parts = (record.method, record.task, record.protocol, record.budget, record.seed, record.stage)
    return dataclasses.replace(record, key=hashlib.sha256(repr(parts).encode()).hexdigest())
