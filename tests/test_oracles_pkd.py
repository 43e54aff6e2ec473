"""Patient distillation against numbers recorded elsewhere, and the properties that define it."""

import re
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmarks import experiment
from methods import students
from methods.contract import Budget, Distillation, Setting
from methods.ops.losses import distillation
from methods.ops.matching import patience
from methods.pkd import PKD, Patience, teacher_layers
from methods.stages.distil import Distil
from methods.training.batches import Batch
from methods.training.internals import Inside
from methods.training.matching import Shape
from methods.training.objectives import Distilled
from methods.vanilla_kd import VanillaKD
from oracle_cases import Case, cases, close, tensor


def check_patience(case: Case) -> None:
    inputs, tolerance = case["inputs"], case["tolerance"]
    teacher = tensor(inputs["teacher"])
    for name, expected in case["expected"].items():
        student = tensor(inputs["student"]).requires_grad_()
        value = patience(student, teacher, normalise=name == "normalised")
        close(value, expected["value"], tolerance)
        close(value * teacher.shape[-1], expected["sum_over_width_mean_over_vectors"], tolerance)
        close(value.detach().half().double(), expected["value_after_half_cast"], tolerance)
        (gradient,) = torch.autograd.grad(value, student)
        close(gradient, expected["grad_student"], tolerance)


def check_logits(case: Case) -> None:
    """The published loss on the answers is ours with other weights."""
    inputs, tolerance = case["inputs"], case["tolerance"]
    student, teacher = tensor(inputs["student_logits"]), tensor(inputs["teacher_logits"])
    rows = Batch({}, torch.tensor(inputs["labels"]), torch.arange(len(student)))

    def loss(alpha: float, temperature: float) -> Tensor:
        weights = PKD(alpha=alpha, temperature=temperature).answers(Distillation(), student.shape[-1])
        return Distilled("classification", weights, teacher).of_logits(student, rows)

    for name, expected in case["expected"].items():
        temperature, alpha = (float(number) for number in re.findall(r"[\d.]+", name))
        close(loss(1.0, temperature), expected["kd"], tolerance)
        close(loss(0.0, temperature), expected["ce"], tolerance)
        close(loss(alpha, temperature), expected["total"], tolerance)
        close(distillation(student, teacher, temperature), expected["kd_batchmean"], tolerance)


def check_layers(case: Case) -> None:
    assert case["inputs"]["layer_numbering"] == "1-based"
    depth = case["inputs"]["teacher_layers"]
    for count in case["inputs"]["students"]:
        for strategy in ("skip", "last"):
            assert list(teacher_layers(strategy, count, depth)) == case["expected"][strategy][str(count)]
        assert list(range(1, count)) == case["expected"]["student_layers"][str(count)]


def check(case: Case) -> None:
    for field, test in (("teacher", check_patience), ("student_logits", check_logits), ("students", check_layers)):
        if field in case["inputs"]:
            return test(case)
    raise AssertionError(f"no test knows a case with the inputs {', '.join(case['inputs'])}")


@pytest.mark.parametrize("case", cases("pkd"))
def test_oracle_pkd(case: Case) -> None:
    check(case)


def test_oracle_pkd_total_of_one_row() -> None:
    ours, theirs = tensor([[[3, 4]]]), tensor([[[4, 3]]])
    assert float(patience(ours, theirs)) == pytest.approx(0.04, abs=1e-12)
    assert float(patience(ours, theirs, normalise=False)) == pytest.approx(1.0, abs=1e-12)
    weights = PKD(alpha=0.7, temperature=10.0).answers(Distillation(), 3)
    row = Batch({}, torch.tensor([2]), torch.arange(1))
    answers = Distilled("classification", weights, tensor([[2, 1, 0]])).of_logits(tensor([[1, 2, 3]]), row)
    assert float(answers + 500 * patience(ours, theirs)) == pytest.approx(20.432876, abs=1e-6)


sizes = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(2, 6))


def states(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=20, deadline=None)
@given(sizes=sizes, seed=st.integers(0, 2**20), scale=st.floats(0.1, 50))
def test_the_length_of_a_state_says_nothing_when_normalised(sizes: tuple[int, ...], seed: int, scale: float) -> None:
    student, teacher = states(seed, *sizes), states(seed + 1, *sizes)
    plain = patience(student, teacher)
    torch.testing.assert_close(patience(student, scale * teacher), plain, rtol=1e-9, atol=1e-12)
    assert 0 <= float(plain) <= 4 / sizes[-1] + 1e-12  # two vectors of length 1 are at most 2 apart
    assert float(patience(teacher, teacher)) == 0


def inside(hidden: list[Tensor]) -> Inside:
    rows, length = hidden[0].shape[:2]
    return Inside(torch.zeros(rows, 2), tuple(hidden), (), torch.ones(rows, length))


@pytest.mark.parametrize(("strategy", "followed"), [("skip", (2, 4)), ("last", (4, 5))])
def test_the_first_tokens_of_the_middle_layers_are_followed_and_nothing_else(
    strategy: str, followed: tuple[int, ...]
) -> None:
    teacher = [states(layer, 2, 4, 8) for layer in range(7)]
    student = [states(9 + layer, 2, 4, 8) for layer in range(4)]
    for place, layer in enumerate(followed, start=1):
        student[place][:, 0] = 3 * teacher[layer][:, 0]  # tokens but the first, embeddings and last layer differ
    matching = Patience(strategy=strategy)  # type: ignore[arg-type]
    matcher = matching.matcher(Shape(3, 8, 2), Shape(6, 8, 2), seed=0)
    assert float(matcher(inside(student), inside(teacher))) == pytest.approx(0, abs=1e-12)
    student[1][:, 0] = states(99, 2, 8)
    assert float(matcher(inside(student), inside(teacher))) > 0.1


def test_models_of_other_widths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"states of one width, got 8 \(student\) and 12 \(teacher\)"):
        Patience().matcher(Shape(2, 8, 2), Shape(4, 12, 2), seed=0)
    with pytest.raises(ValueError, match="strategy is skip or last, got first; beta is a weight >= 0, got -1"):
        Patience(strategy="first", weight=-1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"alpha is a weight in \[0, 1\], got 2"):
        PKD(alpha=2.0).answers(Distillation(), 2)


@pytest.fixture(scope="module")
def setting() -> Setting:
    return experiment.cells(experiment.Options(methods=("pkd",), budgets=(0.5,), protocol="smoke"))[0].setting


def test_a_plan_shares_student_and_logits_with_plain_distillation(setting: Setting) -> None:
    stage = PKD().plan(setting)
    assert isinstance(stage, Distil)
    keys = {each.key for each in VanillaKD().plan(setting).walk()}
    assert {stage.student.key, stage.logits.key if stage.logits else "", stage.data.key} <= keys
    assert stage.key != PKD(strategy="last").plan(setting).key
    assert stage.key != PKD(normalise=False).plan(setting).key


def test_one_layer_leaves_none_to_be_patient_with(setting: Setting) -> None:
    quarter = replace(setting, budget=Budget(0.25))  # one of four layers
    assert students.refusal(quarter) is None
    reason = PKD().refused(quarter)
    assert reason is not None
    assert "2 or more of 4, 50 % at least" in reason
    assert PKD().refused(setting) is None
    assert PKD(strategy="last").title() == "PKD-last"
