"""A linear layer made of two thin ones: what a factorized matrix becomes."""

from typing import Self

import torch
from torch import Tensor, nn

from methods.ops.svd import Factors


class LowRankLinear(nn.Module):
    """`y = A (B x) + b` as two stock linear layers, so that it is as small and as fast as it looks.

    Args:
        inner: B, `Linear(in -> k)` without bias.
        outer: A, `Linear(k -> out)`, with the bias of the layer if it has one.

    Raises:
        ValueError: the layers do not fit each other, or the inner one has a bias.
    """

    def __init__(self, inner: nn.Linear, outer: nn.Linear) -> None:
        super().__init__()
        faults = []
        if inner.out_features != outer.in_features:
            faults.append(
                f"the inner layer's outputs are the outer one's inputs, got {inner.out_features} and "
                f"{outer.in_features}; the inner layer holds B [k, in], the outer one A [out, k]"
            )
        if inner.bias is not None:
            faults.append("the inner layer has no bias, got one; the bias belongs to the outer layer")
        if faults:
            raise ValueError("LowRankLinear: " + "; ".join(faults))
        self.inner = inner
        self.outer = outer

    @classmethod
    def from_factors(cls, factors: Factors, bias: Tensor | None, dtype: torch.dtype = torch.float32) -> Self:
        """Build the layer from factors and the bias of the layer they replace; both are copied.

        Args:
            factors: outer `[out, k]`, inner `[k, in]`.
            bias: `[out]` or none.
            dtype: of the parameters.

        Raises:
            ValueError: the bias does not have one value per output.
        """
        out_features, rank = factors.outer.shape
        if bias is not None and bias.shape != (out_features,):
            raise ValueError(
                f"LowRankLinear: a bias has one value per output, [{out_features}], got {list(bias.shape)}; "
                "pass the bias of the replaced layer"
            )
        # by way of the meta device: the values are overwritten at once, and no random number may be consumed
        inner = nn.Linear(factors.inner.shape[1], rank, bias=False, device="meta", dtype=dtype)
        outer = nn.Linear(rank, out_features, bias=bias is not None, device="meta", dtype=dtype)
        inner, outer = (layer.to_empty(device=factors.outer.device) for layer in (inner, outer))
        with torch.no_grad():
            inner.weight.copy_(factors.inner)
            outer.weight.copy_(factors.outer)
            if bias is not None:
                outer.bias.copy_(bias)
        return cls(inner, outer)

    @classmethod
    def like(cls, layer: nn.Module, rank: int) -> Self:
        """Build an empty layer of the shape, bias, place and dtype of a linear one, to be filled from a file.

        Args:
            layer: an `nn.Linear`, `[out, in]`.
            rank: k, in 1..min(out, in).

        Raises:
            TypeError: the layer is not linear.
            ValueError: the rank is out of range.
        """
        if not isinstance(layer, nn.Linear):
            raise TypeError(
                f"LowRankLinear: the layer to imitate is an nn.Linear, got {type(layer).__name__}; "
                "name one that was not factorized yet"
            )
        least = min(layer.in_features, layer.out_features)
        if not 1 <= rank <= least:
            raise ValueError(f"LowRankLinear: rank is a whole number in 1..{least}, got {rank}; choose one in it")
        weight = layer.weight
        outer = weight.new_zeros((layer.out_features, rank), dtype=torch.float64)
        inner = weight.new_zeros((rank, layer.in_features), dtype=torch.float64)
        empty = Factors(outer, inner, weight.new_zeros(0), "full")
        return cls.from_factors(empty, layer.bias, weight.dtype)

    @property
    def in_features(self) -> int:
        """Width of the input."""
        return self.inner.in_features

    @property
    def out_features(self) -> int:
        """Width of the output."""
        return self.outer.out_features

    @property
    def rank(self) -> int:
        """The rank k of the product."""
        return self.inner.out_features

    def product(self) -> Tensor:
        """Return the matrix the layer stands for, A B `[out, in]`."""
        return self.outer.weight @ self.inner.weight

    def forward(self, inputs: Tensor) -> Tensor:
        """Map `[..., in]` to `[..., out]`."""
        outputs: Tensor = self.outer(self.inner(inputs))
        return outputs

    def extra_repr(self) -> str:
        """Say the rank in the printed model."""
        return f"rank={self.rank}"
