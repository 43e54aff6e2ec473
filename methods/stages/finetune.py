"""Dense fine-tuning: the reference of every table and the teacher of every method."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from methods import models
from methods.contract import Recipe, derive
from methods.stages import parts
from methods.stages.encode import Encode
from methods.stages.stage import Json, Stage, Workbench
from methods.training.loop import train
from methods.training.objectives import Supervised


@dataclass(frozen=True)
class FineTune(Stage):
    """A pre-trained encoder with a fresh head, trained on the labels alone. Artifact: the model."""

    kind: ClassVar[str] = "finetune"

    encoder: str  # fingerprint
    data: Encode
    recipe: Recipe
    seed: int

    @property
    def effort(self) -> float:
        """Rows seen."""
        return parts.effort(self.recipe, self.data)

    @property
    def scale(self) -> str:
        """Trainings of one scale have like speed."""
        return f"{self.encoder}/{self.data.data}"

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Train and save."""
        model = models.pretrained(
            bench.encoder(self.encoder), self.data.outputs, derive(self.seed, "head"), bench.device
        )
        facts = train(
            model,
            parts.train_split(self.data, bench),
            Supervised(self.data.task_kind),
            self.recipe,
            seed=self.seed,
            bench=bench,
            validate=parts.validation(model, self.data, self.recipe, bench),
        )
        models.save(model, bench.folder)
        return facts
