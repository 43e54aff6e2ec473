"""Unstructured pruning to the budget itself: by magnitude (UP_zero) and by first-order scores (UP_first)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from optuna.distributions import CategoricalDistribution

from methods.contract import Compressor, Family, Setting
from methods.space import LEARNING_RATES
from methods.stages.prune import Score
from methods.stages.stage import Stage
from methods.steps import pruned


@dataclass(frozen=True)
class MagnitudePruning(Compressor):
    """Gradual pruning by |w| while fine-tuning; zeros are soft, the share falls by the cubic schedule (Eq. 5)."""

    scope: Literal["global", "local"] = "global"
    interval: int = 10  # steps between maskings

    label: ClassVar[str] = "UP_zero"
    family: ClassVar[Family] = Family.UNSTRUCTURED_PRUNING
    source: ClassVar[str] = "Han et al. 2015; Zhu & Gupta 2017; the LPAF paper, sections 2.2 and 3"
    space: ClassVar[Mapping[str, Any]] = {
        "scope": CategoricalDistribution(("global", "local")),
        "lr": LEARNING_RATES,
    }

    def plan(self, setting: Setting) -> Stage:
        """Prune to the budget."""
        return pruned(setting, setting.budget.kept, Score("zero", window=self.interval, scope=self.scope))


@dataclass(frozen=True)
class FirstOrderPruning(Compressor):
    """Gradual pruning by the moving average of |w * dL/dw|, with or without PLATON's uncertainty factor."""

    beta: float = 0.85
    window: int = 10
    scope: Literal["global", "local"] = "global"
    uncertainty: float = 1.0  # beta2; 1 leaves the factor out (LPAF's score), 0.85 to 0.95 are PLATON's

    label: ClassVar[str] = "UP_first"
    family: ClassVar[Family] = Family.UNSTRUCTURED_PRUNING
    source: ClassVar[str] = (
        "Zhang et al., ICML 2022 (QingruZhang/PLATON), UP_first with beta2 = 1; the LPAF paper, sections 2.2 and 3, "
        "and its authors' answer to reviewer 2"
    )
    space: ClassVar[Mapping[str, Any]] = {
        "scope": CategoricalDistribution(("global", "local")),
        "uncertainty": CategoricalDistribution((0.85, 0.9, 0.95)),
        "lr": LEARNING_RATES,
    }

    def plan(self, setting: Setting) -> Stage:
        """Prune to the budget."""
        return pruned(
            setting, setting.budget.kept, Score("first", self.beta, self.window, self.scope, self.uncertainty)
        )

    def searched(self) -> Mapping[str, Any]:
        """Without the factor it is UP_first, whose score has none to search."""
        return {name: values for name, values in self.space.items() if name != "uncertainty" or self.uncertainty < 1}

    def title(self) -> str:
        """PLATON where its factor takes part."""
        return "PLATON" if self.uncertainty < 1 else self.label


METHODS = {
    "up-zero": MagnitudePruning(),
    "up-first": FirstOrderPruning(),
    # beta2 of the official scripts: 0.95 on most tasks at 20 % kept, 0.85 to 0.95 at 10 %
    "platon": FirstOrderPruning(uncertainty=0.95),
}
