"""Tokenise a task once for an encoder and keep it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from methods.contract import Kind
from methods.stages.stage import Json, Rows, Stage, Workbench

CHUNK = 10_000  # rows tokenised at once: bounds memory on large tasks


@dataclass(frozen=True)
class Encode(Stage):
    """A task as word pieces.

    Artifact: `<split>.safetensors` with ids [pieces], segments [pieces] where the encoder has them, offsets
    [rows + 1], labels [rows], padding [1]; `ids.json`, the rows' own ids by split.
    """

    kind: ClassVar[str] = "encode"

    encoder: str  # fingerprint; its tokenizer is used
    task: str
    task_kind: Kind
    data: str  # fingerprint
    outputs: int
    evaluation: tuple[str, ...]
    train_rows: int
    max_length: int

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Tokenise every split; rows longer than `max_length` pieces are cut, the longer text first."""
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(
            bench.encoder(self.encoder), use_fast=True, trust_remote_code=False, local_files_only=True
        )
        identities: dict[str, list[int | str]] = {}
        facts: dict[str, Json] = {}
        for split in ("train", *self.evaluation):
            rows = bench.rows(self.data, split)
            arrays, cut = tokenised(tokenizer, rows, self.max_length, regression=self.task_kind == "regression")
            save_file(arrays, bench.folder / f"{split}.safetensors")
            identities[split] = list(rows.ids)
            lengths = np.diff(arrays["offsets"])
            facts[split] = {"rows": len(rows), "mean_length": round(float(lengths.mean()), 2), "cut": cut}
        (bench.folder / "ids.json").write_text(json.dumps(identities), encoding="utf-8")
        return facts


def tokenised(
    tokenizer: Any, rows: Rows, max_length: int, *, regression: bool = False
) -> tuple[dict[str, npt.NDArray[Any]], int]:
    """Rows as the arrays of an artifact, and how many of them reach `max_length` word pieces."""
    ids: list[int] = []
    segments: list[int] = []
    offsets = [0]
    cut = 0
    for start in range(0, len(rows), CHUNK):
        texts = [list(column[start : start + CHUNK]) for column in rows.texts]
        encoded = tokenizer(*texts, truncation=True, max_length=max_length)
        for place, pieces in enumerate(encoded["input_ids"]):
            ids.extend(pieces)
            offsets.append(len(ids))
            cut += len(pieces) == max_length
            if "token_type_ids" in encoded:
                segments.extend(encoded["token_type_ids"][place])
    arrays: dict[str, npt.NDArray[Any]] = {
        "ids": np.asarray(ids, dtype=np.int32),
        "offsets": np.asarray(offsets, dtype=np.int64),
        "labels": np.asarray(rows.labels, dtype=np.float32 if regression else np.int64),
        "padding": np.asarray([tokenizer.pad_token_id], dtype=np.int32),
    }
    if segments:
        arrays["segments"] = np.asarray(segments, dtype=np.int8)
    return arrays, cut
