"""How much each weight of a fine-tuned model matters to its task: the empirical Fisher information's diagonal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import nn

from methods import models
from methods.contract import derive
from methods.ops.fisher import add_squared_gradients_
from methods.ops.losses import supervised
from methods.stages import parts
from methods.stages.encode import Encode
from methods.stages.failure import MethodFailure
from methods.stages.prune import IMPORTANCE
from methods.stages.stage import Json, Stage, Workbench
from methods.training import batches
from methods.training.objectives import logits_of
from methods.training.sensitivities import Taps

BATCH = 32


@dataclass(frozen=True)
class Fisher(Stage):
    """Mean over examples of each example's squared gradient (Hsu et al., 2022, FWSVD), in one pass over the data.

    The loss is the task's own against the true labels, without distillation; the model stands in evaluation mode, so
    that no dropout blurs a gradient; everything is float32, as squares of small gradients vanish in less.

    Artifact: `importance.safetensors`, one non-negative tensor [out, in] a matrix.
    """

    kind: ClassVar[str] = "fisher"

    model: Stage
    data: Encode
    rows: int  # examples used; fewer than the training split: drawn from it without replacement
    seed: int

    def __post_init__(self) -> None:
        """Refuse a number of rows that the data does not have."""
        if not 1 <= self.rows <= self.data.train_rows:
            raise ValueError(
                f"Fisher: rows is a whole number from 1 to the training split's {self.data.train_rows}, "
                f"got {self.rows}"
            )

    @property
    def effort(self) -> float:
        """Rows seen."""
        return float(self.rows)

    @property
    def scale(self) -> str:
        """Passes of one scale have like speed."""
        return f"{self.data.encoder}/{self.data.data}"

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Run the pass, save, and say how many rows it saw."""
        model = models.load(bench.artifact(self.model), device=bench.device)
        model.requires_grad_(False)
        split = parts.train_split(self.data, bench)
        chosen = self._chosen(len(split))
        layers = {name: layer for name, layer in models.matrices(model).items() if isinstance(layer, nn.Linear)}
        totals = {name: torch.zeros_like(layer.weight) for name, layer in layers.items()}
        taps = Taps(layers)
        done = 0
        with taps.open():
            for places in batches.in_order(split.lengths[chosen], BATCH):
                batch = split.batch(chosen[places], bench.device)
                with torch.enable_grad():
                    mean = supervised(logits_of(model, batch), batch.labels, self.data.task_kind)
                    seen = taps.gradients(mean * len(places))  # the sum, so that each example keeps its own gradient
                for name, (inputs, gradients) in seen.items():
                    add_squared_gradients_(totals[name], inputs, gradients)
                done += len(places)
                bench.progress(done, self.rows)
        information = {name: (total / self.rows).cpu() for name, total in totals.items()}
        broken = [name for name, matrix in information.items() if not bool(matrix.isfinite().all())]
        if broken:
            raise MethodFailure(
                f"Fisher information is finite, got NaN or infinite values in {len(broken)} matrices, "
                f"first {broken[0]}; "
                "the fine-tuned model has diverged"
            )
        save_file(information, bench.folder / IMPORTANCE)
        return {
            "rows": self.rows,
            "of": len(split),
            "gradients": "per example",
            "zero_matrices": sum(not bool(matrix.any()) for matrix in information.values()),
        }

    def _chosen(self, count: int) -> npt.NDArray[np.int64]:
        """The rows used, ascending: all, or a draw that depends on the seed alone."""
        if self.rows == count:
            return np.arange(count)
        generator = np.random.Generator(np.random.PCG64(derive(self.seed, "fisher rows")))
        return np.sort(generator.choice(count, self.rows, replace=False))
