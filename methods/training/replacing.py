"""The hook of module replacing: at each step, which modules run their successor; and the objective that bears it."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from methods.layers.replaceable import Replaceable
from methods.ops.replacement import constant_rate, linear_rate
from methods.training.batches import Batch
from methods.training.hooks import Hook
from methods.training.objectives import Objective


@dataclass(frozen=True)
class Replacement:
    """How the replacing rate grows: from `rate` in a line to 1, or constant and then 1, reached at `until`."""

    schedule: Literal["linear", "constant"]
    rate: float  # b of Eq. 6, or the constant p
    until: float  # share of the steps after which only successors run

    def __post_init__(self) -> None:
        """Refuse schedules that do not exist, all faults at once."""
        faults = []
        if self.schedule not in ("linear", "constant"):
            faults.append(f"schedule is linear or constant, got {self.schedule}")
        if not 0 < self.rate <= 1:
            faults.append(f"rate is a probability in (0, 1], got {self.rate}; write 0.5 for 50 %")
        if not 0 <= self.until <= 1:
            faults.append(f"until is a share of the steps in [0, 1], got {self.until}")
        if faults:
            raise ValueError("Replacement: " + "; ".join(faults))

    def at(self, step: int, total: int) -> float:
        """The rate of the forward pass of update `step`, from 0, of `total`."""
        reached = max(1, round(self.until * total))
        if self.schedule == "constant":
            return constant_rate(step, self.rate, reached)
        # k = (1 - b) / N of Eq. 6; from N on the rate is 1, not 1 but for rounding
        return 1.0 if step >= reached else linear_rate(step, (1 - self.rate) / reached, self.rate)


class Replacing(Hook):
    """Draw r ~ Bernoulli(p) for every module before each step, once for the whole batch (Eq. 2)."""

    def __init__(self, replacement: Replacement, seed: int) -> None:
        """`seed` drives the draws alone."""
        self.replacement = replacement
        self.generator = torch.Generator().manual_seed(seed)
        self.rate = replacement.rate

    def start(self, model: nn.Module, total: int) -> None:
        """Find the modules."""
        self.modules = [module for module in model.modules() if isinstance(module, Replaceable)]
        self.total = total

    def before_step(self, step: int) -> None:
        """Draw for this step.

        Layers that do not run have a gradient of zero rather than none, so that the optimizer's moments decay for
        them too, as in the published code.
        """
        self.rate = self.replacement.at(step, self.total)  # Eq. 6
        drawn = torch.rand(len(self.modules), generator=self.generator, dtype=torch.float64) < self.rate
        for module, one in zip(self.modules, drawn.tolist(), strict=True):
            module.drawn = one
            for parameter in module.successor.parameters():
                parameter.grad = torch.zeros_like(parameter)

    def facts(self) -> dict[str, float]:
        """The rate of the last step."""
        return {"replacing_rate": round(self.rate, 6)}

    def state(self) -> dict[str, Tensor]:
        """The generator's state."""
        return {"generator": self.generator.get_state()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on with the same draws."""
        self.generator.set_state(state["generator"])


class Replaced:
    """An objective for a model of which, at some steps, nothing that runs is trained."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.separable = objective.separable

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """The objective; where no successor was drawn its gradient is zero."""
        loss = self.objective(model, batch)
        return loss if loss.requires_grad else loss.requires_grad_()
