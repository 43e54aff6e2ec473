"""Contrastive terms over a batch and a bank of kept representations (CAP; Xu et al., AAAI 2022).

Source: RunxinXu/ContrastivePruning. Rows are unit vectors. The candidates of n anchors are their own detached copies
first, in the same order, then m vectors of a bank; an anchor's own copy never counts.
"""

import torch
from torch import Tensor
from torch.nn import functional

_NEVER = -1e6  # the similarity of an anchor to itself, as published


def unit(vectors: Tensor) -> Tensor:
    """Return each row divided by its length, at least in float32, `[..., d]`."""
    wide = vectors if vectors.dtype in (torch.float32, torch.float64) else vectors.float()
    return functional.normalize(wide, dim=-1)


def log_probabilities(anchors: Tensor, bank: Tensor, temperature: float) -> Tensor:
    """Return `log softmax_j (z_i c_j / tau)` over the candidates, `[n, n + m]`.

    The gradient reaches z_i as an anchor alone, no candidate.

    Args:
        anchors: z, unit rows `[n, d]`.
        bank: unit rows `[m, d]`.
        temperature: tau, above 0.

    Raises:
        ValueError: widths differ, or the temperature is not positive.
    """
    faults = []
    if anchors.ndim != 2 or bank.ndim != 2 or anchors.shape[1] != bank.shape[1]:
        faults.append(
            f"anchors and bank are rows of one width, got {list(anchors.shape)} and {list(bank.shape)}; "
            "flatten a bank of several vectors a row"
        )
    if not temperature > 0:
        faults.append(f"temperature is above 0, got {temperature}; 0.1 is published")
    if faults:
        raise ValueError("log_probabilities: " + "; ".join(faults))
    candidates = torch.cat((anchors, bank)).detach()  # [n + m, d]
    similar = anchors @ candidates.T / temperature  # [n, n + m]
    own = torch.arange(len(candidates), device=similar.device) == torch.arange(
        len(anchors), device=similar.device
    ).unsqueeze(1)
    return similar.masked_fill(own, _NEVER).log_softmax(dim=1)


def positives(anchors: Tensor, candidates: Tensor) -> Tensor:
    """Return where a candidate shares an anchor's example number or label, `[n, n + m]`, never its own copy.

    Args:
        anchors: whole numbers `[n]`.
        candidates: whole numbers `[n + m]`, the anchors' own first.
    """
    same = anchors.unsqueeze(1) == candidates.unsqueeze(0)
    same[:, : len(anchors)].fill_diagonal_(False)
    return same


def contrastive(log_p: Tensor, positive: Tensor) -> Tensor:
    """Return `-sum_i (1 / |P_i|) sum_{j in P_i} log p_ij / sum_i |P_i|`, a scalar.

    Normalised twice, by each anchor's positives and by all of them, as published: about |P_i| times smaller than the
    usual mean, which is why the supervised term has the larger weight. Anchors without positives add nothing.

    Args:
        log_p: `[n, n + m]`.
        positive: boolean, of its shape.
    """
    counts = positive.sum(dim=1)  # [n]
    sums = log_p.masked_fill(~positive, 0).sum(dim=1)  # [n]
    return -(sums / counts.clamp(min=1)).sum() / counts.sum().clamp(min=1)
