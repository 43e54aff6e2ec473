"""TextBrewer's losses and projections, behind one door: nothing else of ours imports the library.

Its training loop is not used. It is imported when the first loss is asked for: it brings TensorBoard along, which
takes seconds.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from methods.ops.matching import MASKED
from methods.training.internals import Inside, wide

SINGLE = (
    "attention_ce",
    "attention_ce_mean",
    "attention_mse",
    "attention_mse_sum",
    "cos",
    "hidden_mse",
    "pkd",
)
"""The losses between one layer of each model."""
PAIRED = ("fsp", "gram", "mmd", "nst")
"""The losses between two layers of each model."""
PROJECTIONS = ("linear", "relu", "tanh")


def loss(name: str) -> Callable[[Any, Any, Tensor], Tensor]:
    """The library's loss of this name: (student's layer or layers, teacher's, mask [rows, length]) -> scalar."""
    from textbrewer.presets import MATCH_LOSS_MAP

    found: Callable[[Any, Any, Tensor], Tensor] = MATCH_LOSS_MAP[name]
    return found


def projection(kind: str, student: int, teacher: int, seed: int) -> nn.Module:
    """The library's projection of the student's width to the teacher's, drawn from the seed."""
    from textbrewer.presets import PROJ_MAP

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made: nn.Module = PROJ_MAP[kind](student, teacher)
    return made


def features(inside: Inside) -> dict[str, list[Tensor]]:
    """What the library's adaptors give: `hidden`, embeddings first, and `attention`, the scores before softmax.

    Keys of padding are lowered as in BERT, so that the losses that take a softmax leave them out.
    """
    lowered = (1 - inside.mask[:, None, None, :].float()) * MASKED  # [rows, 1, 1, length]
    return {
        "hidden": [wide(state) for state in inside.hidden],
        "attention": [heads.scores() + lowered for heads in inside.heads],
    }
