"""Movement pruning while fine-tuning, alone or with contrastive terms (CAP)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from methods import models
from methods.contract import Distillation
from methods.layers.masked import MaskedLinear
from methods.stages import parts
from methods.stages.pretrained import FromPretrained
from methods.stages.prune import Schedule
from methods.stages.stage import Json, Stage, Workbench
from methods.training.contrastive import Banks, Contrastive, Terms
from methods.training.hooks import Hook
from methods.training.loop import train
from methods.training.movement import Movement, Penalised, Soft, TopK
from methods.training.objectives import Objective


@dataclass(frozen=True)
class Contrast:
    """The contrastive terms beside the objective, and the fine-tuned model that one of their banks is made by."""

    fine_tuned: Stage
    terms: Terms


@dataclass(frozen=True)
class MovementPrune(FromPretrained):
    """Fine-tune a pre-trained encoder while trained scores decide which weights of its matrices stay.

    Artifact: the model with M * W written into its matrices, exact zeros and no scores.
    """

    kind: ClassVar[str] = "movement"

    teacher: Stage
    distillation: Distillation
    schedule: Schedule
    rule: TopK | Soft
    score_learning_rate: float
    freeze_embeddings: bool
    contrast: Contrast | None = None

    def __post_init__(self) -> None:
        """Refuse what trains nothing or means nothing, all faults at once."""
        faults = []
        if not self.score_learning_rate > 0:
            faults.append(
                f"score_learning_rate is a positive number, got {self.score_learning_rate}; 0.01 is the published one"
            )
        if self.contrast and self.contrast.terms.supervised and self.data.task_kind == "regression":
            faults.append(
                "supervised is a weight for rows of one class and 0 for regression, "
                f"got {self.contrast.terms.supervised}"
            )
        if faults:
            raise ValueError("MovementPrune: " + "; ".join(faults))

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Train weights and scores together, write the masks into the weights, save."""
        model = self.begin(bench)
        if self.freeze_embeddings:
            _freeze_embeddings(model)
        layers = {name: layer for name, layer in models.matrices(model).items() if isinstance(layer, nn.Linear)}
        models.put(model, {name: MaskedLinear(layer) for name, layer in layers.items()})
        movement = Movement(self.rule, self.schedule, self.score_learning_rate)
        split = parts.train_split(self.data, bench)
        single = parts.distilled(self.data, self.teacher, self.distillation, bench)
        objective: Objective = single
        hooks: tuple[Hook, ...] = (movement,)
        if self.contrast:
            banks = Banks(
                self.contrast.terms,
                models.load(bench.artifact(self.contrast.fine_tuned), device=bench.device),
                split,
                self.recipe.epochs,
                seed=self.seed,
                bench=bench,
                precision=self.recipe.precision,
            )
            objective, hooks = Contrastive(single, banks), (movement, banks)
        facts = train(
            model,
            split,
            Penalised(objective, movement),
            self.recipe,
            seed=self.seed,
            bench=bench,
            hooks=hooks,
            validate=parts.validation(model, self.data, self.recipe, bench),
        )
        models.put(
            model, {name: layer.export() for name, layer in model.named_modules() if isinstance(layer, MaskedLinear)}
        )
        models.save(model, bench.folder)
        return facts


def _freeze_embeddings(model: nn.Module) -> None:
    """Freeze the tables of embeddings and what is built around them, such as their normalisation."""
    encoder, _ = models.encoder_layers(model)
    tables = {name: module for name, module in model.named_modules() if isinstance(module, nn.Embedding)}
    for name, table in tables.items():
        around = name.rpartition(".")[0]
        outside = around and not f"{encoder}.".startswith(f"{around}.")  # else it would freeze the encoder too
        (model.get_submodule(around) if outside else table).requires_grad_(False)
