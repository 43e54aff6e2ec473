"""TinyBERT's losses against numbers recorded elsewhere, and the properties that define its two trainings."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks import experiment
from benchmarks.mini import bert_folder
from methods import models, students
from methods.contract import Budget, Distillation, Setting
from methods.distilbert import DistilBERT
from methods.ops.matching import soft_cross_entropy
from methods.stages.distil import Distil
from methods.stages.student import Student
from methods.tinybert import Layers, TinyBERT
from methods.training import internals
from methods.training.batches import Batch
from methods.training.internals import Heads, Inside
from methods.training.matching import Matched, Shape
from methods.training.objectives import Distilled
from methods.vanilla_kd import VanillaKD
from oracle_cases import Case, cases, close, tensor


def showing(scores: Tensor) -> Heads:
    """Heads whose scores are these: Q the scores, K the identity."""
    return Heads(scores, torch.eye(scores.shape[-1], dtype=scores.dtype).expand_as(scores), scores, 1.0)


def inside(hidden: Tensor, scores: Tensor, mask: Tensor) -> Inside:
    return Inside(hidden.new_zeros(len(mask), 2), tuple(hidden), tuple(showing(each) for each in scores), mask)


def check_intermediate(case: Case) -> None:
    given, expected, tolerance = case["inputs"], case["expected"], case["tolerance"]
    mask = tensor(given["mask"])
    theirs, ours = tensor(given["teacher_hidden"]), tensor(given["student_hidden"])
    scores = tensor(given["student_scores"]).requires_grad_()
    teacher = inside(theirs, tensor(given["teacher_scores"]), mask)
    shapes = [
        Shape(given[f"{who}_layers"], states.shape[-1], scores.shape[2])
        for who, states in (("student", ours), ("teacher", theirs))
    ]

    def matcher(layers: Layers) -> Any:
        made: Any = layers.matcher(*shapes, seed=0).double()
        made.projection.weight.data.copy_(tensor(given["projection_weight"]))
        made.projection.bias.data.copy_(tensor(given["projection_bias"]))
        return made

    published = matcher(Layers(counted="all"))
    assert [0, *published.followed] == expected["teacher_hidden_layers"]
    assert [layer - 1 for layer in published.followed] == expected["teacher_score_layers"]
    student = inside(ours, scores, mask)
    close(published.states(student, teacher), expected["hidden_total"], tolerance)
    close(published.scores(student, teacher), expected["attention_total"], tolerance)
    close(published.states(student, teacher), sum(expected["hidden_per_layer"]), tolerance)
    close(published.scores(student, teacher), sum(expected["attention_per_layer"]), tolerance)
    assert expected["embedding_loss"] == expected["hidden_per_layer"][0]
    loss = published(student, teacher)
    close(loss, expected["total"], tolerance)
    wanted = (published.projection.weight, published.projection.bias, scores)
    weight, bias, drawn = torch.autograd.grad(loss, wanted)
    close(weight, expected["grad_projection_weight"], tolerance)
    close(bias, expected["grad_projection_bias"], tolerance)
    close(drawn[-1], expected["grad_student_scores_last"], tolerance)
    valid = matcher(Layers(counted="keys")).scores(student, teacher)
    close(valid, sum(expected["attention_per_layer_valid_entries_only"]), tolerance)


def check_prediction(case: Case) -> None:
    """The published loss is ours with other weights, but for the teacher's entropy."""
    tolerance = case["tolerance"]
    student, teacher = tensor(case["inputs"]["student_logits"]), tensor(case["inputs"]["teacher_logits"])
    rows = Batch({}, torch.zeros(len(student), dtype=torch.long), torch.arange(len(student)))
    for name, expected in case["expected"].items():
        temperature = float(name.removeprefix("T="))
        close(soft_cross_entropy(student, teacher, temperature), expected["value"], tolerance)
        weights = TinyBERT(temperature=temperature).answers(Distillation(), "classification", student.shape[-1])
        found = Distilled("classification", weights, teacher).of_logits(student, rows)
        close(found + expected["teacher_entropy_over_C"], expected["value"], tolerance)


def check(case: Case) -> None:
    for field, test in (("teacher_hidden", check_intermediate), ("student_logits", check_prediction)):
        if field in case["inputs"]:
            return test(case)
    raise AssertionError(f"no test knows a case with the inputs {', '.join(case['inputs'])}")


@pytest.mark.parametrize("case", cases("tinybert"))
def test_oracle_tinybert(case: Case) -> None:
    check(case)


def batch(width: int) -> Batch:
    """Rows of 5 and 8 word pieces, padded to `width`."""
    ids = torch.zeros(2, width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, length in enumerate((5, 8)):
        ids[row, :length] = torch.arange(7, 7 + length)
        mask[row, :length] = 1
    return Batch({"input_ids": ids, "attention_mask": mask}, torch.zeros(2, dtype=torch.long), torch.arange(2))


def test_padding_changes_nothing_and_the_classifier_learns_nothing(tmp_path: Path) -> None:
    model = models.pretrained(bert_folder(), outputs=2, seed=1)
    models.save(model, tmp_path)
    teacher, student = (models.load(tmp_path, attention=internals.attention()) for _ in range(2))
    models.keep_layers(student, (1, 3))
    matcher = Layers().matcher(Shape.of(student), Shape.of(teacher), seed=5)
    objective = Matched(None, internals.watching(teacher, "cpu", "float32", heads=True), matcher, heads=True)
    short, long = objective(student, batch(8)), objective(student, batch(13))
    torch.testing.assert_close(short, long, rtol=1e-4, atol=1e-5)
    long.backward()
    learned = {name for name, parameter in student.named_parameters() if parameter.grad is not None}
    assert not {name for name in learned if "classifier" in name or "pooler" in name}
    assert matcher.projection.weight.grad is not None  # type: ignore[union-attr]
    assert any("query" in name for name in learned)


def test_a_model_is_its_own_perfect_student_under_the_identity(tmp_path: Path) -> None:
    models.save(models.pretrained(bert_folder(), outputs=2, seed=1), tmp_path)
    model = models.load(tmp_path, attention=internals.attention())
    matcher: Any = Layers().matcher(Shape.of(model), Shape.of(model), seed=5)
    torch.nn.init.eye_(matcher.projection.weight)
    torch.nn.init.zeros_(matcher.projection.bias)
    seen = internals.look(model, batch(8), heads=True)
    assert float(matcher(seen, seen).detach()) == pytest.approx(0, abs=1e-9)


def test_other_head_counts_are_refused_where_heads_are_compared() -> None:
    with pytest.raises(ValueError, match="counted is tokens, keys or all, got rows"):
        Layers(counted="rows")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"head by head, got 2 heads \(student\) and 4 \(teacher\)"):
        Layers().matcher(Shape(2, 8, 2), Shape(4, 8, 4), seed=0)
    Layers(attention=False).matcher(Shape(2, 8, 2), Shape(4, 12, 4), seed=0)


@pytest.fixture(scope="module")
def setting() -> Setting:
    return experiment.cells(experiment.Options(methods=("tinybert",), budgets=(0.5,), protocol="smoke"))[0].setting


def test_the_inside_comes_first_and_the_answers_after(setting: Setting) -> None:
    answers = TinyBERT(epochs=7).plan(setting)
    assert isinstance(answers, Distil)
    inner = answers.student
    assert isinstance(inner, Distil)
    assert (answers.inner, inner.distillation, inner.recipe.epochs) == (None, None, 7)
    assert isinstance(inner.student, Student)
    assert inner.student.layers == (1, 3)  # the student begins as the layers it imitates
    quarter = TinyBERT().plan(replace(setting, budget=Budget(0.25)))
    assert quarter.key != TinyBERT().plan(setting).key


def test_published_answers_of_a_regression_are_the_labels() -> None:
    weights = TinyBERT(temperature=1.0).answers(Distillation(), "regression", 1)
    assert (weights.hard, weights.soft) == (1.0, 0.0)
    with pytest.raises(ValueError, match="temperature is above 0, got -1"):
        TinyBERT(temperature=-1.0).answers(Distillation(), "classification", 2)


@pytest.mark.parametrize("method", [TinyBERT(), DistilBERT(), DistilBERT(second=True)])
def test_the_fall_back_is_told(method: TinyBERT | DistilBERT, setting: Setting) -> None:
    assert "no general distillation" in method.title()
    (note,) = method.notes(setting)
    assert "no general distillation" in note
    assert ", ".join(str(layer + 1) for layer in method.layers(setting)) in note


def test_distilbert_begins_with_layers_from_the_first_to_the_last(setting: Setting) -> None:
    assert students.spread(6, 12) == (0, 2, 4, 7, 9, 11)
    assert students.spread(3, 12) == (0, 5, 11)
    assert students.spread(2, 12) == (0, 11)
    assert students.spread(1, 12) == (0,)
    assert students.spread(4, 4) == (0, 1, 2, 3)
    stage = DistilBERT().plan(setting)
    assert [each.kind for each in stage.walk()] == ["encode", "student", "distil"]  # no teacher
    taught = DistilBERT(second=True).plan(setting)
    assert {each.kind for each in taught.walk()} == {each.kind for each in VanillaKD().plan(setting).walk()}
