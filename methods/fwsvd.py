"""FWSVD: SVD weighted by Fisher information (Hsu et al., ICLR 2022)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from optuna.distributions import CategoricalDistribution

from methods.contract import Compressor, Family, Setting
from methods.space import LEARNING_RATES
from methods.stages.factorize import Factorize, FisherWeighting
from methods.stages.fisher import Fisher
from methods.stages.retrain import Retrain
from methods.stages.stage import Stage
from methods.steps import dense, encoded, oversized, rank, teacher_logits


@dataclass(frozen=True)
class FWSVD(Compressor):
    """Fine-tune densely, factorize with each row's error weighted by its Fisher information, re-train.

    It is SVD_Ft but for the weights of the factorization, and differs from LPAF's sparsity-aware SVD in what is
    factorized (the dense model), in the weights (squared gradients) and in the exponent (1/2).
    """

    rank: int | None = None  # None: from the budget
    side: Literal["row", "col"] = "row"  # which side of [out, in] shares a weight: output units or input units
    gamma: float = 0.5  # exponent of the summed information: 0.5 minimises the weighted squared error
    rows: int = 16_384  # most examples the information is averaged over

    label: ClassVar[str] = "FWSVD"
    family: ClassVar[Family] = Family.FACTORIZATION
    source: ClassVar[str] = "Hsu et al., ICLR 2022 (arXiv 2207.00112), sections 3-4; no official code found"
    space: ClassVar[Mapping[str, Any]] = {
        "side": CategoricalDistribution(("row", "col")),
        "gamma": CategoricalDistribution((0.25, 0.5, 1.0)),
        "lr": LEARNING_RATES,
    }

    def __post_init__(self) -> None:
        """Refuse a pass over nothing."""
        if self.rows < 1:
            raise ValueError(f"FWSVD: rows is a number of examples >= 1, got {self.rows}")

    def plan(self, setting: Setting) -> Stage:
        """Dense -> Fisher information -> weighted factors -> plain re-training."""
        model, data = dense(setting), encoded(setting)
        fisher = Fisher(model, data, min(self.rows, data.train_rows), setting.seed)
        weighting = FisherWeighting(scores=fisher, gamma=self.gamma, side=self.side)
        return Retrain(
            model=Factorize(model, rank(setting, self.rank), weighting),
            data=data,
            teacher=teacher_logits(setting),
            recipe=setting.protocol.retrain,
            distillation=setting.protocol.distillation,
            seed=setting.seed,
        )

    def notes(self, setting: Setting) -> tuple[str, ...]:
        """Where the rank asked for is not what a matrix can have or gain from."""
        return oversized(setting, self.rank)


METHODS = {"fwsvd": FWSVD()}
