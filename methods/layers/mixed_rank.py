"""A low-rank layer that now and then gives way to the sparse matrix it came from (LPAF, step 3)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.layers.low_rank import LowRankLinear


class MixedRankLinear(nn.Module):
    """`y = z W x + (1 - z) A B x + b`, z drawn per matrix and pass (LPAF, Eq. 12); in eval mode z is 0.

    The stochastic passes over one batch arrive stacked as one batch of `passes * B` rows, pass by pass, and
    `draw` holds their z in that order. What z discards is not computed. The parent W is frozen, yet gradients
    flow through it to earlier layers; both branches share the bias of the low-rank layer.

    The parent is a buffer that a state dict leaves out: it never changes and can be read again from the
    sparse model, and a checkpoint with it would be larger than the model it was made from. Load it when
    resuming.

    Args:
        low_rank: the trained factors.
        parent: W, `[out, in]`; detached and kept as it is.

    Raises:
        ValueError: the parent's shape is not that of the low-rank layer.
    """

    parent: Tensor

    def __init__(self, low_rank: LowRankLinear, parent: Tensor) -> None:
        super().__init__()
        if parent.shape != (low_rank.out_features, low_rank.in_features):
            raise ValueError(
                f"MixedRankLinear: the parent has the shape of the product, [{low_rank.out_features}, "
                f"{low_rank.in_features}], got {list(parent.shape)}; pass the weight the factors came from"
            )
        self.low_rank = low_rank
        self.register_buffer("parent", parent.detach(), persistent=False)
        self.draw: tuple[bool, ...] = (False,)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map `[passes * B, ..., in]` to `[passes * B, ..., out]`.

        Raises:
            ValueError: in training, the batch cannot be split into as many passes as were drawn.
        """
        if not self.training or not any(self.draw):
            return self._one(inputs, False)
        if all(self.draw):
            return self._one(inputs, True)
        passes = len(self.draw)
        if inputs.shape[0] % passes:
            raise ValueError(
                f"MixedRankLinear: a batch stacks the {passes} passes drawn, got {inputs.shape[0]} rows; "
                "repeat the batch once per pass"
            )
        parts = inputs.chunk(passes)  # passes of [B, ..., in]
        return torch.cat([self._one(part, z) for part, z in zip(parts, self.draw, strict=True)])

    def export(self) -> LowRankLinear:
        """Return the low-rank layer, the same object: all that is stored and deployed."""
        return self.low_rank

    def _one(self, inputs: Tensor, parent: bool) -> Tensor:
        if parent:
            return functional.linear(inputs, self.parent, self.low_rank.outer.bias)  # W x + b
        outputs: Tensor = self.low_rank(inputs)  # A B x + b
        return outputs


def draw_all(
    layers: Sequence[MixedRankLinear], probability: float, generator: torch.Generator, passes: int = 2
) -> Tensor:
    """Draw z ~ Bernoulli(p) for each layer and pass, set it on the layers and return it.

    One uniform number per layer and pass is consumed whatever p is, 0 and 1 included, so that runs with other
    probabilities keep the same draws. Neither the global generator nor a GPU is involved.

    Args:
        layers: in a fixed order.
        probability: p of the sparse parent, in [0, 1].
        generator: a CPU generator, best one of this purpose alone.
        passes: how many passes are stacked in a batch.

    Returns:
        Boolean, `[layers, passes]`.

    Raises:
        ValueError: the probability or the number of passes is out of range, or the generator is not on the
            CPU.
    """
    faults = []
    if not 0 <= probability <= 1:
        faults.append(f"probability is in [0, 1], got {probability}; write 0.5 for 50 %")
    if passes < 1:
        faults.append(f"passes are at least 1, got {passes}; the paper uses 2")
    if generator.device.type != "cpu":
        faults.append(f"the generator is on the CPU, got {generator.device}; make one with torch.Generator()")
    if faults:
        raise ValueError("draw_all: " + "; ".join(faults))
    drawn = torch.rand((len(layers), passes), generator=generator) < probability  # [layers, passes]
    for layer, row in zip(layers, drawn.tolist(), strict=True):
        layer.draw = tuple(row)
    return drawn
