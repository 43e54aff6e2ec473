"""The stage that weighs a finished model: predictions, metrics, sizes."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from benchmarks import accounting, predictions
from methods import models
from methods.stages import parts
from methods.stages.encode import Encode
from methods.stages.stage import Json, Stage, Workbench
from methods.training import batches

PREDICTIONS = "predictions.npz"


@dataclass(frozen=True)
class Evaluate(Stage):
    """Measure a model on every evaluation split, in float32.

    Artifact: `predictions.npz` with `<split>.ids` [rows], `<split>.labels` [rows], `<split>.lengths` [rows] (word
    pieces before padding), `<split>.logits` [rows, outputs]. The facts hold metrics and sizes.
    """

    kind: ClassVar[str] = "evaluate"
    version: ClassVar[int] = 2  # 1 kept no lengths

    model: Stage
    data: Encode

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Predict, score, count."""
        folder = bench.artifact(self.model)
        model = models.load(folder, device=bench.device)
        encoded = bench.artifact(self.data)
        identities = json.loads((encoded / "ids.json").read_text(encoding="utf-8"))
        arrays: dict[str, npt.NDArray[Any]] = {}
        metrics: dict[str, Json] = {}
        for split in self.data.evaluation:
            data = batches.read(encoded, split)
            logits = parts.predict(model, data, bench.device, parts=bench.parts)
            metrics[split] = dict(bench.score(self.data.task, logits, data.labels))
            arrays[f"{split}.ids"] = np.asarray(identities[split])
            arrays[f"{split}.labels"] = data.labels
            arrays[f"{split}.lengths"] = data.lengths
            arrays[f"{split}.logits"] = logits
        predictions.write(bench.folder / PREDICTIONS, arrays)
        counted = accounting.sizes(folder, self.data.max_length)
        return {"metrics": metrics, "sizes": dataclasses.asdict(counted)}
