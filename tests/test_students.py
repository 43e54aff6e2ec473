"""Students of whole layers: how many, which, what their budget is a share of, and whom they may learn from."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import methods
from benchmarks import accounting, experiment
from benchmarks.mini import bert_folder
from methods import models, students
from methods.contract import Budget, Setting
from methods.stages import agreement
from methods.stages.failure import MethodFailure
from methods.vanilla_kd import VanillaKD
from test_backbones import CONFIGS, built


@dataclasses.dataclass(frozen=True)
class Deep:
    """A backbone of equal layers."""

    layers: int
    name: str = "deep"
    fingerprint: str = "f" * 64

    @property
    def matrices(self) -> dict[str, tuple[int, int]]:
        return {f"bert.encoder.layer.{layer}.{part}": (8, 4) for layer in range(self.layers) for part in ("a.b", "c")}


@pytest.fixture(scope="module")
def setting() -> Setting:
    return experiment.cells(experiment.Options(methods=("svd-ft",), budgets=(0.25,), protocol="smoke"))[0].setting


def at(setting: Setting, depth: int, kept: float) -> Setting:
    return dataclasses.replace(setting, backbone=Deep(depth), budget=Budget(kept))


@pytest.mark.parametrize(
    ("depth", "kept", "layers"),
    [(12, 0.5, 6), (12, 0.25, 3), (12, 0.16, 2), (6, 0.5, 3), (6, 0.25, 1), (24, 0.16, 4), (4, 0.25, 1), (12, 1, 12)],
)
def test_the_number_of_layers_is_the_nearest_below(setting: Setting, depth: int, kept: float, layers: int) -> None:
    asked = at(setting, depth, kept)
    assert students.layers_for(asked) == layers
    assert layers / depth <= kept + students.LAYER_EXCESS < (layers + 1) / depth or layers == depth


def test_a_budget_below_one_layer_is_refused(setting: Setting) -> None:
    asked = at(setting, 4, 0.16)
    reason = VanillaKD().refused(asked)
    assert reason is not None
    assert "1 or more of 4, 25 % at least; the budget is 16 %" in reason
    with pytest.raises(ValueError, match="ask for 24 % or more"):
        VanillaKD().plan(asked)
    assert VanillaKD().refused(at(setting, 4, 0.24)) is None
    assert students.refusal(at(setting, 4, 0.25), least=2) is not None


def test_a_teachers_layers_are_spread_evenly() -> None:
    assert students.evenly(6, 12) == (2, 4, 6, 8, 10, 12)
    assert students.evenly(3, 12) == (4, 8, 12)
    assert students.evenly(2, 12) == (6, 12)
    assert students.evenly(3, 4) == (1, 2, 4)


@pytest.mark.parametrize("name", list(CONFIGS))
def test_a_shallow_model_is_its_layers_saved_and_loaded(name: str, tmp_path: Path) -> None:
    config = CONFIGS[name].__class__.from_dict({**CONFIGS[name].to_dict(), "num_hidden_layers": 4, "n_layers": 4})
    whole = built(config)
    stack = list(models.encoder_layers(whole)[1])
    dense = sum(layer.weight.numel() for layer in models.matrices(whole).values() if isinstance(layer, nn.Linear))
    models.keep_layers(whole, (0, 3))  # type: ignore[arg-type]
    assert list(models.encoder_layers(whole)[1]) == [stack[0], stack[3]]
    models.save(whole, tmp_path)  # type: ignore[arg-type]
    ids = torch.arange(5, 13).reshape(2, 4)
    again = models.load(tmp_path)
    assert torch.equal(again(input_ids=ids).logits, whole(input_ids=ids).logits)
    sizes = accounting.sizes(tmp_path, 8)
    assert sizes.dense_encoder_weights == dense
    assert sizes.encoder_weights == dense // 2
    models.keep_layers(again, (1,))
    assert models.dense_weights(again) == dense  # a student's student stands for the same encoder


def test_layers_that_are_not_there_are_refused() -> None:
    model = models.pretrained(bert_folder(), outputs=2, seed=1)
    with pytest.raises(ValueError, match=r"layers 0 to 3, got \[0, 4\]"):
        models.keep_layers(model, (0, 4))


def test_students_share_their_teacher_and_begin_with_its_head(setting: Setting) -> None:
    student = students.first_layers(setting)
    assert student.layers == (0,)
    assert student.dense_weights == 4 * (4 * 96 * 96 + 2 * 96 * 256)
    assert students.first_layers(dataclasses.replace(setting, seed=9)).key != student.key


def test_another_teachers_rows_are_refused_with_both_named(setting: Setting) -> None:
    data = students.first_layers(setting).data
    agreement.check_data(data, dataclasses.replace(data, train_rows=3))
    with pytest.raises(ValueError, match=r"labels: student 2, teacher 3; maximum length: student \d+, teacher 7"):
        agreement.check_data(data, dataclasses.replace(data, outputs=3, max_length=7))


@pytest.mark.parametrize("name", ["kd", "distilbert(second=True)", "pkd", "ckd", "theseus", "metadistil", "tinybert"])
def test_every_training_under_a_teacher_refuses_other_rows(setting: Setting, name: str) -> None:
    stage: Any = methods.get(name).plan(dataclasses.replace(setting, budget=Budget(0.5)))
    taught = [each for each in stage.walk() if each.kind in ("retrain", "distil", "replace", "teach")]
    last = [each for each in taught if name != "theseus" or each.kind == "replace"][-1]
    with pytest.raises(ValueError, match="maximum length: student 7, teacher"):
        dataclasses.replace(last, data=dataclasses.replace(last.data, max_length=7))


def test_another_tokenizer_is_refused_with_both_named(tmp_path: Path) -> None:
    agreement.check_tokenizers(bert_folder(), bert_folder())
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        text = (bert_folder() / name).read_text()
        (tmp_path / name).write_text(text.replace('"[MASK]"', '"[HIDE]"'))
    with pytest.raises(MethodFailure, match=r"vocabularies of 307 and 307 .* \(student\) and .*bert \(teacher\)"):
        agreement.check_tokenizers(tmp_path, bert_folder())


def test_labels_in_another_order_are_refused_with_both_named() -> None:
    student, teacher = (models.pretrained(bert_folder(), outputs=2, seed=1) for _ in range(2))
    agreement.check_labels(student, teacher)
    teacher.config.id2label = {0: "LABEL_1", 1: "LABEL_0"}
    with pytest.raises(MethodFailure, match=r"\['LABEL_0', 'LABEL_1'\] \(student\) .*'LABEL_0'\] \(teacher\)"):
        agreement.check_labels(student, teacher)


def test_a_student_with_too_few_positions_is_refused(setting: Setting) -> None:
    data = dataclasses.replace(students.first_layers(setting).data, max_length=64)
    with pytest.raises(MethodFailure, match=r"48 positions \(student\) and a maximum length of 64 \(teacher\)"):
        agreement.check_length(models.pretrained(bert_folder(), outputs=2, seed=1), data)
