"""Students with a pre-training of their own: from a folder, or distilled on a text before any task."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, BertModel, DistilBertConfig

from benchmarks import backbones, corpora, experiment
from benchmarks.experiment import Options, UsageFault
from benchmarks.mini import bert_folder
from benchmarks.records import Record
from benchmarks.store import Store
from methods import models, students
from methods.beginnings import Beginning
from methods.contract import Recipe
from methods.distilbert import DistilBERT
from methods.minilm_kd import MiniLM
from methods.models import UnsupportedEncoderError
from methods.ops.pretraining import Weights
from methods.stages.distil import MATCHER
from methods.stages.general import GeneralDistillation
from methods.tinybert import TinyBERT
from methods.training import loop
from methods.training.words import Hiding, MaskedWords
from training_bench import Bench, rows

SHORT = "corpus='mini',lines=512,passes=2,batch=32,rate=1e-3"
GENERAL = (f"distilbert({SHORT})", f"tinybert({SHORT})", f"minilm-kd({SHORT})")
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")


def options(*methods: str, budget: float = 0.25) -> Options:
    return Options(methods=methods, budgets=(budget,), seeds=(1,), protocol="smoke", overrides={"batch": "125"})


def run(folder: Path, asked: Options) -> experiment.Results:
    results = experiment.execute(
        experiment.cells(asked),
        asked,
        store=folder / "store",
        runs=folder / "runs",
        jobs=2,
        events=lambda event: None,
    )
    assert not results.failed
    return results


def saved(folder: Path, model: nn.Module) -> Path:
    """A pre-trained encoder of the mini world's words, as a folder."""
    folder.mkdir()
    model.save_pretrained(folder)  # type: ignore[operator]
    for name in TOKENIZER:
        shutil.copyfile(bert_folder() / name, folder / name)
    return folder


def small(**changes: object) -> BertModel:
    """A BERT that reads the mini world's words: 2 layers, half as wide, other heads."""
    config = models.pretrained(bert_folder(), 2, seed=1).config.to_dict()
    shape = {"hidden_size": 48, "intermediate_size": 128, "num_hidden_layers": 2, **changes}
    torch.manual_seed(0)
    return BertModel(type(models.pretrained(bert_folder(), 2, seed=1).config).from_dict({**config, **shape}))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("general")


@pytest.fixture(scope="module")
def general(folder: Path) -> dict[str, Record]:
    return {record.method: record for record in run(folder, options(*GENERAL)).records}


def general_stage(folder: Path, method: str) -> tuple[GeneralDistillation, Path]:
    (cell,) = experiment.cells(options(method))
    (stage,) = [each for each in cell.stage.walk() if isinstance(each, GeneralDistillation)]
    return stage, Store(folder / "store").artifact(stage.key)


@pytest.mark.parametrize("method", GENERAL)
def test_general_distillation_learns_from_the_mini_corpus(
    general: dict[str, Record], folder: Path, method: str
) -> None:
    stage, artifact = general_stage(folder, method)
    manifest = Store(folder / "store").manifest(stage.key)
    assert manifest is not None
    first, last = manifest.facts["epoch_losses"]  # type: ignore[misc,str-unpack]
    assert last < first  # type: ignore[operator]
    begun = models.pretrained(bert_folder(), 2, seed=1)
    models.keep_layers(begun, stage.layers)
    made = models.pretrained(artifact, 2, seed=1)  # a task's head fits whatever it was trained under
    assert len(models.encoder_layers(made)[1]) == 1
    names = load_file(artifact / models.WEIGHTS)
    assert all(name.startswith("bert.") for name in names)
    assert not any(MATCHER in name for name in names)
    query = "bert.encoder.layer.0.attention.self.query.weight"
    assert not torch.equal(made.state_dict()[query], begun.state_dict()[query])
    assert torch.equal(made.state_dict()["bert.pooler.dense.weight"], begun.state_dict()["bert.pooler.dense.weight"])
    assert "dense_encoder_weights" in json.loads((artifact / "config.json").read_text())


@pytest.mark.parametrize("method", GENERAL)
def test_a_record_says_on_which_text(general: dict[str, Record], method: str) -> None:
    record, text = general[method], corpora.get("mini")
    assert record.provenance["corpora"] == {"mini": {"origin": "generated", "fingerprint": text.fingerprint}}
    assert (
        f"fingerprint {text.fingerprint[:12]}, 512 passages read 2 times, the same student for all seeds"
        in record.notes[-1]
    )
    assert "distilled on mini" in record.label
    assert record.sizes.encoder_nonzero <= 0.25 * record.sizes.dense_encoder_weights


def test_the_pretraining_is_shared_by_seeds_and_budgets_of_one_depth() -> None:
    asked = dataclasses.replace(options(GENERAL[0]), seeds=(1, 2), tasks=("mini-rte", "mini-mrpc"))
    found = [cell.stage for cell in experiment.cells(asked)]
    keys = {stage.key for each in found for stage in each.walk() if isinstance(stage, GeneralDistillation)}
    assert len(found) == 4
    assert len(keys) == 1


def test_what_was_distilled_on_a_text_is_a_student_for_others(general: dict[str, Record], folder: Path) -> None:
    _, artifact = general_stage(folder, GENERAL[0])
    (record,) = run(folder, options(f"distilbert(student='{artifact}')")).records
    encoder = backbones.get(str(artifact))
    assert record.provenance["encoders"] == {artifact.name: {"origin": "folder", "fingerprint": encoder.fingerprint}}
    assert (
        f"pre-trained elsewhere: folder {artifact.name}, fingerprint {encoder.fingerprint[:12]}" in record.notes[-1]
    )
    assert "its layers 1 of 1, 25 % of" in record.notes[-1]
    assert record.metrics == general[GENERAL[0]].metrics  # the same student, by either way


def test_a_student_of_another_width_and_kind_has_its_own_share(tmp_path: Path) -> None:
    config = DistilBertConfig(
        vocab_size=307, max_position_embeddings=48, dim=48, n_layers=2, n_heads=4, hidden_dim=128
    )
    torch.manual_seed(0)
    place = saved(tmp_path / "narrow", AutoModelForSequenceClassification.from_config(config))
    asked = [f"distilbert(student='{place}')", f"tinybert(student='{place}')", f"minilm-kd(student='{place}')"]
    for record in run(tmp_path, options(*asked)).records:
        share = 2 * (4 * 48 * 48 + 2 * 48 * 128) / record.sizes.dense_encoder_weights
        assert record.sizes.dense_encoder_weights == 4 * (4 * 96 * 96 + 2 * 96 * 256)
        assert record.sizes.encoder_weights / record.sizes.dense_encoder_weights == share
        assert f"its layers 1, 2 of 2, {100 * share:.4g} % of" in record.notes[-1]
        assert "student narrow" in record.label


def test_a_budget_below_one_layer_of_the_student_is_refused(tmp_path: Path) -> None:
    place = saved(tmp_path / "wide", small(hidden_size=120, intermediate_size=480))
    (cell,) = experiment.cells(options(f"distilbert(student='{place}')"))
    assert cell.refused is not None
    assert "of wide (student) that is 50.2 % of the matrix weights of mini (teacher)" in cell.refused
    (cell,) = experiment.cells(options(f"distilbert(student='{place}')", budget=0.5))
    assert cell.refused is None
    assert cell.compressor.notes(cell.setting)[0].endswith(
        "its layers 1 of 2, 50.22 % of the dense encoder's matrix weights"
    )


def test_a_student_deeper_than_its_teacher_is_refused_where_layers_are_matched(tmp_path: Path) -> None:
    place = saved(tmp_path / "deep", small(hidden_size=24, intermediate_size=48, num_hidden_layers=5))
    found = experiment.cells(options(f"tinybert(student='{place}')", f"distilbert(student='{place}')"))
    assert "got 5 layers (deep, student) and 4 (mini, teacher)" in str(found[0].refused)
    assert found[1].refused is None


def test_another_tokenizer_or_too_few_positions_are_told_before_anything_runs(tmp_path: Path) -> None:
    place = saved(tmp_path / "other", small())
    for name in TOKENIZER:
        text = (place / name).read_text()
        (place / name).write_text(text.replace('"[MASK]"', '"[HIDE]"'))
    with pytest.raises(UsageFault, match=r"DistilBERT: .*vocabularies of .*other \(student\) and .*bert \(teacher\)"):
        experiment.cells(options(f"distilbert(student='{place}')"))
    place = saved(tmp_path / "brief", small(max_position_embeddings=16))
    with pytest.raises(
        UsageFault, match=r"brief for mini-rte: .*16 positions \(student\) and a maximum length of 32"
    ):
        experiment.cells(options(f"tinybert(student='{place}')"))


def test_students_and_texts_that_are_not_there_are_told_together() -> None:
    with pytest.raises(UsageFault, match=r"a backbone is .*'./no'.*; a corpus is .*'./none'"):
        experiment.cells(options("distilbert(student='./no')", "tinybert(corpus='./none')"))


@pytest.mark.parametrize("method", [DistilBERT, TinyBERT, MiniLM])
def test_impossible_beginnings_are_refused_all_at_once(method: type[DistilBERT | TinyBERT | MiniLM]) -> None:
    with pytest.raises(ValueError, match=r"give one; lines is .* got 0; passes is .* got 0; rate is .* got 0"):
        method(student="a/b", corpus="mini", lines=0, passes=0, rate=0)
    with pytest.raises(ValueError, match="epochs is of the training on the task's rows"):
        MiniLM(corpus="mini", epochs=2)


def test_an_encoder_without_its_word_head_teaches_no_words(tmp_path: Path) -> None:
    place = saved(tmp_path / "headless", small())
    with pytest.raises(UnsupportedEncoderError, match=r"headless lacks cls\.predictions\.bias"):
        models.word_model(place)


def test_the_fall_back_is_named() -> None:
    (cell,) = experiment.cells(options("distilbert"))
    assert "no general distillation" in cell.compressor.title()
    assert "no general distillation on a text corpus" in cell.compressor.notes(cell.setting)[0]
    assert students.student(cell.setting, (0,)) in cell.stage.walk()


def words(bench: Bench) -> dict[str, Tensor]:
    data = rows(96)
    teacher, student = (models.word_model(bert_folder()) for _ in range(2))
    models.keep_layers(student, (0,))

    class Tokenizer:
        mask_token_id = 4
        all_special_ids = (0, 1, 2, 3, 4)

    hiding = Hiding.of(data, Tokenizer(), student.config.vocab_size)
    objective = MaskedWords(teacher, Weights(), hiding, seed=3, device="cpu", precision="float32")
    loop.train(student, data, objective, Recipe(2, 1e-3, 24), seed=1, bench=bench, hooks=(objective,))
    return student.state_dict()


def test_killed_and_resumed_is_uninterrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(loop.CHECKPOINT_SECONDS, "0")
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole = words(Bench(tmp_path / "whole"))
    for step in (3, 5):
        with pytest.raises(KeyboardInterrupt):
            words(Bench(tmp_path / "cut", die_at=step))
    cut = words(Bench(tmp_path / "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_a_beginning_is_a_value() -> None:
    given = Beginning("X", None, "mini", None, 3, 5e-4, 256)
    assert (given.encoders, given.corpora, given.fallback) == ((), ("mini",), False)
    assert hash(given) == hash(dataclasses.replace(given))
