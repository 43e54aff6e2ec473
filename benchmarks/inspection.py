"""The stage that looks at a model's encoder matrices: their ranks, zero rows, singular values, one pattern."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor, nn

from benchmarks.spectra import Spectra
from methods import models
from methods.layers.low_rank import LowRankLinear
from methods.ops.rank import TOLERANCE, Spectrum, average, describe
from methods.ops.side_by_side import side_by_side
from methods.stages.stage import Json, Stage, Workbench

SPECTRA = "spectra.npz"


@dataclass(frozen=True)
class Inspect(Stage):
    """Rank and its like of every encoder matrix. The only stage that decomposes matrices to measure them.

    It stands on the model alone, not on the evaluation: one look serves the tasks' metrics of UP_first and the
    T_sparse of LPAF, and measurements made before there was this stage keep their keys.

    Artifact: `spectra.npz`, see `benchmarks.spectra`, unless every matrix is factorized. The facts hold the
    tolerance of the numerical rank, the numbers of each matrix and their averages, and whose pattern was kept.
    """

    kind: ClassVar[str] = "inspect"

    model: Stage

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Decompose each matrix once; a factorized one is the product of its factors, in float32 like the others."""
        model = models.load(bench.artifact(self.model))
        layers = models.matrices(model)
        shown = pattern_matrix(
            {name: _shape(layer) for name, layer in layers.items()}, models.encoder_layers(model)[0]
        )
        described: dict[str, Spectrum] = {}
        matrices: dict[str, Json] = {}
        found = side_by_side(lambda layer: describe(_weight(layer)), layers.values())
        for (name, layer), spectrum in zip(layers.items(), found, strict=True):
            described[name] = spectrum
            matrices[name] = _numbers(layer, spectrum)
            bench.progress(len(described), len(layers))
        dense = {name: layer for name, layer in layers.items() if isinstance(layer, nn.Linear)}
        if dense:
            Spectra(
                {name: described[name].singular_values.numpy().astype(np.float32) for name in dense},
                dense[shown].weight.detach().ne(0).numpy() if shown in dense else None,
            ).write(bench.folder / SPECTRA)
        return {
            "tolerance": TOLERANCE,
            "average": {name: round(value, 3) for name, value in average(list(described.values())).items()},
            "matrices": matrices,
            "pattern": shown if shown in dense else "",
        }


def pattern_matrix(shapes: Mapping[str, tuple[int, int]], prefix: str) -> str:
    """The matrix whose pattern is kept: the first square one of the middle layer, number floor(layers / 2) from 0.

    The paper shows a 768 x 768 matrix and does not say which. A fixed rule keeps anybody from choosing the
    prettiest. A layer without a square matrix shows its first.

    Args:
        shapes: name -> [out, in], in the model's order.
        prefix: the name of the list of layers.
    """
    numbers = {name: name.removeprefix(f"{prefix}.").partition(".")[0] for name in shapes}
    layers = list(dict.fromkeys(numbers.values()))
    inside = [name for name, number in numbers.items() if number == layers[len(layers) // 2]]
    return next((name for name in inside if shapes[name][0] == shapes[name][1]), inside[0])


def _shape(layer: nn.Linear | LowRankLinear) -> tuple[int, int]:
    if isinstance(layer, nn.Linear):
        return layer.out_features, layer.in_features
    return layer.outer.out_features, layer.inner.in_features


def _weight(layer: nn.Linear | LowRankLinear) -> Tensor:
    """The matrix `[out, in]` that the layer multiplies by, float32."""
    if isinstance(layer, nn.Linear):
        return layer.weight.detach()
    return (layer.outer.weight.detach().double() @ layer.inner.weight.detach().double()).float()


def _numbers(layer: nn.Linear | LowRankLinear, spectrum: Spectrum) -> dict[str, Json]:
    out, inputs = _shape(layer)
    factors: dict[str, Json] = {"factor_rank": layer.rank} if isinstance(layer, LowRankLinear) else {}
    return (
        {"out": out, "in": inputs} | factors | {name: round(value, 4) for name, value in spectrum.numbers().items()}
    )
