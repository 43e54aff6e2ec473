"""Replace every encoder matrix by two factors of one rank (Eq. 2, or Eqs. 9-11 when weighted)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from methods import models
from methods.layers.low_rank import LowRankLinear
from methods.ops.svd import truncated_svd, weighted_svd
from methods.stages.prune import IMPORTANCE, Prune
from methods.stages.stage import Json, Stage, Workbench


@dataclass(frozen=True)
class Weighting:
    """How much each row counts in the reconstruction error of sparsity-aware SVD."""

    by: Literal["importance", "mask"] = "importance"  # S of Eq. 7, or 1 where a weight was kept (section 5.3.2)
    gamma: float = 1.0  # exponent of the row importance: 1 as Eqs. 9-11 print it, 0.5 as Eq. 7 asks
    side: Literal["row", "col"] = "row"  # which side of [out, in] carries the weights

    def __post_init__(self) -> None:
        """Refuse weightings that do not exist, all faults at once."""
        faults = []
        if self.by not in ("importance", "mask"):
            faults.append(f"by is importance or mask, got {self.by}")
        if not 0 < self.gamma <= 1:
            faults.append(f"gamma is an exponent in (0, 1], got {self.gamma}")
        if self.side not in ("row", "col"):
            faults.append(f"side is row or col, got {self.side}")
        if faults:
            raise ValueError("Weighting: " + "; ".join(faults))


@dataclass(frozen=True)
class Factorize(Stage):
    """Factor all encoder matrices of a model. Artifact: the model with low-rank layers, not yet re-trained."""

    kind: ClassVar[str] = "factorize"

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
        source = bench.artifact(self.model)
        model = models.load(source)
        layers = {name: layer for name, layer in models.matrices(model).items() if isinstance(layer, nn.Linear)}
        scores = self._scores(source / IMPORTANCE, layers)
        new: dict[str, nn.Module] = {}
        errors: list[float] = []
        ways: dict[str, int] = {}
        for place, (name, layer) in enumerate(layers.items()):
            weight = layer.weight.detach()
            k = min(self.rank, *weight.shape)
            if self.weighting is None:
                factors = truncated_svd(weight, k)  # Eq. 2
            else:
                factors = weighted_svd(  # Eqs. 9-11
                    weight, scores[name], k, gamma=self.weighting.gamma, side=self.weighting.side
                )
            new[name] = LowRankLinear.from_factors(factors, layer.bias)
            product = factors.outer.double() @ factors.inner.double()
            errors.append(float(torch.linalg.norm(weight.double() - product) / torch.linalg.norm(weight.double())))
            ways[factors.method] = ways.get(factors.method, 0) + 1
            bench.progress(place + 1, len(layers))
        models.put(model, new)
        models.save(model, bench.folder)
        return {
            "relative_error": round(sum(errors) / len(errors), 6),
            "svd": dict(ways),
            "matrices": len(layers),
        }

    def _scores(self, path: "object", layers: Mapping[str, nn.Linear]) -> dict[str, Tensor]:
        if self.weighting is None:
            return {}
        if self.weighting.by == "mask":
            return {name: (layer.weight.detach() != 0).float() for name, layer in layers.items()}  # w/ M
        return load_file(str(path))
