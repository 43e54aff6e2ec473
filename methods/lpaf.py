"""LPAF: low-rank prune-and-factorize (Ren & Zhu, LREC-COLING 2024), and the rows that leave a part of it out."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from optuna.distributions import CategoricalDistribution

from methods.contract import Compressor, Family, Setting
from methods.space import LEARNING_RATES
from methods.stages.factorize import Factorize, Weighting
from methods.stages.prune import Score
from methods.stages.retrain import Mixing, Retrain
from methods.stages.stage import Stage
from methods.steps import dense, encoded, oversized, pruned, rank, teacher_logits

# The paper tunes v and p_init for each task and prints the sweeps of one, SST-2 (Tables 4 and 7). Their optima by
# budget serve as defaults: (smallest budget they hold for, v, p_init).
SST2_OPTIMA = ((0.4, 0.50, 0.1), (0.2, 0.25, 0.3), (0.0, 0.10, 0.7))
PARTS = {"first_order_pruning": True, "weighting": "importance", "mixed_rank": True}  # what Table 2 takes away


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
    weighting: Literal["importance", "mask", "none"] = "importance"  # Step 2; none: plain SVD (Table 5)
    gamma: float = 1.0  # exponent of the row importance
    side: Literal["row", "col"] = "row"  # which side of [out, in] carries the importance
    consistency: float | None = 1.0  # lambda_c; None: one pass without L_c (Table 6)
    first_order_pruning: bool = True  # Step 1
    mixed_rank: bool = True  # Step 3
    retrained: bool = True  # False: the factors as they are before Step 3 (Table 5)
    beta: float = 0.85
    window: int = 10
    uncertainty: float = 1.0  # below 1: PLATON's score in place of its moving average alone
    scope: Literal["global", "local"] = "global"

    label: ClassVar[str] = "LPAF"
    family: ClassVar[Family] = Family.FACTORIZATION
    source: ClassVar[str] = "Ren & Zhu, LREC-COLING 2024 (arXiv 2306.14152), sections 4-5; no official code"
    space: ClassVar[Mapping[str, Any]] = {
        "v": CategoricalDistribution((0.5, 0.25, 0.1)),
        # 0.1 is not in the set the paper says it searched, and is its best at rank 260 (Table 7).
        "p_init": CategoricalDistribution((0.7, 0.5, 0.3, 0.1)),
        "lr": LEARNING_RATES,
    }

    def __post_init__(self) -> None:
        """Refuse values out of range, all faults at once; ranks are held against the matrices in `plan`."""
        faults = []
        if self.v is not None and not 0 < self.v <= 1:
            faults.append(f"v is a fraction in (0, 1], got {self.v}; write 0.5 for 50 %")
        if self.rank is not None and self.rank < 1:
            faults.append(f"rank is a whole number >= 1, got {self.rank}")
        if self.p_init is not None and not 0 <= self.p_init <= 1:
            faults.append(f"p_init is a probability in [0, 1], got {self.p_init}; write 0.5 for 50 %")
        if self.weighting not in ("importance", "mask", "none"):
            faults.append(f"weighting is importance, mask or none, got {self.weighting!r}")
        if not 0 < self.gamma <= 1:
            faults.append(f"gamma is an exponent in (0, 1], got {self.gamma}; 1 as Eqs. 9-11, 0.5 as Eq. 7 asks")
        if self.side not in ("row", "col"):
            faults.append(f"side is row or col, got {self.side!r}")
        if self.consistency is not None and self.consistency < 0:
            faults.append(f"consistency is a weight >= 0 or None, got {self.consistency}")
        if faults:
            raise ValueError("LPAF: " + "; ".join(faults))

    def plan(self, setting: Setting) -> Stage:
        """Sparse model -> weighted factors -> mixed-rank fine-tuning."""
        v, p_init = self.tuned(setting.budget.kept)
        score = Score("first", self.beta, self.window, self.scope, self.uncertainty)
        if self.first_order_pruning:
            parent: Stage = pruned(setting, v, score)
        elif self.weighting == "importance":
            parent = pruned(setting, 1.0, score)
        else:
            parent = dense(setting)
        weighting = None if self.weighting == "none" else Weighting(self.weighting, self.gamma, self.side)
        factors = Factorize(parent, rank(setting, self.rank), weighting)
        if not self.retrained:
            return factors
        return Retrain(
            model=factors,
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

    def searched(self) -> Mapping[str, Any]:
        """Without a step its knob is idle."""
        idle = set() if self.first_order_pruning else {"v"}
        idle |= set() if self.mixed_rank and self.retrained else {"p_init"}
        return {name: values for name, values in self.space.items() if name not in idle}

    def title(self) -> str:
        """The label, the steps that are left out as the paper writes them, and the knobs that differ."""
        knobs = self.knobs()
        left_out = [step for step, part in enumerate(PARTS, start=1) if knobs[part] != PARTS[part]]
        differing = [
            f"{field.name}={knobs[field.name]}"
            for field in dataclasses.fields(self)
            if knobs[field.name] != field.default and (field.name not in PARTS or knobs[field.name] == "mask")
        ]
        removed = "".join(f" - Step-{step}" for step in left_out if not (step == 2 and self.weighting == "mask"))
        return f"{self.label}{removed}" + (f" ({', '.join(differing)})" if differing else "")

    def notes(self, setting: Setting) -> tuple[str, ...]:
        """Where the rank asked for is not what a matrix can have or gain from."""
        return oversized(setting, self.rank)


METHODS = {
    "lpaf": LPAF(),
    # The dense model trained by the same pruner at v = 1, so that importance exists: one thing changes.
    "lpaf-step1": LPAF(first_order_pruning=False),
    # The other reading of the paper's row: without a pruner there is no importance, hence plain SVD.
    "lpaf-step1-vanilla": LPAF(first_order_pruning=False, weighting="none"),
    "lpaf-step2": LPAF(weighting="none"),
    "lpaf-step3": LPAF(mixed_rank=False),
}
