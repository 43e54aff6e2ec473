"""Dense fine-tuning: the reference of every table and the teacher of every method."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from methods import models
from methods.stages import parts
from methods.stages.pretrained import FromPretrained
from methods.stages.stage import Json, Workbench
from methods.training.loop import train
from methods.training.objectives import Supervised


@dataclass(frozen=True)
class FineTune(FromPretrained):
    """A pre-trained encoder with a fresh head, trained on the labels alone. Artifact: the model."""

    kind: ClassVar[str] = "finetune"

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Train and save."""
        model = self.begin(bench)
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
