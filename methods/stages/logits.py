"""A teacher's answers on the training split, computed once and kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from safetensors.torch import save_file

from methods import models
from methods.contract import Precision
from methods.stages import parts
from methods.stages.encode import Encode
from methods.stages.stage import Json, Stage, Workbench


@dataclass(frozen=True)
class Logits(Stage):
    """Logits of a finished model. Artifact: `logits.safetensors` with `train` [rows, outputs], float32."""

    kind: ClassVar[str] = "logits"

    model: Stage
    data: Encode
    precision: Precision

    @property
    def effort(self) -> float:
        """Rows seen."""
        return float(self.data.train_rows)

    @property
    def scale(self) -> str:
        """Predictions of one scale have like speed."""
        return f"{self.data.encoder}/{self.data.data}"

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Predict without dropout or gradient, and save."""
        model = models.load(bench.artifact(self.model), device=bench.device)
        split = parts.train_split(self.data, bench)
        logits = torch.from_numpy(parts.predict(model, split, bench.device, self.precision, bench.parts))
        save_file({"train": logits}, bench.folder / parts.LOGITS)
        return {"rows": len(split)}
