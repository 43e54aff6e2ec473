"""Smoothed first-order importance of weights: the score of PLATON and, without its second factor, of LPAF."""

# pyright: reportPrivateImportUsage=false
# torch has no public name for its fused list operations.

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


class Sensitivity:
    """Exponential moving average of the sensitivity |w g|, kept for a list of weights.

    Steps are gathered in windows of D steps: within a window a running mean, at its end one fold into the
    average. With an uncertainty decay below 1 a second average follows the deviation of the sensitivity, and
    the score is the product of both (Zhang et al., 2022, PLATON); at 1 that factor is left out, which is the
    score of LPAF. Averages start at zero without bias correction, as published. So all scores are zero before
    the first fold, and the zero it starts from counts as one sample of the first window.

    Call `update` once per optimizer step, after the step and with the clipped gradients of that step.

    Args:
        weights: the scored weights; the state takes their shapes and devices, in float32 or wider.
        beta: b1, decay of the importance, in [0, 1).
        window: D, steps per fold, at least 1; 1 is the literal average over all steps.
        uncertainty: b2, decay of the deviation, in (0, 1]; 1 leaves the deviation out.

    Raises:
        ValueError: a value out of range or no weights; all faults at once.
    """

    def __init__(
        self, weights: Sequence[Tensor], *, beta: float = 0.85, window: int = 10, uncertainty: float = 1.0
    ) -> None:
        faults = []
        if not weights:
            faults.append("weights name at least one tensor, got none; pass the pruned weights")
        if not 0 <= beta < 1:
            faults.append(f"beta is a decay in [0, 1), got {beta}; 0.85 is the published one")
        if window < 1:
            faults.append(f"window is a number of steps, at least 1, got {window}; 10 is the published one")
        if not 0 < uncertainty <= 1:
            faults.append(f"uncertainty is a decay in (0, 1], got {uncertainty}; 1 leaves the deviation out")
        if faults:
            raise ValueError("Sensitivity: " + "; ".join(faults))
        self.beta, self.window, self.uncertainty = beta, window, uncertainty
        self.importance = _zeros(weights)  # I, one per weight and of its shape
        self.window_mean = _zeros(weights)  # Ibar
        self.deviation = _zeros(weights) if uncertainty < 1 else []  # U

    @torch.no_grad()
    def update(self, weights: Sequence[Tensor], gradients: Sequence[Tensor], step: int) -> None:
        """Take in one optimizer step.

        Args:
            weights: after the step, the same list in the same order each time.
            gradients: of that step, one per weight and of its shape.
            step: number of the step, counted from 1.

        Raises:
            ValueError: the lists do not match the weights this was made for, or the step is below 1.
        """
        self._check(weights, gradients, step)
        position = step % self.window  # j
        for part in _parts(weights):
            # bfloat16 holds too few digits for an average of small steps, so the state is float32 at least
            sensitivity = list(torch._foreach_mul(_as_state(weights[part]), _as_state(gradients[part])))
            torch._foreach_abs_(sensitivity)  # s = |w g|
            mean = self.window_mean[part]
            if position:
                torch._foreach_lerp_(mean, sensitivity, 1 / (position + 1))  # Ibar <- (Ibar j + s) / (j + 1)
                continue
            average = self.importance[part]
            torch._foreach_lerp_(average, mean, 1 - self.beta)  # I <- b1 I + (1 - b1) Ibar
            if self.deviation:
                torch._foreach_sub_(mean, average)
                torch._foreach_abs_(mean)  # |Ibar - I|, with the new I
                # U <- b2 U + (1 - b2) |Ibar - I|
                torch._foreach_lerp_(self.deviation[part], mean, 1 - self.uncertainty)
            torch._foreach_copy_(mean, sensitivity)  # Ibar <- s

    def scores(self) -> list[Tensor]:
        """Return the scores, one per weight and of its shape, never negative.

        Without uncertainty these are the averages themselves, not copies: read them, do not write to them.
        """
        if not self.deviation:
            return list(self.importance)
        return list(torch._foreach_mul(self.importance, self.deviation))

    def state(self) -> dict[str, Tensor]:
        """Return the averages by name (`sensitivity/importance/0`, ...), to be saved with a checkpoint."""
        return {
            f"sensitivity/{name}/{index}": tensor
            for name, tensors in self._groups().items()
            for index, tensor in enumerate(tensors)
        }

    @torch.no_grad()
    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over, in place, the averages that `state` returned; other entries are left alone.

        Raises:
            ValueError: an average is missing or surplus, or has another shape.
        """
        mine = self.state()
        given = {name: tensor for name, tensor in state.items() if name.startswith("sensitivity/")}
        odd = set(mine) ^ set(given)
        odd |= {name for name in set(mine) & set(given) if mine[name].shape != given[name].shape}
        if odd:
            raise ValueError(
                f"Sensitivity: a state holds {' and '.join(self._groups())} of each weight, got others: "
                f"{', '.join(sorted(odd)[:4])}; load it with the weights and uncertainty it was saved with"
            )
        for name, tensor in mine.items():
            tensor.copy_(given[name])

    def _groups(self) -> dict[str, list[Tensor]]:
        groups = {"importance": self.importance, "window_mean": self.window_mean}
        return groups | {"deviation": self.deviation} if self.deviation else groups

    def _check(self, weights: Sequence[Tensor], gradients: Sequence[Tensor], step: int) -> None:
        faults = []
        if step < 1:
            faults.append(f"steps are counted from 1, got {step}; add one")
        shapes = [average.shape for average in self.importance]
        if [weight.shape for weight in weights] != shapes:
            faults.append(f"weights are the {len(shapes)} it was made for, got others; keep list and order")
        if [gradient.shape for gradient in gradients] != shapes:
            faults.append(
                f"gradients match the {len(shapes)} weights one by one, got {len(gradients)} or others; "
                "a weight without a gradient was not in the loss"
            )
        if faults:
            raise ValueError("Sensitivity.update: " + "; ".join(faults))


def _zeros(weights: Sequence[Tensor]) -> list[Tensor]:
    return [torch.zeros_like(weight, dtype=_state_dtype(weight), requires_grad=False) for weight in weights]


def _parts(weights: Sequence[Tensor]) -> list[slice]:
    """Return what to pass over together: on a GPU all weights, fused; on a CPU one, which stays in cache."""
    if weights[0].is_cuda:
        return [slice(0, len(weights))]
    return [slice(index, index + 1) for index in range(len(weights))]


def _state_dtype(weight: Tensor) -> torch.dtype:
    return torch.float64 if weight.dtype == torch.float64 else torch.float32


def _as_state(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.detach().to(_state_dtype(tensor)) for tensor in tensors]
