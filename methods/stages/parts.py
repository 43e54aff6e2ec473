"""What the training stages have in common: reading their data and teacher, scoring, saying how large they are."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from methods.contract import Distillation, Precision, Recipe
from methods.stages.encode import Encode
from methods.stages.stage import Stage, Workbench
from methods.training import batches
from methods.training.objectives import Distilled, logits_of

LOGITS = "logits.safetensors"
EVALUATION_ROWS = 64  # rows a batch when only predicting


def predict(
    model: nn.Module, data: batches.Encoded, device: str, precision: Precision = "float32", parts: int = 1
) -> npt.NDArray[np.float32]:
    """Logits of every row, [rows, outputs], in the split's own order; the model is left in evaluation mode.

    `parts` is in how many parts a batch is computed, see `Workbench`.
    """
    model.eval()
    answers: list[Tensor] = []
    order: list[npt.NDArray[np.int64]] = []
    enabled = precision == "bfloat16"
    with torch.inference_mode(), torch.autocast(device, dtype=torch.bfloat16, enabled=enabled):
        for rows in batches.in_order(data.lengths, max(1, EVALUATION_ROWS // parts)):
            answers.append(logits_of(model, data.batch(rows, device)).cpu())
            order.append(rows)
    logits = torch.cat(answers).numpy()
    sorted_logits: npt.NDArray[np.float32] = np.empty_like(logits)
    sorted_logits[np.concatenate(order)] = logits
    return sorted_logits


def distilled(data: Encode, teacher: Stage, weights: Distillation, bench: Workbench) -> Distilled:
    """The unified objective with the teacher's kept logits."""
    logits = load_file(bench.artifact(teacher) / LOGITS)["train"].to(bench.device)
    return Distilled(data.task_kind, weights, logits)


def validation(model: nn.Module, data: Encode, recipe: Recipe, bench: Workbench) -> Callable[[], float] | None:
    """The table's metric on the first evaluation split, or None where the recipe selects nothing."""
    if recipe.selection != "best":
        return None
    split = batches.read(bench.artifact(data), data.evaluation[0])

    def score() -> float:
        logits = predict(model, split, bench.device, recipe.precision, bench.parts)
        return next(iter(bench.score(data.task, logits, split.labels).values()))

    return score


def effort(recipe: Recipe, data: Encode, passes: int = 1) -> float:
    """Training effort in rows seen, each pass counted."""
    return float(recipe.epochs * data.train_rows * passes)


def train_split(data: Encode, bench: Workbench) -> batches.Encoded:
    """The tokenised training split."""
    folder: Path = bench.artifact(data)
    return batches.read(folder, "train")
