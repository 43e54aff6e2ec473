"""What a model costs: the four size counters and multiply-accumulates."""

import logging
from pathlib import Path

import torch
from torch import nn

from benchmarks.records import Sizes
from methods import models
from methods.layers.low_rank import LowRankLinear


def sizes(folder: Path, length: int) -> Sizes:
    """Count the model of an artifact.

    Args:
        folder: What `methods.models.save` wrote.
        length: Word pieces of the one input whose multiply-accumulates are counted.
    """
    model = models.load(folder, attention="eager")  # fvcore does not see fused attention
    stored = nonzero = 0
    for layer in models.matrices(model).values():
        weights = (layer.inner.weight, layer.outer.weight) if isinstance(layer, LowRankLinear) else (layer.weight,)
        stored += sum(weight.numel() for weight in weights)
        nonzero += sum(int(torch.count_nonzero(weight)) for weight in weights)
    return Sizes(
        encoder_nonzero=nonzero,
        encoder_weights=stored,
        whole_parameters=sum(parameter.numel() for parameter in model.parameters()),
        macs=macs(model, length),
        macs_length=length,
        dense_encoder_weights=models.dense_weights(model),
    )


class _Logits(nn.Module):
    """The model with a tensor in and a tensor out, as tracing wants it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Logits [1, outputs]."""
        logits: torch.Tensor = self.model(input_ids=ids, attention_mask=mask).logits
        return logits


def macs(model: nn.Module, length: int) -> int:
    """Multiply-accumulates of one input of `length` word pieces, as fvcore counts them.

    One multiply-accumulate counts one; LayerNorm 5 an element; softmax, GELU, additions and look-ups nothing.
    The model must compute attention eagerly.
    """
    from fvcore.nn import FlopCountAnalysis

    ids = torch.ones((1, length), dtype=torch.long)
    logger = logging.getLogger("fvcore")
    level = logger.level
    logger.setLevel(logging.ERROR)  # fvcore warns for every operator it counts as free
    try:
        analysis = FlopCountAnalysis(_Logits(model.eval()), (ids, torch.ones_like(ids)))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        return int(analysis.total())
    finally:
        logger.setLevel(level)
