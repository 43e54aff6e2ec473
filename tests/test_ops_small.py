"""Schedules, losses, spectra and ranks: the published numbers and the laws they obey."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import get_linear_schedule_with_warmup

from methods.ops.losses import consistency, distillation, supervised, unified
from methods.ops.rank import average, describe
from methods.ops.ranks import factor_weights, rank_for
from methods.ops.schedules import kept_share, learning_rate_multiplier, parent_probability


def row(*values: float) -> Tensor:
    return torch.tensor([values], dtype=torch.float64)


def test_oracle_lpaf_1_cubic() -> None:
    found = [kept_share(t, 1000, 100, 200, 0.1) for t in (99, 275, 450, 625, 800)]
    assert found == pytest.approx([1.0, 0.479688, 0.2125, 0.114063, 0.1], abs=1e-6)


def test_oracle_platon_1_cubic() -> None:
    found = [kept_share(t, 1000, 100, 200, 0.1) for t in (100, 101, 110, 450, 801)]
    assert found == pytest.approx([1.0, 0.9961484, 0.9619770, 0.2125, 0.1], abs=5e-8)


def test_oracle_lpaf_2_parent_probability() -> None:
    found = [parent_probability(t, 1000, 0.5) for t in (0, 100, 250, 499, 500, 999)]
    assert found == pytest.approx([0.5, 0.4, 0.25, 0.001, 0, 0], abs=1e-12)


def test_learning_rate_is_the_usual_linear_one() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    schedule = get_linear_schedule_with_warmup(optimizer, 6, 50)
    for step in range(51):
        assert learning_rate_multiplier(step, 50, 0.12) == pytest.approx(schedule.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        schedule.step()
    assert learning_rate_multiplier(0, 1, 0.0) == 1.0


@settings(max_examples=100, deadline=None, derandomize=True)
@given(total=st.integers(1, 200), start=st.floats(0, 0.5), cooldown=st.floats(0, 0.49), final=st.floats(0.01, 1))
def test_kept_share_falls_from_one_to_final(total: int, start: float, cooldown: float, final: float) -> None:
    warm, cool = int(start * total), int(cooldown * total)
    shares = [kept_share(step, total, warm, cool, final) for step in range(total + 1)]
    assert shares[0] == pytest.approx(1.0)
    assert shares[-1] == final
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(shares))
    chances = [parent_probability(step, total, final) for step in range(total + 1)]
    assert chances[0] == final
    assert all(chance == 0 for step, chance in enumerate(chances) if 2 * step >= total)


def test_schedules_refuse() -> None:
    with pytest.raises(ValueError, match=r"leave steps for the decay, got 200 \+ 300 of 500.*kept shares obey"):
        kept_share(1, 500, 200, 300, 0.0)
    with pytest.raises(ValueError, match=r"never negative, got -1.*at least 1 step, got 0"):
        parent_probability(-1, 0, 0.5)
    with pytest.raises(ValueError, match=r"start and cooldown"):
        kept_share(1, 10, -1, 0, 0.5)
    with pytest.raises(ValueError, match=r"initial is a probability.*end is a share"):
        parent_probability(1, 10, 5, 2)
    with pytest.raises(ValueError, match=r"warmup is a share"):
        learning_rate_multiplier(1, 10, 5)


STUDENT, TEACHER, LABEL = row(1, 2, 3), row(2, 1, 0), torch.tensor([2])


@pytest.mark.parametrize(
    ("temperature", "value"),
    [(1, 1.150421), (2, 1.280627), (4, 1.319630), (20, 1.332778), (1000, 1.333333)],
)
def test_oracle_kd_temperatures(temperature: float, value: float) -> None:
    assert float(distillation(STUDENT, TEACHER, temperature)) == pytest.approx(value, abs=1e-6)


def test_oracle_kd_totals_and_gradient() -> None:
    assert float(supervised(STUDENT, LABEL, "classification")) == pytest.approx(0.407606, abs=1e-6)
    assert float(unified(STUDENT, TEACHER, LABEL, "classification")) == pytest.approx(0.844116, abs=1e-6)
    other = unified(STUDENT, TEACHER, LABEL, "classification", label_weight=0.1, teacher_weight=0.9)
    assert float(other) == pytest.approx(1.193325, abs=1e-6)
    student, teacher = STUDENT.clone().requires_grad_(), TEACHER.clone().requires_grad_()
    distillation(student, teacher, 2).backward()
    assert student.grad is not None
    expected = 2 * ((STUDENT / 2).softmax(-1) - (TEACHER / 2).softmax(-1))  # T / B (p_s - p_t)
    torch.testing.assert_close(student.grad, expected, rtol=0, atol=1e-12)
    assert student.grad.flatten().tolist() == pytest.approx([-0.640313, 0, 0.640313], abs=5e-7)
    assert teacher.grad is None


def test_oracle_kd_batch_and_binary() -> None:
    student = torch.cat([STUDENT, row(0, 0, 0)])
    teacher = torch.cat([TEACHER, row(1, 0, -1)])
    assert float(distillation(student, teacher, 2)) == pytest.approx(0.797155, abs=1e-6)
    for temperature, value in ((2, 0.673378), (1, 0.241153)):
        assert float(distillation(row(0.5, -0.5), row(2, -2), temperature)) == pytest.approx(value, abs=1e-6)


def test_oracle_lpaf_10_divergences() -> None:
    first, second = row(2, 0), row(0, 0)
    assert float(distillation(second, first, 1)) == pytest.approx(0.327813, abs=1e-6)
    assert float(distillation(first, second, 1)) == pytest.approx(0.433781, abs=1e-6)
    assert float(consistency(first, second, "classification")) == pytest.approx(0.380797, abs=1e-6)
    assert float(distillation(row(0, 0), row(1, -1), 2)) == pytest.approx(0.443776, abs=1e-6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    logits=st.lists(st.floats(-20, 20), min_size=2, max_size=6),
    shift=st.floats(-20, 20),
    temperature=st.floats(0.5, 20),
)
def test_distillation_is_zero_for_shifted_logits_and_never_negative(
    logits: list[float], shift: float, temperature: float
) -> None:
    teacher = row(*logits)
    assert float(distillation(teacher + shift, teacher, temperature)) == pytest.approx(0, abs=1e-9)
    assert float(distillation(teacher.flip(-1), teacher, temperature)) >= -1e-12
    assert float(consistency(teacher, teacher + shift, "classification")) == pytest.approx(0, abs=1e-10)


def test_label_weight_alone_is_plain_fine_tuning() -> None:
    total = unified(STUDENT, TEACHER, LABEL, "classification", label_weight=1.0, teacher_weight=0.0)
    assert torch.equal(total, supervised(STUDENT, LABEL, "classification"))


def test_losses_are_float32_under_autocast() -> None:
    student, teacher = STUDENT.float(), TEACHER.float()
    expected = unified(student, teacher, LABEL, "classification")
    with torch.autocast("cpu", torch.bfloat16):
        found = unified(student, teacher, LABEL, "classification")
        agreement = consistency(student.bfloat16(), teacher.bfloat16(), "classification")
        error = supervised(torch.ones(2, 1).bfloat16(), torch.zeros(2), "regression")
    assert found.dtype == agreement.dtype == error.dtype == torch.float32
    torch.testing.assert_close(found, expected)


def test_losses_refuse() -> None:
    with pytest.raises(ValueError, match=r"both outputs have one shape"):
        distillation(torch.ones(2, 3), torch.ones(2, 2))
    with pytest.raises(ValueError, match=r"temperature is above 0, got 0"):
        distillation(STUDENT, TEACHER, 0)
    with pytest.raises(ValueError, match=r"kind is 'classification' or 'regression', got 'span'"):
        supervised(STUDENT, LABEL, "span")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"labels are shaped as"):
        supervised(STUDENT, torch.tensor([1, 2]), "classification")
    with pytest.raises(ValueError, match=r"both outputs have one shape"):
        supervised(torch.ones(3, 1), torch.ones(2), "regression")
    with pytest.raises(ValueError, match=r"never negative"):
        unified(STUDENT, TEACHER, LABEL, "classification", label_weight=-1)


@pytest.mark.parametrize("shape", [(80, 80), (100, 70), (70, 100), (9, 5)])
def test_numerical_rank_is_torchs(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    for rank in (1, 3, min(shape)):
        W = torch.randn(shape[0], rank, generator=generator) @ torch.randn(rank, shape[1], generator=generator)
        W[2] = 0
        W[:, 1] = 0
        for weight in (W, W.double()):
            assert describe(weight).numerical_rank == int(torch.linalg.matrix_rank(weight))
        assert describe(W).zero_rows == describe(W).zero_columns == 1


def test_oracle_up_zero_5_and_lpaf_rank_is_bounded_by_live_rows() -> None:
    W = torch.randn(96, 120, generator=torch.Generator().manual_seed(0))
    W[10:] = 0
    spectrum = describe(W)
    assert spectrum.numerical_rank == 10
    assert spectrum.zero_rows == 86
    assert average([spectrum, describe(torch.eye(96))])["rank"] == 53


def test_oracle_up_zero_6_gaussian_shares() -> None:
    spectrum = describe(torch.randn(768, 768, generator=torch.Generator().manual_seed(0)))
    found = [spectrum.captured(k) for k in (260, 130, 80)]
    assert found == pytest.approx([0.585, 0.333, 0.216], abs=2e-3)


def test_spectrum_of_known_matrices() -> None:
    identity = describe(torch.eye(6))
    assert (identity.effective_rank, identity.stable_rank) == pytest.approx((6, 6))
    skewed = describe(torch.diag(torch.tensor([4.0, 3.0, 0.01])))
    assert (skewed.numerical_rank, skewed.one_percent_rank) == (3, 2)
    assert skewed.stable_rank == pytest.approx(25.0001 / 16)
    assert skewed.truncation_error(1) == pytest.approx(9.0001**0.5)
    assert skewed.captured(3) == 1.0
    nothing = describe(torch.zeros(3, 4))
    assert (nothing.numerical_rank, nothing.one_percent_rank, nothing.zero_rows) == (0, 0, 3)
    assert (nothing.effective_rank, nothing.stable_rank, nothing.captured(1)) == (0, 0, 1)
    with pytest.raises(ValueError, match=r"rank is a whole number in 0..3"):
        nothing.captured(4)
    with pytest.raises(ValueError, match=r"at least one matrix"):
        average([])


BERT = ([(768, 768)] * 4 + [(3072, 768), (768, 3072)]) * 12


def test_oracle_svd_ft_1_counts() -> None:
    found = [factor_weights(k, BERT) for k in (260, 130, 80, 390, 50)]
    assert found == [43_130_880, 21_565_440, 13_271_040, 64_696_320, 8_294_400]


def test_rank_for_budgets() -> None:
    assert [rank_for(budget, BERT) for budget in (0.75, 0.5, 0.25, 0.16, 0.1)] == [384, 256, 128, 81, 51]
    assert rank_for(0.0001, [(4, 4)]) == 1
    assert rank_for(1, [(100, 100), (2, 2)]) == 2
    assert rank_for(0.7, [(10, 10)]) == 3  # 0.7 * 100 / 20 = 3.5


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    budget=st.integers(1, 100).map(lambda percent: percent / 100),
    shapes=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=5),
)
def test_rank_for_is_the_largest_that_fits(budget: float, shapes: list[tuple[int, int]]) -> None:
    rank = rank_for(budget, shapes)
    allowed = round(budget * 100) * sum(n * m for n, m in shapes)
    assert rank == 1 or 100 * factor_weights(rank, shapes) <= allowed
    least = min(min(shape) for shape in shapes)
    assert rank == least or 100 * factor_weights(rank + 1, shapes) > allowed


def test_ranks_refuse() -> None:
    with pytest.raises(ValueError, match=r"budget is a fraction .* got 50; write 0.5 for 50 %.*at least one matrix"):
        rank_for(50, [])
    with pytest.raises(
        ValueError, match=r"rank is at least 1, got 0.*two positive numbers \[out, in\], got \[0, 3\]"
    ):
        factor_weights(0, [(0, 3)])
