"""Look into a model while it answers: hidden states, and the queries, keys and values of every attention."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from methods.contract import Precision
from methods.training.batches import Batch
from methods.training.objectives import inputs_of


@dataclass(frozen=True)
class Heads:
    """One attention's vectors, each [rows, heads, length, size]."""

    query: Tensor
    key: Tensor
    value: Tensor
    scaling: float

    def scores(self) -> Tensor:
        """Q K^T / sqrt(size) before mask and softmax, [rows, heads, length, length], float32 or wider."""
        return wide(self.query) @ wide(self.key).transpose(-1, -2) * self.scaling


@dataclass(frozen=True)
class Inside:
    """What a model thought of a batch.

    `logits` [rows, outputs]; `hidden` one [rows, length, width] for the embeddings and each layer; `heads` one a
    layer, empty unless asked for; `mask` [rows, length], 1 where there is a token.
    """

    logits: Tensor
    hidden: tuple[Tensor, ...]
    heads: tuple[Heads, ...]
    mask: Tensor


@cache
def attention() -> str:
    """The name of an attention that shows its vectors to whom it may concern; it computes as 'sdpa' does.

    Give it to `methods.models.load` for models whose heads are wanted.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    def shown(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, *rest: Any, **options: Any) -> Any:
        seen = _seen.get()
        if seen is not None:
            scaling = options.get("scaling")
            seen.append(Heads(query, key, value, query.shape[-1] ** -0.5 if scaling is None else scaling))
        return sdpa_attention_forward(module, query, key, value, *rest, **options)

    AttentionInterface.register("shown", shown)
    AttentionMaskInterface.register("shown", sdpa_mask)
    return "shown"


_seen: ContextVar[list[Heads] | None] = ContextVar("heads", default=None)


def look(model: nn.Module, batch: Batch, *, heads: bool) -> Inside:
    """Run the model and keep its hidden states, and its heads if its attention shows them."""
    seen: list[Heads] | None = [] if heads else None
    token = _seen.set(seen)
    try:
        output = model(**inputs_of(model, batch), output_hidden_states=True)
    finally:
        _seen.reset(token)
    if heads and not seen:
        raise ValueError(f"{type(model).__name__}: no attention was seen; load the model with attention()")
    return Inside(
        output.logits.float(), tuple(output.hidden_states), tuple(seen or ()), batch.inputs["attention_mask"]
    )


def watching(teacher: nn.Module, device: str, precision: Precision, *, heads: bool) -> Callable[[Batch], Inside]:
    """A frozen teacher: its insides without dropout and gradient, in inference mode."""
    teacher.eval().requires_grad_(requires_grad=False)

    def watch(batch: Batch) -> Inside:
        with torch.inference_mode(), torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
            return look(teacher, batch, heads=heads)

    return watch


def wide(values: Tensor) -> Tensor:
    """At least float32, and an ordinary tensor also of what came from inference mode: it may be learned from."""
    if values.dtype in (torch.float32, torch.float64):
        return values.clone() if values.is_inference() else values
    return values.float()
