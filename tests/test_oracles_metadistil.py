"""MetaDistil's round against numbers recorded elsewhere and against finite differences, by the function in use."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from methods.ops.bilevel import Lesson, Parameters, lesson, trial
from methods.ops.teachable import soft_loss
from methods.training.batches import Batch
from methods.training.teaching import Answers, Teachable, answers, teach
from oracle_cases import Case, close, read


def start() -> Case:
    """The models and rows that every round starts from."""
    found: Case = next(case for case in read("metadistil") if "teacher" in case["inputs"])["inputs"]
    return found


def model(given: Case, side: str) -> nn.Module:
    from transformers import BertConfig, BertForSequenceClassification

    sizes = given["config"]
    config = BertConfig(
        vocab_size=sizes["vocab"],
        hidden_size=sizes["hidden"],
        num_hidden_layers=sizes[f"{side}_layers"],
        num_attention_heads=sizes["heads"],
        intermediate_size=sizes["intermediate"],
        max_position_embeddings=sizes["positions"],
        type_vocab_size=sizes["token_types"],
        layer_norm_eps=float(sizes["layer_norm_eps"]),
        hidden_dropout_prob=sizes["dropout"],
        attention_probs_dropout_prob=sizes["dropout"],
        num_labels=sizes["classes"],
    )
    made: nn.Module = BertForSequenceClassification(config).double()
    weights = {name: torch.tensor(values, dtype=torch.float64) for name, values in given[side].items()}
    made.load_state_dict(weights, strict=True)
    return made


def batch(rows: Case) -> Batch:
    inputs = {name: torch.tensor(rows[name]) for name in ("input_ids", "attention_mask", "token_type_ids")}
    return Batch(inputs, torch.tensor(rows["labels"]), torch.arange(len(rows["labels"])))


def weights_of(given: Case) -> Teachable:
    pairs = tuple(zip(given["feature_teacher_layers"], given["feature_student_layers"], strict=True))
    return Teachable(
        hard=1 - given["alpha"],
        soft=given["alpha"],
        distance="logits" if given["logit_mse"] else "probabilities",
        temperature=given["T"],
        features=given["beta"],
        states=pairs,
    )


def states_of(loss: Teachable, side: int) -> tuple[int, ...]:
    return tuple(pair[side] for pair in loss.states) if loss.features else ()


def terms(loss: Teachable, student: Answers, teacher: Answers, labels: Tensor) -> Tensor:
    """The recorded parts: hard, soft and features, 0 where the last are off."""
    parts = loss.terms(student, teacher, labels)
    return torch.stack([parts.get(name, torch.zeros(())).double() for name in ("hard", "soft", "features")])


def check_pilot(
    case: Case, student: nn.Module, teacher: nn.Module, loss: Teachable, batches: Sequence[Batch]
) -> None:
    parameters: Parameters = dict(student.named_parameters())
    for rows, expected in zip(batches, case["expected"]["pilot_losses"], strict=True):
        guide = answers(teacher, rows, states_of(loss, 0))
        ours = answers(student, rows, states_of(loss, 1), parameters)
        close(terms(loss, ours, guide, rows.labels), list(expected.values()), case["tolerance"])

        def training(now: Parameters, rows: Batch = rows, guide: Answers = guide) -> Tensor:
            return loss(answers(student, rows, states_of(loss, 1), now), guide, rows.labels)

        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            parameters = trial(parameters, [training], case["inputs"]["pilot_step"])


def update(module: nn.Module, rate: float, clip: float) -> float:
    norm = torch.nn.utils.clip_grad_norm_(module.parameters(), clip)
    torch.optim.SGD(module.parameters(), lr=rate).step()
    return float(norm)


ROUNDS = [pytest.param(case, id=case["name"]) for case in read("metadistil") if "pilot_step" in case["inputs"]]


@pytest.mark.parametrize("case", ROUNDS)
def test_oracle_metadistil(case: Case) -> None:
    given, expected, tolerance = case["inputs"], case["expected"], case["tolerance"]
    begun = start()
    teacher, student = model(begun, "teacher").eval(), model(begun, "student").train()
    loss, quiz = weights_of(given), batch(begun["quiz"])
    batches = [batch(rows) for rows in begun["batches"][: given["n_batches"]]]
    before = {name: value.clone() for name, value in student.state_dict().items()}

    check_pilot(case, student, teacher, loss, batches)
    given_lesson = teach(student, teacher, loss, batches, quiz, given["pilot_step"])
    close(given_lesson.quiz, expected["quiz_loss"], tolerance)
    names = [name for name, _ in teacher.named_parameters()]
    gradients = dict(zip(names, given_lesson.gradient, strict=True))
    for name, size in expected["teacher_gradient_tensor_norms"].items():
        close(gradients[name].norm(), size, tolerance)
    for name, values in expected["teacher_gradient"].items():
        close(gradients[name], values, tolerance)
    for name, value in expected["finite_difference_first_entry"].items():
        close(gradients[name].flatten()[0], value, 1e-7)
    assert all(torch.equal(before[name], value) for name, value in student.state_dict().items())  # rolled back
    assert all(parameter.grad is None for parameter in (*student.parameters(), *teacher.parameters()))

    for name, parameter in teacher.named_parameters():
        parameter.grad = gradients[name]
    close(update(teacher, given["teacher_lr"], given["clip_norm"]), expected["teacher_gradient_norm"], tolerance)
    for name, values in expected["teacher_after"].items():
        close(teacher.get_parameter(name), values, tolerance)

    for place, rows in enumerate(batches):
        with torch.no_grad():
            guide = answers(teacher, rows, states_of(loss, 0))
        ours = answers(student, rows, states_of(loss, 1))
        real = expected["real_losses"][place]
        close(terms(loss, ours, guide, rows.labels), list(real.values()), tolerance)
        student.zero_grad()
        loss(ours, guide, rows.labels).backward()
        if place == 0:
            for name, values in expected["student_gradient_first_real_step"].items():
                gradient = student.get_parameter(name).grad
                assert gradient is not None
                close(gradient, values, tolerance)
        norm = update(student, given["student_lr"], given["clip_norm"])
        close(norm, expected["student_gradient_norms"][place], tolerance)
    for name, values in expected["student_after"].items():
        close(student.get_parameter(name), values, tolerance)


def test_oracle_metadistil_every_case_is_known() -> None:
    unknown = [
        c["name"] for c in read("metadistil") if "pilot_step" not in c["inputs"] and "teacher" not in c["inputs"]
    ]
    assert not unknown
    assert ROUNDS


FIRST = "classifier.weight"


@pytest.mark.parametrize("features", [0.0, 3.0])
@pytest.mark.parametrize("distance", ["probabilities", "logits", "divergence"])
@pytest.mark.parametrize("name", [FIRST, "bert.encoder.layer.0.attention.self.query.weight"])
def test_the_lesson_is_the_slope_of_the_quiz_loss(distance: Any, features: float, name: str) -> None:
    begun = start()
    teacher, student = model(begun, "teacher").eval(), model(begun, "student").eval()
    rows, quiz = [batch(each) for each in begun["batches"]], batch(begun["quiz"])
    loss = Teachable(distance=distance, temperature=2.0, features=features, states=((2, 1),))

    def told(shift: float) -> Lesson:
        weight = teacher.get_parameter(name)
        with torch.no_grad():
            weight.flatten()[:1] += shift
        found = teach(student, teacher, loss, rows, quiz, 0.4)
        with torch.no_grad():
            weight.flatten()[:1] -= shift
        return found

    names = [each for each, _ in teacher.named_parameters()]
    slope = float(told(0).gradient[names.index(name)].flatten()[0])
    width = 1e-5
    difference = float(told(width).quiz - told(-width).quiz) / (2 * width)
    assert slope == pytest.approx(difference, rel=1e-5, abs=1e-10)
    assert abs(slope) > 1e-6


@pytest.mark.parametrize(
    ("loss", "rate"),
    [(Teachable(hard=1.0, soft=0.0), 0.5), (Teachable(), 0.0)],
    ids=["nothing is asked of the teacher", "no step is tried"],
)
def test_a_teacher_without_influence_learns_nothing(loss: Teachable, rate: float) -> None:
    begun = start()
    teacher, student = model(begun, "teacher").eval(), model(begun, "student").eval()
    found = teach(student, teacher, loss, [batch(begun["batches"][0])], batch(begun["quiz"]), rate)
    assert all(not bool(gradient.any()) for gradient in found.gradient)


def test_oracle_metadistil_numbers_in_one_dimension() -> None:
    alpha, rate = 0.5, 0.1
    student = {"s": torch.tensor(0.0, dtype=torch.float64, requires_grad=True)}
    teacher = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)

    def training(now: Parameters, target: Tensor) -> Tensor:
        return alpha / 2 * (now["s"] - target) ** 2 + (1 - alpha) / 2 * (now["s"] - 1) ** 2

    def quiz(now: Parameters) -> Tensor:
        return 0.5 * (now["s"] - 2) ** 2

    stepped = trial(student, [lambda now: training(now, teacher)], rate)
    assert stepped["s"].item() == pytest.approx(0.1)
    found = lesson(student, [teacher], [lambda now: training(now, teacher)], quiz, rate)
    assert float(found.quiz) == pytest.approx(1.805)
    assert float(found.gradient[0]) == pytest.approx(-0.095)
    taught = teacher.detach() - found.gradient[0]
    assert float(taught) == pytest.approx(1.095)
    real = trial(student, [lambda now: training(now, taught)], rate)  # from 0, not from the trial's 0.1
    assert real["s"].item() == pytest.approx(0.10475)


def test_oracle_metadistil_soft_losses() -> None:
    student, teacher = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[2.0, 1.0, 0.0]])
    assert float(soft_loss(student, teacher, "probabilities", 2)) == pytest.approx(0.273334, abs=1e-6)
    assert float(soft_loss(student, teacher, "probabilities", 5)) == pytest.approx(0.292393, abs=1e-6)
    assert float(soft_loss(student, teacher, "logits", 1)) == pytest.approx(3.666667, abs=1e-6)


def test_values_that_cannot_be_are_told_all_at_once() -> None:
    with pytest.raises(ValueError, match=r"soft is a weight >= 0, got -1.*temperature is above 0, got 0.*got none"):
        Teachable(soft=-1, temperature=0, features=2.0)
    with pytest.raises(ValueError, match=r"kind is one of .* got odd; both logits .*; temperature is above 0"):
        soft_loss(torch.zeros(1, 2), torch.zeros(1, 3), "odd", 0)  # type: ignore[arg-type]  # the fault itself
