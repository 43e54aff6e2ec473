"""Re-train a factorized model, plainly or with mixed ranks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from methods import models
from methods.contract import Distillation, Recipe, derive
from methods.layers.low_rank import LowRankLinear
from methods.layers.mixed_rank import MixedRankLinear
from methods.stages import agreement, parts
from methods.stages.encode import Encode
from methods.stages.stage import Json, Stage, Workbench
from methods.training.features import Featured, FeatureDistillation
from methods.training.loop import train
from methods.training.mixed_rank import MixedRank
from methods.training.objectives import Objective, TwoPass


@dataclass(frozen=True)
class Mixing:
    """Mixed-rank fine-tuning (section 4.3): which parent stands in, how often, and how two passes are tied."""

    parent: Stage  # the sparse model that was factorized; frozen
    p_init: float
    consistency: float | None = 1.0  # weight of L_c between two passes (Eq. 14); None: one pass, no L_c

    def __post_init__(self) -> None:
        """Refuse impossible values, all faults at once."""
        faults = []
        if not 0 <= self.p_init <= 1:
            faults.append(f"p_init is a probability in [0, 1], got {self.p_init}")
        if self.consistency is not None and self.consistency < 0:
            faults.append(f"consistency is a weight >= 0 or None, got {self.consistency}")
        if faults:
            raise ValueError("Mixing: " + "; ".join(faults))

    @property
    def passes(self) -> int:
        """Stochastic passes a step."""
        return 1 if self.consistency is None else 2


@dataclass(frozen=True)
class Retrain(Stage):
    """Train a compressed model under the unified objective. Artifact: the model, without any parent."""

    kind: ClassVar[str] = "retrain"

    model: Stage
    data: Encode
    teacher: Stage
    recipe: Recipe
    distillation: Distillation
    seed: int
    mixing: Mixing | None = None

    def __post_init__(self) -> None:
        """Refuse two teachings that do not go together, and a teacher of other rows."""
        agreement.check_teachers(self.data, self.teacher)
        if self.mixing and isinstance(self.distillation, FeatureDistillation):
            raise ValueError(
                "Retrain: features are distilled into factors alone, and mixing swaps factors for their parents; "
                "give one of mixing and FeatureDistillation"
            )

    @property
    def effort(self) -> float:
        """Rows seen, each pass counted."""
        return parts.effort(self.recipe, self.data, self.mixing.passes if self.mixing else 1)

    @property
    def scale(self) -> str:
        """Trainings of one scale have like speed."""
        return f"{self.data.encoder}/{self.data.data}"

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Train, drop the parents, save."""
        model = models.load(bench.artifact(self.model))
        single = parts.distilled(self.data, self.teacher, self.distillation, bench)
        objective: Objective = single
        if isinstance(self.distillation, FeatureDistillation):
            teacher = models.load(bench.artifact(self.distillation.teacher), device=bench.device)
            objective = Featured(single, teacher, self.distillation.beta)
        hooks: tuple[MixedRank, ...] = ()
        if self.mixing:
            _attach_parents(model, models.load(bench.artifact(self.mixing.parent)))
            draws = derive(self.seed, "mixed-rank")
            hooks = (MixedRank(self.mixing.p_init, self.mixing.passes, draws),)
            if self.mixing.consistency is not None:
                objective = TwoPass(single, self.mixing.consistency)
        models.moved(model, bench.device)
        facts = train(
            model,
            parts.train_split(self.data, bench),
            objective,
            self.recipe,
            seed=self.seed,
            bench=bench,
            hooks=hooks,
            validate=parts.validation(model, self.data, self.recipe, bench),
        )
        models.put(
            model,
            {name: layer.export() for name, layer in model.named_modules() if isinstance(layer, MixedRankLinear)},
        )
        models.save(model, bench.folder)
        return facts


def _attach_parents(model: nn.Module, sparse: nn.Module) -> None:
    """Stand every factor pair beside the frozen sparse matrix it came from."""
    parents = models.matrices(sparse)
    mixed: dict[str, nn.Module] = {}
    for name, layer in models.matrices(model).items():
        if isinstance(layer, LowRankLinear):
            parent = parents[name]
            assert isinstance(parent, nn.Linear)  # noqa: S101  # what was factorized is dense
            mixed[name] = MixedRankLinear(layer, parent.weight.detach())
    models.put(model, mixed)
