"""A linear layer with a mask on its weight, and scores that learn where the mask should be."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.ops.movement import straight_through


class MaskedLinear(nn.Module):
    """`y = (M * W) x + b` with a trained score for each weight (movement pruning).

    The layer does not choose its mask: whoever trains it sets `mask` from `scores`, so that one threshold may hold
    for many layers. The mask is a buffer of the state dict; a checkpoint or a kept model brings its own.

    Args:
        linear: the layer to mask, kept as it is.
        scored: whether the layer has scores, zero at first.
    """

    mask: Tensor

    def __init__(self, linear: nn.Linear, *, scored: bool = True) -> None:
        super().__init__()
        self.linear = linear
        self.scores = nn.Parameter(torch.zeros_like(linear.weight)) if scored else None
        self.register_buffer("mask", torch.ones_like(linear.weight, dtype=torch.bool))

    def forward(self, inputs: Tensor) -> Tensor:
        """Map `[..., in]` to `[..., out]`."""
        weight = straight_through(self.linear.weight, self.scores, self.mask)
        return functional.linear(inputs, weight, self.linear.bias)

    @torch.no_grad()
    def export(self) -> nn.Linear:
        """Return the plain layer with M * W written into its weight, the same object: all that is deployed."""
        self.linear.weight.masked_fill_(~self.mask, 0)
        return self.linear
