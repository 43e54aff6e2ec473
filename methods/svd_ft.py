"""SVD_Ft: truncated SVD of the fine-tuned encoder, then re-training (Ben Noach & Goldberg, AACL 2020)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from optuna.distributions import CategoricalDistribution

from methods.contract import Compressor, Family, Setting
from methods.space import LEARNING_RATES
from methods.stages.factorize import Factorize
from methods.stages.retrain import Retrain
from methods.stages.stage import Stage
from methods.steps import dense, encoded, oversized, rank, teacher_logits
from methods.training.features import FeatureDistillation


@dataclass(frozen=True)
class SVDFt(Compressor):
    """Fine-tune densely, factorize with plain SVD, re-train under the unified objective.

    It is LPAF with every part off: same stages, same keys. With `features` the layer outputs are distilled as well,
    which is closer to the original.
    """

    rank: int | None = None  # None: from the budget
    features: float = 0.0  # beta, weight of the layer outputs' distance; 0: logits alone, as in the LPAF paper

    label: ClassVar[str] = "SVD_Ft"
    family: ClassVar[Family] = Family.FACTORIZATION
    source: ClassVar[str] = (
        "Ben Noach & Goldberg, AACL 2020; re-training as the LPAF paper, section 5.1.2-5.1.3; no official code found"
    )

    space: ClassVar[Mapping[str, Any]] = {"features": CategoricalDistribution((0.1, 1.0, 10.0)), "lr": LEARNING_RATES}

    def __post_init__(self) -> None:
        """Refuse a negative weight."""
        if self.features < 0:
            raise ValueError(f"SVD_Ft: features is a weight >= 0, got {self.features}; 0 distils logits alone")

    def searched(self) -> Mapping[str, Any]:
        """Without features there is no weight of theirs to search."""
        return {name: values for name, values in self.space.items() if name != "features" or self.features}

    def title(self) -> str:
        """The label, and whether features are distilled."""
        return f"{self.label} + FD" if self.features else self.label

    def plan(self, setting: Setting) -> Stage:
        """Dense -> factors (Eq. 2) -> plain re-training."""
        teacher, distillation = dense(setting), setting.protocol.distillation
        if self.features:
            distillation = FeatureDistillation(**asdict(distillation), teacher=teacher, beta=self.features)
        return Retrain(
            model=Factorize(teacher, rank(setting, self.rank)),
            data=encoded(setting),
            teacher=teacher_logits(setting),
            recipe=setting.protocol.retrain,
            distillation=distillation,
            seed=setting.seed,
        )

    def notes(self, setting: Setting) -> tuple[str, ...]:
        """Where the rank asked for is not what a matrix can have or gain from."""
        return oversized(setting, self.rank)


METHODS = {"svd-ft": SVDFt(), "svd-ft-fd": SVDFt(features=1.0)}
