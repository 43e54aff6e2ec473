"""Replace every encoder matrix by two factors of one rank (Eq. 2, or Eqs. 9-11 when weighted)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from methods import models
from methods.layers.low_rank import LowRankLinear
from methods.ops.side_by_side import side_by_side
from methods.ops.svd import Factors, truncated_svd, weighted_svd
from methods.stages.failure import MethodFailure
from methods.stages.prune import IMPORTANCE, Prune
from methods.stages.stage import Json, Stage, Workbench


@dataclass(frozen=True)
class Weighting:
    """How much each row counts in the reconstruction error of sparsity-aware SVD."""

    by: Literal["importance", "mask", "fisher"] = "importance"  # S of Eq. 7, or 1 where a weight was kept (5.3.2)
    gamma: float = 1.0  # exponent of the row importance: 1 as Eqs. 9-11 print it, 0.5 as Eq. 7 asks
    side: Literal["row", "col"] = "row"  # which side of [out, in] carries the weights

    def __post_init__(self) -> None:
        """Refuse weightings that do not exist, all faults at once."""
        faults = []
        if self.by not in ("importance", "mask", "fisher"):
            faults.append(f"by is importance, mask or fisher, got {self.by}")
        if (self.by == "fisher") != isinstance(self, FisherWeighting):
            faults.append(f"fisher is what FisherWeighting is by, got {self.by}; it names the stage with the scores")
        if not 0 < self.gamma <= 1:
            faults.append(f"gamma is an exponent in (0, 1], got {self.gamma}")
        if self.side not in ("row", "col"):
            faults.append(f"side is row or col, got {self.side}")
        if faults:
            raise ValueError("Weighting: " + "; ".join(faults))


@dataclass(frozen=True, kw_only=True)
class FisherWeighting(Weighting):
    """Rows count by their summed Fisher information, with the exponent that minimises the weighted error (FWSVD)."""

    scores: Stage  # its artifact holds the information of this very model, [out, in] a matrix
    by: Literal["importance", "mask", "fisher"] = "fisher"
    gamma: float = 0.5


@dataclass(frozen=True)
class Factorize(Stage):
    """Factor all encoder matrices of a model. Artifact: the model with low-rank layers, not yet re-trained."""

    kind: ClassVar[str] = "factorize"
    version: ClassVar[int] = 2  # 2: float32 matrices are decomposed in float32 where that is as accurate

    model: Stage
    rank: int
    weighting: Weighting | None = None  # None: plain SVD (Eq. 2)

    def __post_init__(self) -> None:
        """Refuse what cannot be done before anything is computed."""
        if self.rank < 1:
            raise ValueError(f"Factorize: rank is a whole number >= 1, got {self.rank}")
        if self.weighting and self.weighting.by == "importance" and not isinstance(self.model, Prune):
            raise ValueError(
                "Factorize: weighting by importance needs a model pruned by first-order scores, "
                f"got {type(self.model).__name__}; weigh by mask or not at all"
            )

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Factor, save, and say what was lost and how each matrix was computed."""
        model = models.load(bench.artifact(self.model))
        layers = {name: layer for name, layer in models.matrices(model).items() if isinstance(layer, nn.Linear)}
        scores = self._scores(layers, bench)
        new: dict[str, nn.Module] = {}
        errors: list[float] = []
        ways: dict[str, int] = {}
        found = side_by_side(lambda name: self._factors(name, layers[name], scores.get(name)), layers)
        for (name, layer), factors in zip(layers.items(), found, strict=True):
            new[name] = LowRankLinear.from_factors(factors, layer.bias)
            errors.append(_relative_error(layer.weight.detach(), factors))
            ways[factors.method] = ways.get(factors.method, 0) + 1
            bench.progress(len(new), len(layers))
        models.put(model, new)
        models.save(model, bench.folder)
        facts: dict[str, Json] = {
            "relative_error": round(sum(errors) / len(errors), 6),
            "svd": dict(ways),
            "matrices": len(layers),
        }
        if self.weighting:  # a matrix whose scores are all zero has no row that counts more: plain SVD
            facts["unweighted"] = sum(not bool(score.any()) for score in scores.values())
        return facts

    def _scores(self, layers: Mapping[str, nn.Linear], bench: Workbench) -> dict[str, Tensor]:
        if self.weighting is None:
            return {}
        if self.weighting.by == "mask":
            return {name: (layer.weight.detach() != 0).float() for name, layer in layers.items()}  # w/ M
        source = self.weighting.scores if isinstance(self.weighting, FisherWeighting) else self.model
        return load_file(bench.artifact(source) / IMPORTANCE)

    def _factors(self, name: str, layer: nn.Linear, score: Tensor | None) -> Factors:
        weight = layer.weight.detach()
        k = min(self.rank, *weight.shape)
        try:
            if self.weighting is None:
                return truncated_svd(weight, k)  # Eq. 2
            gamma, side = self.weighting.gamma, self.weighting.side
            return weighted_svd(weight, score, k, gamma=gamma, side=side)  # Eqs. 9-11
        except ValueError as fault:  # NaN in the weights or their scores: what came before has diverged
            raise MethodFailure(f"{name}: {fault}") from fault


def _relative_error(weight: Tensor, factors: Factors) -> float:
    """Frobenius norm of what the factors miss, as a share of the weight's; 0 for a weight of zeros."""
    missed = weight.float() - factors.outer.float() @ factors.inner.float()
    size = float(torch.linalg.norm(weight.float()))
    return float(torch.linalg.norm(missed)) / size if size else 0.0
