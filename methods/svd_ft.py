"""SVD_Ft: truncated SVD of the fine-tuned encoder, then re-training (Ben Noach & Goldberg, AACL 2020)."""

from dataclasses import dataclass
from typing import ClassVar

from methods.contract import Compressor, Family, Setting
from methods.stages.factorize import Factorize
from methods.stages.retrain import Retrain
from methods.stages.stage import Stage
from methods.steps import dense, encoded, oversized, rank, teacher_logits


@dataclass(frozen=True)
class SVDFt(Compressor):
    """Fine-tune densely, factorize with plain SVD, re-train under the unified objective.

    It is LPAF with every part off: same stages, same keys.
    """

    rank: int | None = None  # None: from the budget

    label: ClassVar[str] = "SVD_Ft"
    family: ClassVar[Family] = Family.FACTORIZATION
    source: ClassVar[str] = (
        "Ben Noach & Goldberg, AACL 2020; re-training as the LPAF paper, section 5.1.2-5.1.3; no official code found"
    )

    def plan(self, setting: Setting) -> Stage:
        """Dense -> factors (Eq. 2) -> plain re-training."""
        return Retrain(
            model=Factorize(dense(setting), rank(setting, self.rank)),
            data=encoded(setting),
            teacher=teacher_logits(setting),
            recipe=setting.protocol.retrain,
            distillation=setting.protocol.distillation,
            seed=setting.seed,
        )

    def notes(self, setting: Setting) -> tuple[str, ...]:
        """Where the rank asked for is not what a matrix can have or gain from."""
        return oversized(setting, self.rank)


METHODS = {"svd-ft": SVDFt()}
