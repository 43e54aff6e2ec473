"""Train successor layers in the place of a finished model's layers (BERT-of-Theseus)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from torch import nn

from methods import models
from methods.contract import Recipe, derive
from methods.layers.replaceable import Replaceable, paired
from methods.stages import agreement, parts
from methods.stages.encode import Encode
from methods.stages.stage import Json, Stage, Workbench
from methods.training.loop import train
from methods.training.objectives import Supervised
from methods.training.replacing import Replaced, Replacement, Replacing

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Replace(Stage):
    """Train the layers of a shallower model inside a deeper one, on the labels alone.

    Artifact: the shallower model; its embeddings and head are what they were, as only its layers are trained.
    """

    kind: ClassVar[str] = "replace"

    successor: Stage  # what is trained: fewer layers, the predecessor's embeddings and head
    predecessor: Stage  # the finished model whose layers are replaced
    data: Encode
    recipe: Recipe
    replacement: Replacement
    seed: int

    def __post_init__(self) -> None:
        """Refuse a predecessor of other rows."""
        agreement.check_teachers(self.data, self.predecessor)

    @property
    def effort(self) -> float:
        """Rows seen."""
        return parts.effort(self.recipe, self.data)

    @property
    def scale(self) -> str:
        """Trainings of one scale have like speed."""
        return f"{self.data.encoder}/{self.data.data}"

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Put both together, train, take the successor out, save."""
        model = models.load(bench.artifact(self.successor))
        predecessor = models.load(bench.artifact(self.predecessor))
        agreement.check_labels(model, predecessor)
        layers = insert(model, predecessor)
        models.moved(model, bench.device)
        facts = train(
            model,
            parts.train_split(self.data, bench),
            Replaced(Supervised(self.data.task_kind)),
            self.recipe,
            seed=self.seed,
            bench=bench,
            hooks=(Replacing(self.replacement, derive(self.seed, "module-replacing")),),
            validate=parts.validation(model, self.data, self.recipe, bench),
        )
        extract(model, layers)
        models.save(model, bench.folder)
        return facts


def insert(model: "PreTrainedModel", predecessor: nn.Module) -> str:
    """Stand every layer of `model` beside the layers of `predecessor` it replaces; only `model`'s layers train.

    Returns:
        The name of the list of layers, which now holds the pairs.
    """
    name, successors = models.encoder_layers(model)
    old = models.encoder_layers(predecessor)[1]
    model.requires_grad_(False)
    successors.requires_grad_(True)
    models.put(model, {name: nn.ModuleList(paired(list(successors), list(old)))})
    return name


def extract(model: "PreTrainedModel", name: str) -> None:
    """Leave only the successor's layers in the list of that name."""
    pairs = model.get_submodule(name)
    assert isinstance(pairs, nn.ModuleList)  # noqa: S101  # as `insert` left it
    models.put(model, {name: nn.ModuleList([pair.successor for pair in pairs if isinstance(pair, Replaceable)])})
    model.requires_grad_(True)
