"""Tokenise a text without labels once for an encoder and keep it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from safetensors.numpy import save_file

from methods.stages.encode import tokenised
from methods.stages.stage import Json, Rows, Stage, Workbench


@dataclass(frozen=True)
class EncodeText(Stage):
    """The first lines of a text as word pieces.

    Artifact: `train.safetensors`, as that of `Encode`; single passages first, then pairs; labels mean nothing.
    """

    kind: ClassVar[str] = "encode-text"

    encoder: str  # fingerprint; its tokenizer is used
    corpus: str  # fingerprint
    lines: int  # how many passages of it, from the first
    max_length: int

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Tokenise; passages longer than `max_length` pieces are cut."""
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(
            bench.encoder(self.encoder), use_fast=True, trust_remote_code=False, local_files_only=True
        )
        rows = bench.rows(self.corpus, "train")
        firsts, seconds = (column[: self.lines] for column in rows.texts)
        lone = tuple(first for first, second in zip(firsts, seconds, strict=True) if not second)
        pairs = [(first, second) for first, second in zip(firsts, seconds, strict=True) if second]
        parts = [_rows(lone)] if lone else []
        parts += [_rows(*zip(*pairs, strict=True))] if pairs else []
        made = [tokenised(tokenizer, part, self.max_length) for part in parts]
        arrays = {name: np.concatenate([part[name] for part, _ in made]) for name in made[0][0]}
        lengths = np.concatenate([np.diff(part["offsets"]) for part, _ in made])
        arrays["offsets"] = np.concatenate(([0], np.cumsum(lengths)))
        save_file(arrays, bench.folder / "train.safetensors")
        cut = sum(each for _, each in made)
        return {"rows": len(lengths), "mean_length": round(float(lengths.mean()), 2), "cut": cut}


def _rows(*texts: tuple[str, ...]) -> Rows:
    count = len(texts[0])
    return Rows(tuple(range(count)), texts, (0,) * count)
