"""Gradual unstructured pruning while fine-tuning: by magnitude (zero order) or by sensitivity (first order)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from safetensors.torch import save_file

from methods import models
from methods.contract import Distillation
from methods.stages import parts
from methods.stages.pretrained import FromPretrained
from methods.stages.stage import Json, Stage, Workbench, added
from methods.training.loop import train
from methods.training.pruning import Pruning

IMPORTANCE = "importance.safetensors"


@dataclass(frozen=True)
class Schedule:
    """How the kept share falls: cubic from 1 to `kept` between the two shares of the steps (Eq. 5)."""

    kept: float  # v_f
    warmup: float  # t_i as a share of the steps
    cooldown: float  # t_f as a share of the steps
    interval: int = 10  # steps between maskings

    def __post_init__(self) -> None:
        """Refuse schedules without a decay, all faults at once."""
        faults = []
        if not 0 < self.kept <= 1:
            faults.append(f"kept is a fraction in (0, 1], got {self.kept}; write 0.5 for 50 %")
        if min(self.warmup, self.cooldown) < 0 or self.warmup + self.cooldown >= 1:
            faults.append(
                "warmup and cooldown are shares >= 0 of the steps that leave room for the decay, "
                f"got {self.warmup} + {self.cooldown}; together they stay below 1"
            )
        if self.interval < 1:
            faults.append(f"interval is a number of steps >= 1, got {self.interval}")
        if faults:
            raise ValueError("Schedule: " + "; ".join(faults))


@dataclass(frozen=True)
class Score:
    """What decides which weight goes: |w|, or the moving average of |w * dL/dw|.

    With `uncertainty` below 1 that average is multiplied by the moving average of its own deviation, which is the
    score of PLATON (Zhang et al., 2022); at 1 it stands alone, which is the score of LPAF.
    """

    order: Literal["zero", "first"]
    beta: float = 0.85  # of the moving average over windows (first order)
    window: int = 10  # steps averaged before they enter the moving average (first order)
    scope: Literal["global", "local"] = "global"  # one threshold for all matrices, or one each
    uncertainty: float = added(1.0)  # beta2, decay of the deviation's average (first order); 1 leaves it out

    def __post_init__(self) -> None:
        """Refuse scores that do not exist, all faults at once."""
        faults = []
        if self.order not in ("zero", "first"):
            faults.append(f"order is zero (magnitude) or first (sensitivity), got {self.order}")
        if self.scope not in ("global", "local"):
            faults.append(f"scope is global or local, got {self.scope}")
        if not 0 <= self.beta < 1:
            faults.append(f"beta is a share of the past in [0, 1), got {self.beta}")
        if not 0 < self.uncertainty <= 1:
            faults.append(
                f"uncertainty is a decay in (0, 1], got {self.uncertainty}; 1 leaves the deviation out, PLATON's is "
                "0.85 to 0.95"
            )
        if self.window < 1:
            faults.append(f"window is a number of steps >= 1, got {self.window}")
        if faults:
            raise ValueError("Score: " + "; ".join(faults))


@dataclass(frozen=True)
class Prune(FromPretrained):
    """Fine-tune a pre-trained encoder while its matrices lose weights.

    Artifact: the model with exact zeros, and for first-order scores `importance.safetensors`: the final moving
    average, one non-negative tensor [out, in] a matrix (the S of LPAF).
    """

    kind: ClassVar[str] = "prune"

    teacher: Stage
    distillation: Distillation
    schedule: Schedule
    score: Score

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Train, prune, save; the facts hold how many rows are wholly zero."""
        model = self.begin(bench)
        pruning = Pruning(self.score, self.schedule)
        facts = train(
            model,
            parts.train_split(self.data, bench),
            parts.distilled(self.data, self.teacher, self.distillation, bench),
            self.recipe,
            seed=self.seed,
            bench=bench,
            hooks=(pruning,),
            validate=parts.validation(model, self.data, self.recipe, bench),
        )
        models.save(model, bench.folder)
        if self.score.order == "first":
            scores = pruning.scores()
            save_file({name: score.cpu().contiguous() for name, score in scores.items()}, bench.folder / IMPORTANCE)
        return facts
