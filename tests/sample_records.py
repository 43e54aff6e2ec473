"""Made-up records for the tests of tables, figures and the command line."""

import dataclasses
import random
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import predictions
from benchmarks.records import Cost, Inspection, Record, Sizes
from benchmarks.spectra import Spectra
from methods.contract import Family
from methods.ops.rank import TOLERANCE

FAMILIES = {
    "dense": ("Dense", Family.REFERENCE),
    "lpaf": ("LPAF", Family.FACTORIZATION),
    "svd-ft": ("SVD_Ft", Family.FACTORIZATION),
    "up-zero": ("UP_zero", Family.UNSTRUCTURED_PRUNING),
    "up-first": ("UP_first", Family.UNSTRUCTURED_PRUNING),
    "distilbert": ("DistilBERT", Family.PRETRAINING_DISTILLATION),
}
DENSE_WEIGHTS = 1000


def sample(
    method: str = "lpaf", task: str = "rte", budget: float = 0.5, seed: int = 1, value: float = 0.7, **changes: Any
) -> Record:
    """One record; `changes` are fields that differ from the usual ones."""
    label, family = FAMILIES[method.partition("(")[0]]
    kept = round(DENSE_WEIGHTS * budget)
    record = Record(
        key=f"{method}-{task}-{budget}-{seed}",
        method=method,
        label=label,
        family=family.value,
        knobs={"rank": None},
        backbone="mini",
        backbone_fingerprint="b" * 64,
        task=task,
        task_fingerprint=task * 16,
        protocol="quick",
        recipes={"name": "quick", "dense": {"epochs": 2, "selection": "last"}},
        budget=budget,
        seed=seed,
        metric="accuracy",
        split="validation",
        metrics={"validation": {"accuracy": value}},
        predictions="predictions.npz",
        sizes=Sizes(
            encoder_nonzero=kept,
            encoder_weights=DENSE_WEIGHTS if family is Family.UNSTRUCTURED_PRUNING else kept,
            whole_parameters=1500,
            macs=10**6,
            macs_length=32,
            dense_encoder_weights=DENSE_WEIGHTS,
        ),
        ranks={"rank": 100 * budget},
        cost=Cost(1.0, 2.0, 3),
        stage=f"stage-{method}-{task}-{budget}-{seed}",
        provenance={},
    )
    return dataclasses.replace(record, **changes)


def samples(
    tasks: Sequence[str] = ("rte", "mrpc"), budgets: Sequence[float] = (0.5, 0.25, 0.16), **changes: Any
) -> list[Record]:
    """A whole table: every method with three seeds, values from a fixed random sequence."""
    draw = random.Random(7)  # noqa: S311  # made-up numbers
    records = []
    for task in tasks:
        for seed in (1, 2, 3):
            records.append(sample("dense", task, 1.0, seed, 0.9 + draw.gauss(0, 0.01), **changes))
            for method in ("lpaf", "svd-ft", "up-zero"):
                for budget in budgets:
                    value = 0.6 + 0.4 * budget + draw.gauss(0, 0.01)
                    records.append(sample(method, task, budget, seed, value, **changes))
    return records


MATRICES = ("layer.0.query", "layer.0.key")  # 24 x 24 each; the first one's pattern is kept


def inspected(records: Iterable[Record], runs: Path) -> list[Record]:
    """The records with looked-at matrices, written below `runs`: first-order pruning leaves whole rows empty."""
    written = []
    for record in records:
        draw = np.random.default_rng([record.seed, round(1000 * record.budget), len(record.method)])
        weights = draw.normal(size=(len(MATRICES), 24, 24))
        weights[draw.random(weights.shape) > record.budget] = 0
        if record.method == "up-first":
            weights[:, draw.random(24) > record.budget] = 0
        factorized = Family(record.family) is Family.FACTORIZATION
        file = "" if factorized else record.path(runs).with_suffix(".spectra.npz").name
        ranks = [float(np.linalg.matrix_rank(weight)) for weight in weights]
        empty = (weights == 0).all(axis=2).sum(axis=1)
        inspection = Inspection(
            TOLERANCE,
            {name: {"out": 24, "in": 24, "rank": rank} for name, rank in zip(MATRICES, ranks, strict=True)},
            file,
            "" if factorized else MATRICES[0],
        )
        averages = {"rank": float(np.mean(ranks)), "zero_rows": float(np.mean(empty)), "zero_columns": 0.0}
        made = dataclasses.replace(record, inspection=inspection, ranks=averages)
        path = made.write(runs)
        if file:
            values = np.linalg.svd(weights, compute_uv=False).astype(np.float32)
            Spectra(dict(zip(MATRICES, values, strict=True)), weights[0] != 0).write(path.with_name(file))
        written.append(made)
    return written


def with_predictions(
    folder: Path,
    records: Sequence[Record],
    rows: int = 200,
    outputs: int = 2,
) -> list[Record]:
    """The records written below `folder` with predictions that give values near theirs; equal labels for all."""
    written = []
    for record in records:
        labels = np.random.default_rng(zlib.crc32(record.task.encode())).integers(0, outputs, rows)
        draw = np.random.default_rng(zlib.crc32(record.key.encode()))
        right = np.zeros(rows, dtype=bool)
        right[: round(rows * record.value)] = True
        right = draw.permutation(right)
        decided = np.where(right, labels, (labels + 1) % outputs)
        logits = np.full((rows, outputs), -1.0, dtype=np.float32)
        logits[np.arange(rows), decided] = 1.0
        name = record.path(folder).with_suffix(".npz")
        name.parent.mkdir(parents=True, exist_ok=True)
        arrays = {"ids": np.arange(rows), "labels": labels, "logits": logits}
        predictions.write(name, {f"{record.split}.{what}": array for what, array in arrays.items()})
        made = dataclasses.replace(
            record, predictions=name.name, metrics={record.split: {record.metric: float(right.mean())}}
        )
        made.write(folder)
        written.append(made)
    return written
