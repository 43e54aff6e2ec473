"""What may happen around a training step: masks, gates, schedules. The base class does nothing."""

import dataclasses
from collections.abc import Sequence

from torch import Tensor, nn


@dataclasses.dataclass(frozen=True)
class Group:
    """Parameters with a learning rate of their own: scores, gates.

    The rate follows the recipe's warm-up and decay; nothing of the group is decayed. Parameters that are not the
    model's own belong into the hook's `state`.
    """

    parameters: tuple[nn.Parameter, ...]
    learning_rate: float  # at the peak

    def __post_init__(self) -> None:
        """Refuse rates that are none."""
        if not self.learning_rate > 0:
            raise ValueError(f"Group: learning_rate is a positive number, got {self.learning_rate}; 0.01 is usual")


class Hook:
    """Override what you need; `state` and `load_state` must carry everything that changes during training."""

    def start(self, model: nn.Module, total: int) -> None:
        """Called once before training of `total` steps; also before a resumed one."""

    def groups(self) -> Sequence[Group]:
        """Parameters that train at other rates than the recipe's; asked once, after `start`."""
        return ()

    def before_step(self, step: int) -> None:
        """Called before the forward pass; `step` counts finished steps, from 0."""

    def after_step(self, step: int) -> None:
        """Called after the optimizer's step while the clipped gradients are still there; counts from 1."""

    def finish(self) -> None:
        """Called once after the last step, on the model that is kept."""

    def selectable(self, step: int) -> bool:
        """Whether the model after `step` steps is in the state it is deployed in (final sparsity, p = 0)."""
        return True

    def facts(self) -> dict[str, float]:
        """What the user wants to see and the manifest to keep."""
        return {}

    def state(self) -> dict[str, Tensor]:
        """Tensors a checkpoint must hold."""
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take back what `state` gave."""
