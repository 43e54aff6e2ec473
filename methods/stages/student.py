"""Build a shallower student: some layers of a pre-trained encoder under a fresh head, or of a finished model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from methods import models
from methods.contract import derive
from methods.stages import agreement
from methods.stages.encode import Encode
from methods.stages.stage import Json, Stage, Workbench

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Student(Stage):
    """Some layers of a pre-trained encoder under a fresh head, the same head as the teacher began with.

    Artifact: the model, not yet trained. Its configuration says what the budget is a share of.
    """

    kind: ClassVar[str] = "student"

    encoder: str | Stage  # fingerprint, or a stage whose artifact is an encoder (general distillation)
    layers: tuple[int, ...]  # which of its layers, 0-based, in order
    data: Encode  # what it will read and answer
    dense_weights: int  # matrix weights of the dense encoder it stands for: 100 % of the budget
    seed: int

    def __post_init__(self) -> None:
        """Refuse a choice of no layers."""
        _refuse_empty(self.layers)

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Load, check that it reads the data's word pieces, keep the layers, save."""
        given = isinstance(self.encoder, str)
        folder = bench.encoder(self.encoder) if isinstance(self.encoder, str) else bench.artifact(self.encoder)
        if given and self.encoder != self.data.encoder:
            agreement.check_tokenizers(folder, bench.encoder(self.data.encoder))
        model = models.pretrained(folder, self.data.outputs, derive(self.seed, "head"))
        agreement.check_length(model, self.data)
        models.keep_layers(model, self.layers)
        model.config.dense_encoder_weights = self.dense_weights
        models.save(model, bench.folder)
        return _facts(model)


@dataclass(frozen=True)
class Shallow(Stage):
    """Some layers of a finished model, its head and all. Artifact: the model, not trained again."""

    kind: ClassVar[str] = "shallow"

    model: Stage
    layers: tuple[int, ...]  # which of its layers, 0-based, in order

    def __post_init__(self) -> None:
        """Refuse a choice of no layers."""
        _refuse_empty(self.layers)

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Load, keep the layers, save."""
        model = models.load(bench.artifact(self.model))
        models.keep_layers(model, self.layers)
        models.save(model, bench.folder)
        return _facts(model)


def _refuse_empty(layers: tuple[int, ...]) -> None:
    if not layers or min(layers) < 0:
        raise ValueError(f"a student keeps one layer or more, numbered from 0, got {list(layers)}")


def _facts(model: "PreTrainedModel") -> dict[str, Json]:
    """How many layers, and their exact share of the dense encoder."""
    kept = sum(layer.out_features * layer.in_features for layer in models.matrices(model).values())
    layers = len(models.encoder_layers(model)[1])
    return {"layers": layers, "share": round(kept / models.dense_weights(model), 6)}
