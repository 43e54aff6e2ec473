"""CKD's relations against numbers recorded elsewhere, and the properties that define them."""

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from methods.ckd import CKD
from methods.contract import Distillation
from methods.ops import relations
from methods.training.batches import Batch
from methods.training.objectives import Distilled
from oracle_cases import Case, cases, close, tensor

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def loss(name: str) -> Loss:
    """The loss that a recorded name such as `wr_angle_window3_smoothl1` stands for."""
    gap: relations.Gap = "smooth" if name.endswith("_smoothl1") else "squared"
    stem = name.removesuffix("_smoothl1")
    window = re.fullmatch(r"wr_angle_window(\d+)", stem)
    if window:
        return lambda t, s, mask: relations.word_angle(t, s, mask, window=int(window[1]), gap=gap)
    named: dict[str, Loss] = {
        "wr_dist": relations.word_similarity,
        "ltr_dist": relations.layer_similarity,
        "wr_dist_l2": lambda t, s, mask: relations.word_distance(t, s, mask, gap=gap),
        "ltr_dist_l2": lambda t, s, mask: relations.layer_distance(t, s, mask, gap=gap),
        "wr_angle_full": lambda t, s, mask: relations.word_angle(t, s, mask, gap=gap),
        "ltr_angle": lambda t, s, mask: relations.layer_angle(t, s, mask, gap=gap),
    }
    return named[stem]


def check_relations(case: Case) -> None:
    inputs, tolerance = case["inputs"], case["tolerance"]
    teacher, mask = tensor(inputs["teacher"]), tensor(inputs["mask"])
    for name, expected in case["expected"].items():
        student = tensor(inputs["student"]).requires_grad_()
        value = loss(name)(teacher, student, mask)
        close(value, expected["value"], tolerance)
        (gradient,) = torch.autograd.grad(value, student)
        assert bool(gradient.isfinite().all())
        if "grad_student" in expected:
            close(gradient, expected["grad_student"], tolerance)


def check_matching(case: Case) -> None:
    for depths, expected in case["expected"].items():
        teacher, student = (int(depth) for depth in depths.split("->"))
        found = relations.matched_states(teacher, student)
        assert [list(states) for states in found] == [expected["teacher"], expected["student"]]


def check_logits(case: Case) -> None:
    """The published loss on the answers is our distillation with other weights, but for the teacher's entropy."""
    student, teacher = tensor(case["inputs"]["student_logits"]), tensor(case["inputs"]["teacher_logits"])
    rows = Batch({}, torch.zeros(len(student), dtype=torch.long), torch.arange(len(student)))
    for name, expected in case["expected"].items():
        temperature = float(name.rpartition("T=")[2])
        weights = CKD(temperature=temperature).answers(Distillation())
        if name.startswith("regression"):  # one output: the first
            found = Distilled("regression", weights, teacher[:, :1]).of_logits(student[:, :1], rows)
            close(found, expected, case["tolerance"])
        else:
            found = Distilled("classification", weights, teacher).of_logits(student, rows)
            target = (teacher / temperature).softmax(-1)
            entropy = -(target * target.log()).sum(-1).mean()
            close(found + entropy, expected, case["tolerance"])


def check(case: Case) -> None:
    for field, test in (("mask", check_relations), ("student_logits", check_logits), ("index_0", check_matching)):
        if field in case["inputs"]:
            return test(case)
    raise AssertionError(f"no test knows a case with the inputs {', '.join(case['inputs'])}")


@pytest.mark.parametrize("case", cases("ckd"))
def test_oracle_ckd(case: Case) -> None:
    check(case)


CORNER = tensor([[[[0, 0], [1, 0], [1, 1]]]])  # [batch, layers, tokens, width] of one layer
LINE = tensor([[[[0, 0], [1, 0], [2, 0]]]])
ALL = torch.ones(1, 3)


def test_oracle_ckd_angles_of_three_points() -> None:
    # cosines: 0.707107, 0, 0.707107 at the corner's points; +1, -1, +1 on the line; each twice, with 27 triples
    assert float(relations.word_angle(LINE, CORNER, ALL)) == pytest.approx(2.343146 / 27, abs=1e-7)
    assert float(relations.word_angle(LINE, CORNER, ALL)) == pytest.approx(0.086783, abs=1e-6)
    # the same points as three layers of one token
    across = CORNER.transpose(1, 2), LINE.transpose(1, 2)
    assert float(relations.layer_angle(across[1], across[0], torch.ones(1, 1))) == pytest.approx(0.086783, abs=1e-6)


def test_oracle_ckd_angles_in_a_window() -> None:
    assert float(relations.word_angle(LINE, CORNER, ALL, window=3)) == pytest.approx(2.0 / 27, abs=1e-9)


def test_oracle_ckd_similarity_of_three_tokens() -> None:
    teacher = tensor([[[[1, 0], [0, 1], [1, 1]]]])
    student = tensor([[[[1, 0], [1, 1], [0, 1]]]])
    found = float(relations.word_similarity(teacher, student, ALL))
    assert found == pytest.approx(0.3601186 / 9, abs=1e-7)
    assert found == pytest.approx(0.0400132, abs=1e-7)


WINDOWED: Loss = lambda t, s, mask: relations.word_angle(t, s, mask, window=3)  # noqa: E731  # one of a list
LOSSES: dict[str, Loss] = {
    "word similarity": relations.word_similarity,
    "word distance": relations.word_distance,
    "word angle": relations.word_angle,
    "word angle in a window": WINDOWED,
    "layer similarity": relations.layer_similarity,
    "layer distance": relations.layer_distance,
    "layer angle": relations.layer_angle,
}


def states(seed: int, batch: int, layers: int, tokens: int, width: int) -> Tensor:
    return torch.randn(
        (batch, layers, tokens, width), dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )


def rotation(seed: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn((width, width), dtype=torch.float64, generator=generator)).Q


sizes = st.tuples(st.integers(1, 3), st.integers(2, 4), st.integers(2, 7), st.integers(2, 6), st.integers(2, 6))


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=15, deadline=None)
@given(sizes=sizes, seed=st.integers(0, 2**20))
def test_rotating_either_space_changes_nothing(name: str, sizes: tuple[int, ...], seed: int) -> None:
    batch, layers, tokens, wide, narrow = sizes
    teacher, student = states(seed, batch, layers, tokens, wide), states(seed + 1, batch, layers, tokens, narrow)
    mask = torch.ones(batch, tokens)
    plain = LOSSES[name](teacher, student, mask)
    turned = LOSSES[name](teacher @ rotation(seed, wide), student @ rotation(seed, narrow), mask)
    torch.testing.assert_close(turned, plain, rtol=1e-9, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(sizes=sizes, seed=st.integers(0, 2**20), scale=st.floats(0.1, 10))
def test_what_else_changes_nothing(sizes: tuple[int, ...], seed: int, scale: float) -> None:
    batch, layers, tokens, wide, narrow = sizes
    teacher, student = states(seed, batch, layers, tokens, wide), states(seed + 1, batch, layers, tokens, narrow)
    mask = torch.ones(batch, tokens)
    scales = 0.5 + states(seed + 2, batch, layers, tokens, 1).abs()  # of each token
    shift = states(seed + 3, 1, 1, 1, narrow)
    for name, moved in (
        ("word similarity", student * scales),
        ("layer similarity", student * scales),
        ("word angle", scale * student + shift),
        ("word angle in a window", scale * student + shift),
        ("layer angle", scale * student + shift),
        ("word distance", scale * student + shift),
        ("layer distance", scale * student + shift),
    ):
        plain = LOSSES[name](teacher, student, mask)
        torch.testing.assert_close(LOSSES[name](teacher, moved, mask), plain, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", LOSSES)
def test_a_student_like_its_teacher_loses_nothing(name: str) -> None:
    teacher = states(1, 2, 3, 5, 6)
    mask = tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    student = teacher.clone().requires_grad_()
    value = LOSSES[name](teacher, student, mask)
    assert float(value.detach()) == pytest.approx(0, abs=1e-15)
    (gradient,) = torch.autograd.grad(value, student)
    assert float(gradient.abs().max()) < 1e-12


@pytest.mark.parametrize("name", [name for name in LOSSES if "window" not in name])
@settings(max_examples=15, deadline=None)
@given(sizes=sizes, seed=st.integers(0, 2**20), padding=st.integers(1, 4))
def test_padding_changes_nothing(name: str, sizes: tuple[int, ...], seed: int, padding: int) -> None:
    batch, layers, tokens, wide, narrow = sizes
    teacher, student = states(seed, batch, layers, tokens, wide), states(seed + 1, batch, layers, tokens, narrow)
    plain = LOSSES[name](teacher, student, torch.ones(batch, tokens))
    longer = [
        torch.cat((each, 9 * states(seed + 5, batch, layers, padding, each.shape[-1])), dim=2)
        for each in (teacher, student)
    ]
    mask = torch.cat((torch.ones(batch, tokens), torch.zeros(batch, padding)), dim=1)
    torch.testing.assert_close(LOSSES[name](longer[0], longer[1], mask), plain, rtol=1e-9, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(sizes=sizes, reach=st.integers(0, 8), seed=st.integers(0, 2**20))
def test_the_window_is_what_summing_over_it_gives(sizes: tuple[int, ...], reach: int, seed: int) -> None:
    batch, layers, tokens, wide, narrow = sizes
    teacher, student = states(seed, batch, layers, tokens, wide), states(seed + 1, batch, layers, tokens, narrow)
    mask = (states(seed + 2, batch, tokens, 1, 1)[..., 0, 0] > 0).double()
    mask[:, 0] = 1
    window = 2 * reach + 1

    def angles(points: Tensor, middle: int) -> Tensor:
        around = [min(max(middle + offset, 0), tokens - 1) for offset in range(-reach, reach + 1)]
        unit = torch.nn.functional.normalize(points[middle] - points[around], dim=-1)
        return unit @ unit.T

    total = sum(
        float((angles(student[b, l], i) - angles(teacher[b, l], i)).square().sum())
        for b in range(batch)
        for l in range(layers)  # noqa: E741  # a layer
        for i in range(tokens)
        if mask[b, i]
    )
    found = float(relations.word_angle(teacher, student, mask, window=window))
    assert found == pytest.approx(total / (window**2 * layers * float(mask.sum())), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_tokens_that_coincide_give_finite_gradients(name: str) -> None:
    teacher = states(1, 1, 3, 4, 5).float()
    student = teacher[:, :, :1].expand(-1, -1, 4, -1).clone().requires_grad_()  # all tokens of a layer are one
    (gradient,) = torch.autograd.grad(LOSSES[name](teacher, student, torch.ones(1, 4)), student)
    assert bool(gradient.isfinite().all())


@pytest.mark.parametrize("name", LOSSES)
def test_one_valid_token_or_one_layer_gives_finite_gradients(name: str) -> None:
    for layers, mask in ((3, torch.tensor([[1, 0, 0, 0]])), (1, torch.ones(1, 4))):
        teacher, student = states(1, 1, layers, 4, 5), states(2, 1, layers, 4, 3).requires_grad_()
        value = LOSSES[name](teacher, student, mask)
        (gradient,) = torch.autograd.grad(value, student)
        assert bool(value.isfinite())
        assert bool(gradient.isfinite().all())


@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_is_widened(name: str) -> None:
    teacher, student = states(1, 2, 3, 6, 5).bfloat16(), states(2, 2, 3, 6, 4).bfloat16()
    value = LOSSES[name](teacher, student, torch.ones(2, 6))
    assert value.dtype == torch.float32
    exact = LOSSES[name](teacher.double(), student.double(), torch.ones(2, 6))
    np.testing.assert_allclose(float(value), float(exact), rtol=1e-4)


def test_states_that_do_not_fit_are_refused() -> None:
    fits = states(1, 2, 3, 4, 5)
    with pytest.raises(ValueError, match=r"agree in all but the width.*the mask is \[batch, tokens\], got \[2, 5\]"):
        relations.word_similarity(fits, states(1, 2, 2, 4, 5), torch.ones(2, 5))
    with pytest.raises(ValueError, match="at least one token is valid"):
        relations.layer_angle(fits, fits, torch.zeros(2, 4))
    with pytest.raises(ValueError, match="odd number of tokens >= 1, got 4"):
        relations.word_angle(fits, fits, torch.ones(2, 4), window=4)
    with pytest.raises(ValueError, match="at least 1 layer, got 12 and 0"):
        relations.matched_states(12, 0)
