"""CAP: movement pruning with representations held close to the pre-trained, earlier and fine-tuned model's."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from optuna.distributions import CategoricalDistribution, FloatDistribution

from methods.contract import Compressor, Family, Setting
from methods.movement import MovementPruning, SoftMovementPruning
from methods.space import LEARNING_RATES
from methods.stages.movement import Contrast
from methods.stages.stage import Stage
from methods.steps import dense
from methods.training.contrastive import Terms


@dataclass(frozen=True)
class CAP(Compressor):
    """Contrastive pruning on top of movement pruning, top-k (CAP-m) or soft (CAP-soft).

    For every batch three banks of representations give contrastive terms: of the pre-trained model (PrC), of the
    model at the beginning of each epoch (SnC) and of the fine-tuned model (FiC), the dense one of the setting. A
    representation is the input of the last linear layer: the pooled [CLS] output, or the [CLS] hidden state of
    models without a pooler. The supervised terms need classes; a regression task has the unsupervised ones only.
    With both weights 0 it is movement pruning, the same stage.
    """

    unsupervised: float = 0.1  # w_u
    supervised: float = 10.0  # w_s; a task of scores has no such term
    temperature: float = 0.1
    extra: int = 4096
    half: bool = True  # banks in half precision; float32 needs twice the memory
    soft: bool = False
    score_learning_rate: float = 1e-2

    label: ClassVar[str] = "CAP"
    family: ClassVar[Family] = Family.UNSTRUCTURED_PRUNING
    source: ClassVar[str] = (
        "Xu et al., AAAI 2022 (arXiv 2112.07198); RunxinXu/ContrastivePruning, UnstructuredPruning"
    )
    space: ClassVar[Mapping[str, Any]] = {
        "unsupervised": FloatDistribution(0.01, 1.0, log=True),
        "supervised": FloatDistribution(1.0, 30.0, log=True),
        "temperature": CategoricalDistribution((0.1, 0.3)),
        "lr": LEARNING_RATES,
    }

    def plan(self, setting: Setting) -> Stage:
        """Prune to the budget."""
        plain = self.pruner.plan(setting)
        supervised = 0.0 if setting.task.kind == "regression" else self.supervised
        if self.unsupervised == supervised == 0:
            return plain
        terms = Terms(self.unsupervised, supervised, self.temperature, self.extra, self.half)
        return replace(plain, contrast=Contrast(dense(setting), terms))

    @property
    def pruner(self) -> MovementPruning | SoftMovementPruning:
        """The method underneath."""
        kind = SoftMovementPruning if self.soft else MovementPruning
        return kind(score_learning_rate=self.score_learning_rate)

    def refused(self, setting: Setting) -> str | None:
        """What the method underneath refuses."""
        return self.pruner.refused(setting)

    def title(self) -> str:
        """The authors' names of the two."""
        return "CAP-soft" if self.soft else "CAP-m"

    def notes(self, setting: Setting) -> tuple[str, ...]:
        """What regression leaves of the contrastive terms."""
        if setting.task.kind != "regression":
            return ()
        return ("scores are no classes: the contrastive terms are the unsupervised ones alone",)


METHODS = {"cap": CAP(), "cap-soft": CAP(soft=True)}
