"""What a batch's loss says about each linear layer: its inputs and the gradients at its outputs."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Taps:
    """Notes the inputs and outputs of linear layers while a frozen model runs; no parameter needs a gradient."""

    def __init__(self, layers: Mapping[str, nn.Linear]) -> None:
        self.layers = layers
        self.seen: list[tuple[str, Tensor, Tensor]] = []  # name, input, output, in the order of the calls

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Note for as long as the context lasts."""
        handles = [layer.register_forward_hook(self._noting(name)) for name, layer in self.layers.items()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def gradients(self, loss: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Return each layer's input [rows, positions, in] and gradient [rows, positions, out]; forget both.

        Calls of one layer stand one after the other along the positions, so that their gradients add up. Layers that
        do not reach the loss are left out: their gradient is zero.
        """
        seen, self.seen = self.seen, []
        found = torch.autograd.grad(loss, [output for _, _, output in seen], allow_unused=True)
        parts: dict[str, list[tuple[Tensor, Tensor]]] = {}
        for (name, inputs, _), gradient in zip(seen, found, strict=True):
            if gradient is not None:
                parts.setdefault(name, []).append((_by_position(inputs), _by_position(gradient)))
        return {
            name: (torch.cat([one for one, _ in calls], dim=1), torch.cat([two for _, two in calls], dim=1))
            for name, calls in parts.items()
        }

    def _noting(self, name: str) -> Callable[[nn.Module, tuple[Any, ...], Tensor], None]:
        def note(_module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
            if not output.requires_grad:
                output.requires_grad_()  # the first layers: nothing before them needs a gradient
            self.seen.append((name, inputs[0].detach(), output))

        return note


def _by_position(tensor: Tensor) -> Tensor:
    """`[rows, ..., width] -> [rows, positions, width]`."""
    return tensor.reshape(tensor.shape[0], -1, tensor.shape[-1])
