"""Hidden words: as many as asked for, rare ones more often, special ones never, the rest of the text as it was."""

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from methods.ops.word_masking import KEPT, MASKED, SHARE, SMOOTHING, chances, hide

WORDS, MASK = 50, 4


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def text(seed: int, rows: int, length: int) -> tuple[Tensor, Tensor]:
    """Rows of words 5 and above between special ones, the last padded."""
    ids = torch.randint(5, WORDS, (rows, length), generator=generator(seed))
    ids[:, 0], ids[:, -1] = 2, 3
    mask = torch.ones_like(ids)
    ids[-1, length // 2 :], mask[-1, length // 2 :] = 0, 0
    return ids, mask


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**20), rows=st.integers(1, 6), length=st.integers(3, 20))
def test_as_many_as_asked_for_and_nothing_else_changes(seed: int, rows: int, length: int) -> None:
    ids, mask = text(seed, rows, length)
    weights = chances(torch.bincount(ids.flatten(), minlength=WORDS), torch.arange(5))
    shown, labels = hide(ids, mask, weights, MASK, generator(seed))
    hidden = labels != -100
    possible = int(((ids >= 5) & mask.bool()).sum())
    assert int(hidden.sum()) == min(math.ceil(SHARE * int(mask.sum())), possible)
    assert torch.equal(labels[hidden], ids[hidden])
    assert torch.equal(shown[~hidden], ids[~hidden])
    assert not hidden[(ids < 5) | ~mask.bool()].any()
    again = hide(ids, mask, weights, MASK, generator(seed))
    assert torch.equal(again[0], shown)
    assert torch.equal(again[1], labels)


def test_most_are_masked_and_some_are_other_words() -> None:
    ids, mask = text(1, 400, 64)
    shown, labels = hide(ids, mask, chances(torch.ones(WORDS), torch.arange(5)), MASK, generator(2))
    hidden = labels != -100
    masked = (shown == MASK)[hidden].double().mean()
    as_it_was = (shown == ids)[hidden].double().mean()
    assert abs(float(masked) - MASKED) < 0.02
    assert abs(float(as_it_was) - KEPT) < 0.02  # and one in fifty of the others


def test_a_rare_word_is_hidden_more_often_by_the_power_law() -> None:
    weights = chances(torch.tensor([0, 1, 16, 256]), torch.tensor([0]))
    assert weights[0] == 0
    torch.testing.assert_close(weights[1] / weights[2], torch.tensor(16**SMOOTHING, dtype=torch.float64))
    torch.testing.assert_close(weights[2] / weights[3], torch.tensor(16**SMOOTHING, dtype=torch.float64))
    assert float(chances(torch.tensor([0, 1]), torch.tensor([], dtype=torch.long))[0]) == 1.0
