"""LPAF: low-rank prune-and-factorize (Ren & Zhu, LREC-COLING 2024)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from optuna.distributions import CategoricalDistribution

from methods.contract import Compressor, Family, Setting
from methods.stages.factorize import Factorize, Weighting
from methods.stages.prune import Score
from methods.stages.retrain import Mixing, Retrain
from methods.stages.stage import Stage
from methods.steps import dense, encoded, pruned, rank, teacher_logits

# The paper tunes v and p_init for each task and prints the sweeps of one, SST-2 (Tables 4 and 7). Their optima by
# budget serve as defaults: (smallest budget they hold for, v, p_init).
SST2_OPTIMA = ((0.4, 0.50, 0.1), (0.2, 0.25, 0.3), (0.0, 0.10, 0.7))


@dataclass(frozen=True)
class LPAF(Compressor):
    """First-order pruning, sparsity-aware SVD of what is left, mixed-rank fine-tuning of the factors.

    Every part can be switched off. Without first-order pruning but with sparsity-aware SVD the dense model is
    trained by the same pruner at v = 1, so that importance is still collected; with both off the dense model is
    the teacher itself, and with all three off the method is SVD_Ft.
    """

    v: float | None = None  # kept share of the sparse model; None: SST-2's optimum for the budget (Table 4)
    rank: int | None = None  # None: from the budget
    p_init: float | None = None  # None: SST-2's optimum for the budget (Table 7)
    gamma: float = 1.0
    weight_by: Literal["importance", "mask"] = "importance"
    consistency: float | None = 1.0  # lambda_c; None: one pass without L_c (Table 6)
    first_order_pruning: bool = True  # Step 1
    sparsity_aware: bool = True  # Step 2
    mixed_rank: bool = True  # Step 3
    beta: float = 0.85
    window: int = 10
    scope: Literal["global", "local"] = "global"

    label: ClassVar[str] = "LPAF"
    family: ClassVar[Family] = Family.FACTORIZATION
    source: ClassVar[str] = "Ren & Zhu, LREC-COLING 2024 (arXiv 2306.14152), sections 4-5; no official code"
    space: ClassVar[Mapping[str, Any]] = {
        "v": CategoricalDistribution((0.5, 0.25, 0.1)),
        "p_init": CategoricalDistribution((0.7, 0.5, 0.3, 0.1)),
    }

    def plan(self, setting: Setting) -> Stage:
        """Sparse model -> weighted factors -> mixed-rank fine-tuning."""
        v, p_init = self.tuned(setting.budget.kept)
        score = Score("first", self.beta, self.window, self.scope)
        if self.first_order_pruning:
            parent: Stage = pruned(setting, v, score)
        elif self.sparsity_aware and self.weight_by == "importance":
            parent = pruned(setting, 1.0, score)
        else:
            parent = dense(setting)
        weighting = Weighting(self.weight_by, self.gamma) if self.sparsity_aware else None
        return Retrain(
            model=Factorize(parent, rank(setting, self.rank), weighting),
            data=encoded(setting),
            teacher=teacher_logits(setting),
            recipe=setting.protocol.retrain,
            distillation=setting.protocol.distillation,
            seed=setting.seed,
            mixing=Mixing(parent, p_init, consistency=self.consistency) if self.mixed_rank else None,
        )

    def tuned(self, kept: float) -> tuple[float, float]:
        """V and p_init: the values given, else SST-2's optima for the nearest of the paper's budgets."""
        v, p_init = next((v, p) for floor, v, p in SST2_OPTIMA if kept >= floor)
        return (v if self.v is None else self.v, p_init if self.p_init is None else self.p_init)


METHODS = {"lpaf": LPAF()}
