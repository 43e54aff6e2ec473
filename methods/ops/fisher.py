"""Empirical Fisher information of linear layers: squares of each example's own gradient."""

import torch
from torch import Tensor


@torch.no_grad()
def add_squared_gradients_(total: Tensor, inputs: Tensor, gradients: Tensor) -> None:
    """Add `sum_d (dL_d / dW)^2`, elementwise, of a batch of examples: `total += sum_d (G_d^T X_d)^2`.

    Squaring comes after the sum over an example's positions and before the sum over examples: a batch's summed
    gradient would let opposite examples cancel (Hsu et al., 2022). One example at a time, as all products of a
    batch at once would be as large as many models.

    Args:
        total: `[out, in]`, float32 or wider, changed in place.
        inputs: X, what went into the layer, `[examples, ..., in]`.
        gradients: G, of the loss summed over examples, at the layer's output, `[examples, ..., out]`.

    Raises:
        ValueError: shapes that do not fit.
    """
    if (
        inputs.shape[:-1] != gradients.shape[:-1]
        or inputs.ndim < 2
        or total.shape != (gradients.shape[-1], inputs.shape[-1])
    ):
        raise ValueError(
            "add_squared_gradients_: inputs [examples, ..., in] and gradients [examples, ..., out] share all but the "
            f"last side and total is [out, in], got {list(inputs.shape)}, {list(gradients.shape)} and "
            f"{list(total.shape)}; pass what one layer saw"
        )
    for one, upstream in zip(inputs, gradients, strict=True):
        positions = one.reshape(-1, one.shape[-1]).to(total.dtype)  # X_d [positions, in]
        back = upstream.reshape(-1, upstream.shape[-1]).to(total.dtype)  # G_d [positions, out]
        gradient = back.T @ positions  # dL_d / dW  [out, in]
        total.addcmul_(gradient, gradient)
