"""What defines MiniLM's distillation: relations without width, blind to padding and to rotations of values."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmarks import experiment
from methods.minilm_kd import MiniLM, SelfAttention
from methods.ops.matching import regrouped, relation_divergence, relations
from methods.stages.distil import Distil
from methods.training.internals import Heads, Inside
from methods.training.matching import Shape


def tensor(*values: list[list[float]]) -> Tensor:
    return torch.tensor([values], dtype=torch.float64)


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_the_relation_of_two_values() -> None:
    teacher, student = relations(tensor([[1, 0], [0, 1]])), relations(tensor([[1], [1]]))
    found = relation_divergence(student, teacher, torch.ones(1, 2))
    assert float(found) == pytest.approx(0.0587998, abs=1e-7)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**20), heads=st.integers(1, 3), length=st.integers(1, 5), size=st.integers(1, 4))
def test_values_may_be_rotated_and_padding_counts_for_nothing(seed: int, heads: int, length: int, size: int) -> None:
    teacher, student = drawn(seed, 2, heads, length, size), drawn(seed + 1, 2, heads, length, size + 2)
    turn = torch.linalg.qr(drawn(seed + 2, size, size)).Q
    mask = torch.ones(2, length)
    plain = relation_divergence(relations(student), relations(teacher), mask)
    turned = relation_divergence(relations(student), relations(teacher @ turn), mask)
    torch.testing.assert_close(turned, plain, rtol=1e-9, atol=1e-10)
    assert float(plain) >= -1e-12
    assert float(relation_divergence(relations(student), relations(student), mask)) == pytest.approx(0, abs=1e-12)
    longer = [torch.cat((each, drawn(seed + 3, 2, heads, 2, each.shape[-1])), dim=2) for each in (student, teacher)]
    padded = relation_divergence(*map(relations, longer), torch.cat((mask, torch.zeros(2, 2)), dim=1))
    torch.testing.assert_close(padded, plain, rtol=1e-9, atol=1e-10)


def inside(seed: int, heads: int, size: int) -> Inside:
    query, key, value = (drawn(seed + place, 2, heads, 4, size) for place in range(3))
    last = Heads(query, key, value, size**-0.5)
    other = Heads(value, query, key, size**-0.5)  # layers but the last are not looked at
    return Inside(torch.zeros(2, 2), (), (other, last), torch.ones(2, 4))


def test_as_many_relation_heads_as_heads_change_nothing() -> None:
    vectors = drawn(3, 2, 3, 4, 5)
    assert torch.equal(regrouped(vectors, 3), vectors)
    with pytest.raises(ValueError, match="got 4 heads and a width of 15"):
        regrouped(vectors, 4)


@pytest.mark.parametrize("relation_heads", [None, 6])
def test_the_last_layer_is_imitated_whatever_the_width(relation_heads: int | None) -> None:
    teacher, student = inside(1, 2, 6), inside(9, 2, 3)
    matcher = SelfAttention(relation_heads).matcher(Shape(2, 6, 2), Shape(4, 12, 2), seed=0)
    assert float(matcher(student, teacher)) > 0.01
    assert float(matcher(teacher, teacher)) == pytest.approx(0, abs=1e-12)
    assert not list(matcher.parameters())


def test_models_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"head by head, got 2 heads \(student\) and 4 \(teacher\)"):
        SelfAttention().matcher(Shape(2, 8, 2), Shape(4, 8, 4), seed=0)
    with pytest.raises(ValueError, match=r"divides both widths, got 8 for 8 \(student\) and 12 \(teacher\)"):
        SelfAttention(8).matcher(Shape(2, 8, 2), Shape(4, 12, 4), seed=0)


def test_attention_comes_first_and_answers_after() -> None:
    cell = experiment.cells(experiment.Options(methods=("minilm-kd",), budgets=(0.5,), protocol="smoke"))[0]
    stage = MiniLM(epochs=3).plan(cell.setting)
    assert isinstance(stage, Distil)
    assert isinstance(stage.student, Distil)
    assert stage.student.distillation is None
    assert stage.student.recipe == replace(cell.setting.protocol.retrain, epochs=3, selection="last")
    assert stage.inner is None
    assert "on the task's rows" in MiniLM().title()
    assert "no general distillation" in MiniLM().notes(cell.setting)[0]
