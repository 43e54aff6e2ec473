"""The hook of mixed-rank fine-tuning: factor pairs swapped for their sparse parents, ever more rarely (4.3)."""

import torch
from torch import Tensor, nn

from methods.layers.mixed_rank import MixedRankLinear, draw_all
from methods.ops.schedules import parent_probability
from methods.training.hooks import Hook


class MixedRank(Hook):
    """Draw z ~ Bernoulli(p) for every matrix and pass before each step; p falls to zero at half of training."""

    def __init__(self, p_init: float, passes: int, seed: int) -> None:
        """`seed` drives the draws alone."""
        self.p_init = p_init
        self.passes = passes
        self.generator = torch.Generator().manual_seed(seed)
        self.p = p_init

    def start(self, model: nn.Module, total: int) -> None:
        """Find the mixed layers."""
        self.layers = [module for module in model.modules() if isinstance(module, MixedRankLinear)]
        self.total = total

    def before_step(self, step: int) -> None:
        """Draw for this step."""
        self.p = parent_probability(step, self.total, self.p_init)  # Eq. 13
        draw_all(self.layers, self.p, self.generator, self.passes)  # Eq. 12

    def selectable(self, step: int) -> bool:
        """Only models that have left their parents may be selected."""
        return parent_probability(step, self.total, self.p_init) == 0

    def facts(self) -> dict[str, float]:
        """The probability of the last step."""
        return {"p": round(self.p, 6)}

    def state(self) -> dict[str, Tensor]:
        """The generator's state."""
        return {"generator": self.generator.get_state()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on with the same draws."""
        self.generator.set_state(state["generator"])
