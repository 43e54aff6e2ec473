"""Which words of a text are hidden, and what stands in their place, when an encoder learns to fill them in."""

import math

import torch
from torch import Tensor

from methods.ops.pretraining import NO_TARGET

SHARE = 0.15  # of the word pieces are to be filled in
MASKED, KEPT = 0.8, 0.1  # of these read as masked, as they are; the rest as any other word
SMOOTHING = 0.7  # rare words are hidden more often: a word's weight is its count to the power of minus this


def chances(counts: Tensor, special: Tensor) -> Tensor:
    """The weight with which a word is hidden, [vocabulary] (Sanh et al.; distillation/train.py).

    Args:
        counts: how often each word occurs, [vocabulary]; a word that never does counts as occurring once.
        special: numbers of the words that are never hidden, [words].
    """
    weights = counts.clamp(min=1).double().pow(-SMOOTHING)
    weights[special] = 0.0
    return weights


def hide(
    ids: Tensor, mask: Tensor, weights: Tensor, masked: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Hide 15 % of a batch's word pieces: 80 % of these read as masked, 10 % as they are, 10 % as any word.

    Source: distillation/distiller.py, `prepare_batch_mlm`.

    Args:
        ids: [rows, length].
        mask: [rows, length], 1 where there is a token.
        weights: from `chances`.
        masked: the number of the word that hides others.
        generator: on the CPU, as the tensors are.

    Returns:
        What is shown, [rows, length], and the words to fill in, [rows, length], -100 where there are none.
    """
    likely = torch.where(mask.bool(), weights[ids], 0.0).flatten()  # [rows * length]
    wanted = min(math.ceil(SHARE * int(mask.sum())), int((likely > 0).sum()))
    shown, labels = ids.flatten().clone(), torch.full_like(ids.flatten(), NO_TARGET)
    if wanted:
        places = torch.multinomial(likely, wanted, generator=generator)  # each at most once
        labels[places] = shown[places]
        draw = torch.rand(wanted, generator=generator)
        anything = torch.randint(len(weights), (wanted,), generator=generator)
        shown[places[draw < MASKED]] = masked
        other = draw >= MASKED + KEPT
        shown[places[other]] = anything[other]
    return shown.view_as(ids), labels.view_as(ids)
