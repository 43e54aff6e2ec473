"""What trainings have in common that begin with pre-trained weights and a fresh head."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from methods import models
from methods.contract import Recipe, derive
from methods.stages import parts
from methods.stages.encode import Encode
from methods.stages.stage import Stage, Workbench

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class FromPretrained(Stage):
    """A training of a pre-trained encoder on a task."""

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

    def begin(self, bench: Workbench) -> "PreTrainedModel":
        """The encoder under a head that only the seed decides, whatever the method."""
        return models.pretrained(
            bench.encoder(self.encoder), self.data.outputs, derive(self.seed, "head"), bench.device
        )
