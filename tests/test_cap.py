"""Contrastive pruning: the terms' numbers, what their gradient reaches, banks, and movement pruning underneath."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertForSequenceClassification, DistilBertConfig, RobertaConfig
from transformers import DistilBertForSequenceClassification as DistilBert
from transformers import RobertaForSequenceClassification as Roberta

import methods
from benchmarks import experiment
from methods.cap import CAP
from methods.contract import Setting
from methods.movement import MovementPruning, SoftMovementPruning
from methods.ops.contrastive import contrastive, log_probabilities, positives, unit
from methods.stages.movement import Contrast, MovementPrune
from methods.steps import dense
from methods.training.contrastive import Representation, Terms


def setting(task: str = "mini-rte") -> Setting:
    options = experiment.Options(tasks=(task,), methods=("cap",), budgets=(0.25,), seeds=(1,), protocol="smoke")
    return experiment.cells(options)[0].setting


def terms(z: Tensor, labels: list[int], temperature: float) -> tuple[float, float]:
    """Both terms of a batch whose bank is the batch itself."""
    log_p = log_probabilities(z, z, temperature)
    index, kinds = torch.arange(len(z)), torch.tensor(labels)
    own, alike = (positives(each, each.repeat(2)) for each in (index, kinds))
    return float(contrastive(log_p, own)), float(contrastive(log_p, alike))


TWO = torch.eye(2, dtype=torch.float64)


def test_oracle_terms_of_two_anchors() -> None:
    unsupervised, supervised = terms(TWO, [0, 0], 1.0)
    assert unsupervised == pytest.approx(math.log(math.e + 2) - 1, abs=1e-12)
    assert unsupervised == pytest.approx(0.5514447, abs=1e-7)
    assert supervised == pytest.approx(0.4060371, abs=1e-7)
    assert supervised * 3 == pytest.approx(1.2181114, abs=3e-7)  # the usual mean: three positives an anchor
    assert terms(TWO, [0, 1], 1.0)[1] == pytest.approx(0.5514447, abs=1e-7)


def test_oracle_terms_at_a_low_temperature() -> None:
    unsupervised, supervised = terms(TWO, [1, 1], 0.1)
    assert unsupervised == pytest.approx(9.08e-5, abs=1e-8)
    assert supervised == pytest.approx(2.2222525, abs=1e-7)


def test_oracle_rotation_and_scale_change_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    raw = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(4, 4, generator=generator, dtype=torch.float64)).Q
    labels = [0, 1, 1, 0, 1]
    plain = terms(unit(raw), labels, 0.1)
    assert terms(unit(raw @ rotation), labels, 0.1) == pytest.approx(plain, abs=1e-12)
    assert terms(unit(7 * raw), labels, 0.1) == pytest.approx(plain, abs=1e-12)


def test_oracle_the_gradient_reaches_anchors_alone() -> None:
    z = unit(torch.randn(3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)).requires_grad_()
    bank = torch.eye(4, dtype=torch.float64).requires_grad_()
    log_p = log_probabilities(z, bank, 0.5)
    log_p[0].sum().backward()
    assert z.grad is not None
    assert z.grad[0].any()
    assert not z.grad[1:].any()  # they are candidates of the first
    assert bank.grad is None


def test_oracle_without_terms_it_is_movement_pruning() -> None:
    here = setting()
    assert CAP(unsupervised=0, supervised=0).plan(here).key == MovementPruning().plan(here).key
    soft = CAP(unsupervised=0, supervised=0, soft=True)
    assert soft.plan(here).key == SoftMovementPruning().plan(here).key
    assert CAP().plan(here).key != MovementPruning().plan(here).key


def test_an_anchor_without_positives_adds_nothing() -> None:
    log_p = log_probabilities(TWO, TWO, 1.0)
    none = torch.zeros(2, 4, dtype=torch.bool)
    assert float(contrastive(log_p, none)) == 0
    one = none.clone()
    one[0, 2] = True
    assert float(contrastive(log_p, one)) == pytest.approx(0.5514447, abs=1e-7)


def test_scores_have_no_supervised_term_and_the_teacher_is_the_dense_model() -> None:
    here, scores = setting(), setting("mini-stsb")
    plans = CAP().plan(here), CAP().plan(scores)
    assert all(isinstance(plan, MovementPrune) for plan in plans)
    classes, numbers = (plan.contrast for plan in plans if isinstance(plan, MovementPrune))
    assert classes == Contrast(dense(here), Terms())
    assert numbers == Contrast(dense(scores), Terms(supervised=0))
    with pytest.raises(ValueError, match="0 for regression, got 10"):
        replace(plans[1], contrast=classes)


SIZES = {"num_labels": 2, "vocab_size": 50}


@pytest.mark.parametrize(
    "model",
    [
        BertForSequenceClassification(
            BertConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, **SIZES)
        ),
        Roberta(
            RobertaConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, **SIZES)
        ),
        DistilBert(DistilBertConfig(dim=8, n_layers=2, n_heads=2, hidden_dim=16, **SIZES)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_representation_is_what_the_last_layer_reads(model: nn.Module) -> None:
    model.eval()
    read = Representation(model)
    logits = model(input_ids=torch.arange(3, 13).reshape(2, 5)).logits
    assert read.caught is not None
    head = [module for module in model.modules() if isinstance(module, nn.Linear) and module.out_features == 2][-1]
    torch.testing.assert_close(head(read.caught), logits)
    vectors = read()
    assert vectors.shape == (2, 8)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))


@pytest.mark.parametrize(
    ("text", "law"),
    [
        ("cap(unsupervised=-1)", "unsupervised and supervised are weights >= 0"),
        ("cap(temperature=0)", "temperature is above 0"),
        ("cap(extra=-1)", "extra is a number of vectors >= 0"),
        ("cap-soft(score_learning_rate=0)", "score_learning_rate is a positive number"),
    ],
)
def test_impossible_knobs_are_refused(text: str, law: str) -> None:
    with pytest.raises(ValueError, match=law):
        methods.get(text).plan(setting())


def test_titles_are_the_authors() -> None:
    assert [methods.get(name).title() for name in ("cap", "cap-soft")] == ["CAP-m", "CAP-soft"]
