"""What may happen around a training step: masks, gates, schedules. The base class does nothing."""

from torch import Tensor, nn


class Hook:
    """Override what you need; `state` and `load_state` must carry everything that changes during training."""

    def start(self, model: nn.Module, total: int) -> None:
        """Called once before training of `total` steps; also before a resumed one."""

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
