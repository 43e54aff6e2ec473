"""Masks: exact counts, ties, scopes; and the sensitivity that ranks the weights."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from methods.ops import masking
from methods.ops.importance import Sensitivity
from methods.ops.masking import apply_, drop_smallest, keep_count, prune_masks
from methods.ops.rank import describe


def zeros(masks: list[Tensor]) -> int:
    return sum(int((~mask).sum()) for mask in masks)


def test_oracle_up_zero_1() -> None:
    W = torch.tensor([[0.1, -0.5], [0.3, -0.05]])
    apply_([W], prune_masks([W.abs()], 0.5))
    assert W.tolist() == torch.tensor([[0, -0.5], [0.3, 0]]).tolist()


def test_oracle_up_zero_2_and_platon_5_scopes() -> None:
    M1, M2 = torch.tensor([1.0, 2, 3, 4]), torch.tensor([0.1, 0.2, 0.3, 0.4])
    whole, none = prune_masks([M1, M2], 0.5, "global")
    assert whole.all()
    assert not none.any()
    local = prune_masks([M1, M2], 0.5, "local")
    assert [mask.tolist() for mask in local] == [[False, False, True, True]] * 2


@pytest.mark.parametrize("kept", [0.5, 0.1, 0.02])
def test_oracle_up_zero_4_magnitude_keeps_full_rank(kept: float) -> None:
    # not any seed will do: the least singular value of about one Gaussian in ten is below the tolerance
    W = torch.randn(768, 768, generator=torch.Generator().manual_seed(0))
    apply_([W], prune_masks([W.abs()], kept))
    spectrum = describe(W)
    assert spectrum.numerical_rank == int(torch.linalg.matrix_rank(W)) == 768
    assert spectrum.zero_rows == 0


def test_oracle_up_zero_7_counts_and_order() -> None:
    weights = [torch.randn(36, 11, generator=torch.Generator().manual_seed(n)) for n in range(3)]
    total = sum(W.numel() for W in weights)
    for kept in (0.5, 0.25, 0.16, 0.1):
        masks = prune_masks([W.abs() for W in weights], kept)
        assert total - zeros(masks) == round(kept * total) == keep_count(kept, total)
        low = max(float(W.abs()[~mask].max()) for W, mask in zip(weights, masks, strict=True))
        high = min(float(W.abs()[mask].min()) for W, mask in zip(weights, masks, strict=True))
        assert high >= low


def test_oracle_platon_4_ties() -> None:
    distinct = torch.arange(1000.0)
    assert zeros(drop_smallest([distinct], int(1000 * (1 - 0.1)) - 1)) == 899  # the published strict rule
    assert zeros(prune_masks([distinct], 0.1)) == 900
    tied = torch.cat([torch.zeros(950), torch.arange(1.0, 51)])
    (mask,) = prune_masks([tied], 0.1)
    assert zeros([mask]) == 900
    assert not mask[:900].any()  # the first of the equals go
    assert mask[900:].all()


def test_ties_across_tensors_go_in_list_order() -> None:
    masks = drop_smallest([torch.tensor([1.0, 0.0]), torch.tensor([[0.0], [0.0]]), torch.tensor([0.0, 2.0])], 2)
    assert [mask.flatten().tolist() for mask in masks] == [[True, False], [False, True], [True, True]]


def test_platon_2_rounding() -> None:
    assert keep_count(0.9, 1000) == 900  # truncating 1000 * (1 - 0.9) prunes 99
    assert keep_count(0.9, 3) == 3
    assert keep_count(1.0, 7) == 7


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    values=st.lists(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=12), min_size=1, max_size=4),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
    data=st.data(),
)
def test_any_scores_drop_exactly_the_smallest(
    values: list[list[float]], dtype: torch.dtype, data: st.DataObject
) -> None:
    scores = [torch.tensor(row, dtype=dtype) for row in values]
    everything = torch.cat(scores).double()
    count = data.draw(st.integers(0, len(everything)))
    order = torch.argsort(everything, stable=True)  # the plain definition: ties by position
    expected = torch.ones(len(everything), dtype=torch.bool)
    expected[order[:count]] = False
    found = drop_smallest(scores, count)
    assert torch.equal(torch.cat(found), expected)
    if count:  # the accelerator's way to the threshold finds the same one
        wide = [score if dtype == torch.float64 else score.float() for score in scores]
        assert masking._by_digits(wide, count) == masking._kth_smallest(wide, count)


def test_non_contiguous_scores() -> None:
    score = torch.arange(12.0).reshape(3, 4).T
    (mask,) = drop_smallest([score], 5)
    assert torch.equal(mask, score > 4)
    (mask,) = drop_smallest([torch.zeros(3, 4).T], 5)  # row by row as it is seen, not as it is stored
    assert mask.flatten().tolist() == [False] * 5 + [True] * 7


def test_apply_leaves_exact_positive_zeros() -> None:
    W = torch.tensor([-1.0, float("inf"), 2.0])
    apply_([W], [torch.tensor([False, False, True])])
    assert torch.signbit(W).tolist() == [False, False, False]
    assert W.tolist() == [0, 0, 2]


def test_apply_to_trained_parameters() -> None:
    parameter = torch.nn.Parameter(torch.ones(3))
    apply_([parameter], [torch.tensor([True, False, True])])
    assert parameter.tolist() == [1, 0, 1]
    assert parameter.requires_grad


@pytest.mark.parametrize(
    ("scores", "kept", "scope", "law"),
    [
        ([torch.ones(2)], 50, "global", "kept is a fraction in .0, 1., got 50; write 0.5 for 50 %"),
        ([torch.ones(2)], 0.5, "both", "scope is 'global' or 'local', got 'both'"),
        ([], 0.5, "global", "at least one tensor"),
        ([torch.ones(2), torch.ones(2).double()], 0.5, "global", "one floating dtype"),
        ([torch.tensor([1.0, float("nan")])], 0.5, "global", r"got NaN in tensors \[0\]"),
    ],
)
def test_refusals(scores: list[Tensor], kept: float, scope: str, law: str) -> None:
    with pytest.raises(ValueError, match=law):
        prune_masks(scores, kept, scope)  # type: ignore[arg-type]


def test_refused_counts_and_masks() -> None:
    with pytest.raises(ValueError, match=r"count is in 0..2, the number of scores, got 3"):
        drop_smallest([torch.ones(2)], 3)
    with pytest.raises(ValueError, match=r"masks match the weights"):
        apply_([torch.ones(2)], [])
    with pytest.raises(ValueError, match=r"total is a number of weights"):
        keep_count(0.5, -1)


def feed(sensitivity: Sensitivity, values: list[float]) -> list[tuple[float, ...]]:
    found = []
    for step, value in enumerate(values, start=1):
        sensitivity.update([torch.ones(1).double()], [torch.tensor([-value]).double()], step)
        groups = (sensitivity.window_mean, sensitivity.importance, sensitivity.deviation)
        found.append(tuple(float(group[0]) for group in groups if group))
    return found


def test_oracle_platon_2_windows_of_two() -> None:
    one = Sensitivity([torch.ones(1).double()], beta=0.85, window=2, uncertainty=0.95)
    states = feed(one, [4, 2, 6, 8, 2, 2])
    assert states[1] == pytest.approx((2, 0.3, 0.085))
    assert states[3] == pytest.approx((8, 0.855, 0.238))
    assert states[5] == pytest.approx((2, 1.47675, 0.4022625), rel=1e-12)
    assert float(one.scores()[0]) == pytest.approx(0.59404115, rel=1e-7)


def test_oracle_platon_3_first_fold_sees_zero() -> None:
    one = Sensitivity([torch.ones(1).double()], window=1)
    folds = [state[1] for state in feed(one, [1, 1, 1, 1, 1])]
    assert folds == pytest.approx([0, 0.15, 0.2775, 0.385875, 0.47799], abs=1e-5)


@pytest.mark.parametrize("uncertainty", [1.0, 0.95])
def test_oracle_platon_6_and_7_scale_and_sign(uncertainty: float) -> None:
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(5, 4, generator=generator).double(), torch.randn(3, generator=generator).double()]
    plain, scaled = (Sensitivity(weights, window=3, uncertainty=uncertainty) for _ in range(2))
    for step in range(1, 14):
        gradients = [torch.randn(W.shape, generator=generator).double() for W in weights]
        plain.update(weights, gradients, step)
        scaled.update(weights, [64 * G for G in gradients], step)
    power = 1 if uncertainty == 1 else 2
    for one, other in zip(plain.scores(), scaled.scores(), strict=True):
        assert (one >= 0).all()
        torch.testing.assert_close(other, 64**power * one, rtol=1e-12, atol=0)
    first, second = (prune_masks(state.scores(), 0.3) for state in (plain, scaled))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert zeros(first) == round(23 * 0.7)


def test_state_goes_on_bit_for_bit() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(4, 3, generator=generator)]
    gradients = [[torch.randn(4, 3, generator=generator)] for _ in range(20)]
    whole, half = (Sensitivity(weights, window=3, uncertainty=0.9) for _ in range(2))
    for step in range(1, 21):
        whole.update(weights, gradients[step - 1], step)
    for step in range(1, 8):
        half.update(weights, gradients[step - 1], step)
    saved = {name: tensor.clone() for name, tensor in half.state().items()}
    resumed = Sensitivity(weights, window=3, uncertainty=0.9)
    resumed.load_state(saved | {"mask/0": torch.ones(1)})
    for step in range(8, 21):
        resumed.update(weights, gradients[step - 1], step)
    assert all(torch.equal(resumed.state()[name], tensor) for name, tensor in whole.state().items())
    with pytest.raises(ValueError, match=r"sensitivity/deviation/0"):
        Sensitivity(weights).load_state(saved)


def test_bfloat16_weights_keep_a_wide_state() -> None:
    weights = [torch.full((4,), 0.1, dtype=torch.bfloat16)]
    one = Sensitivity(weights, window=1)
    one.update(weights, [torch.ones_like(weights[0])], 1)
    assert one.window_mean[0].dtype == torch.float32


def test_sensitivity_refuses() -> None:
    with pytest.raises(ValueError, match=r"at least one tensor.*beta is.*window is.*uncertainty is"):
        Sensitivity([], beta=1.0, window=0, uncertainty=2.0)
    one = Sensitivity([torch.ones(2)])
    with pytest.raises(ValueError, match=r"counted from 1.*weights are the 1.*gradients match"):
        one.update([torch.ones(3)], [], 0)
