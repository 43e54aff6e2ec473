"""Averages of rank and its like over a model's encoder matrices."""

from torch import nn

from methods import models
from methods.ops.rank import average, describe


def spectra(model: nn.Module) -> dict[str, float]:
    """Means over the dense encoder matrices of rank, zero rows and their like (Figures 2-4).

    Empty for a model whose matrices are all factorized.
    """
    layers = [layer for layer in models.matrices(model).values() if isinstance(layer, nn.Linear)]
    described = [describe(layer.weight.detach().cpu()) for layer in layers]
    return {name: round(value, 3) for name, value in average(described).items()} if described else {}
