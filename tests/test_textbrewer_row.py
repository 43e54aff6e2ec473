"""TextBrewer's configurations as rows: our objective is the library's own, and its notation is read and checked."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from textbrewer import DistillationConfig, GeneralDistiller, TrainingConfig
from textbrewer.distiller_utils import post_adaptor
from textbrewer.presets import MATCH_LOSS_MAP, PROJ_MAP

import methods
from benchmarks import experiment
from benchmarks.mini import bert_folder
from methods import models
from methods.contract import Budget, Distillation, Setting
from methods.stages.distil import Distil
from methods.textbrewer import Brewed, TextBrewer
from methods.training import brewer, internals
from methods.training.batches import Batch
from methods.training.matching import Matched, Shape
from methods.training.objectives import Distilled

MATCHES: list[dict[str, Any]] = [
    {"layer_T": 0, "layer_S": 0, "feature": "hidden", "loss": "hidden_mse", "weight": 1, "proj": ["linear", 96, 96]},
    {"layer_T": 2, "layer_S": 1, "feature": "hidden", "loss": "cos", "weight": 0.5},
    {"layer_T": 4, "layer_S": 2, "feature": "hidden", "loss": "pkd", "weight": 2.0},
    {"layer_T": [0, 4], "layer_S": [0, 2], "feature": "hidden", "loss": "nst", "weight": 3},
    {"layer_T": [2, 2], "layer_S": [1, 1], "feature": "hidden", "loss": "gram", "weight": 0.1},
    {"layer_T": 1, "layer_S": 0, "feature": "attention", "loss": "attention_mse", "weight": 0.25},
    {"layer_T": 3, "layer_S": 1, "feature": "attention", "loss": "attention_ce", "weight": 0.75},
]


def test_every_loss_and_projection_of_the_library_is_known() -> None:
    assert {*brewer.SINGLE, *brewer.PAIRED} == set(MATCH_LOSS_MAP)
    assert set(brewer.PROJECTIONS) == set(PROJ_MAP)


def rows() -> Batch:
    ids, mask = torch.zeros(3, 9, dtype=torch.long), torch.zeros(3, 9, dtype=torch.long)
    for row, length in enumerate((5, 9, 7)):
        ids[row, :length] = torch.arange(7, 7 + length)
        mask[row, :length] = 1
    return Batch({"input_ids": ids, "attention_mask": mask}, torch.tensor([0, 1, 1]), torch.arange(3))


def test_our_objective_is_the_librarys(tmp_path: Path) -> None:
    """Its `compute_loss` and ours, on the same models, batch and projections: value and gradients."""
    models.save(models.pretrained(bert_folder(), outputs=2, seed=1), tmp_path)
    teacher, student = (models.load(tmp_path, attention=internals.attention()) for _ in range(2))
    models.keep_layers(student, (0, 2))
    batch, shapes = rows(), (Shape.of(student), Shape.of(teacher))
    method = TextBrewer(MATCHES, temperature=3.0, kd_loss_weight=1.5, hard_label_weight=0.5)
    matching = Brewed(method.parsed)
    assert matching.heads
    matcher: Any = matching.matcher(*shapes, seed=4)
    torch.nn.init.eye_(matcher.projections[0].weight)
    shown = internals.look(teacher, batch, heads=True)
    answers = Distilled("classification", method.answers(Distillation()), shown.logits.detach())
    ours = Matched(answers, internals.watching(teacher, "cpu", "float32", heads=True), matcher, heads=True)

    def adaptor(_batch: Any, seen: internals.Inside) -> dict[str, Any]:
        lowered = (1 - seen.mask[:, None, None, :].float()) * -1e4
        return {
            "logits": seen.logits,
            "hidden": seen.hidden,
            "attention": [heads.scores() + lowered for heads in seen.heads],
            "inputs_mask": seen.mask,
            "losses": torch.nn.functional.cross_entropy(seen.logits, batch.labels),
        }

    config = DistillationConfig(
        temperature=3.0,
        kd_loss_weight=1.5,
        hard_label_weight=0.5,
        intermediate_matches=[dict(each) for each in MATCHES],
    )
    running = TrainingConfig(device="cpu", output_dir=str(tmp_path / "out"), log_dir=None)
    distiller: Any = GeneralDistiller(running, config, teacher, student, adaptor, adaptor)
    distiller.projs[0].load_state_dict(matcher.projections[0].state_dict())
    with torch.no_grad():
        wanted = post_adaptor(adaptor(batch, internals.look(teacher, batch, heads=True)))
    theirs, parts = distiller.compute_loss(
        post_adaptor(adaptor(batch, internals.look(student, batch, heads=True))), wanted
    )
    assert len(parts) == len(MATCHES) + 2
    loss = ours(student, batch)
    softened = (shown.logits.detach() / 3.0).softmax(-1)
    entropy = float(-(softened * softened.log()).sum(-1).mean())  # KL is cross-entropy without it
    assert float(loss.detach()) == pytest.approx(float(theirs.detach()) - 1.5 * entropy, rel=1e-5)
    learned = [parameter for parameter in student.parameters() if parameter.requires_grad]
    mine = torch.autograd.grad(loss, learned, allow_unused=True)
    others = torch.autograd.grad(theirs, learned, allow_unused=True)
    for one, other in zip(mine, others, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_projections_are_drawn_from_the_seed_alone() -> None:
    shape, matches = Shape(2, 96, 4), TextBrewer(MATCHES[:1]).parsed

    def drawn(seed: int) -> torch.Tensor:
        (weight, _bias) = Brewed(matches).matcher(shape, shape, seed).parameters()
        return weight

    torch.manual_seed(1)
    first = drawn(7)
    assert torch.equal(first, drawn(7))
    assert not torch.equal(first, drawn(8))


@pytest.fixture(scope="module")
def setting() -> Setting:
    return experiment.cells(experiment.Options(methods=("textbrewer",), budgets=(0.5,), protocol="smoke"))[0].setting


def test_a_configuration_is_a_value_however_it_is_written(setting: Setting) -> None:
    text = "textbrewer(matches=[{'weight': 1, 'loss': 'cos', 'feature': 'hidden', 'layer_S': 1, 'layer_T': 2}])"
    read = methods.get(text)
    written = TextBrewer([{"layer_T": 2, "layer_S": 1, "feature": "hidden", "loss": "cos", "weight": 1.0}])
    assert read == written
    assert hash(read) == hash(written)
    assert read.plan(setting).key == written.plan(setting).key
    assert read.plan(setting).key != TextBrewer().plan(setting).key
    assert replace(read) == read
    assert (TextBrewer().title(), read.title()) == ("TextBrewer", "TextBrewer (cos)")
    stage = TextBrewer(()).plan(setting)
    assert isinstance(stage, Distil)
    assert stage.inner is None


def test_what_the_library_does_not_know_is_refused_all_at_once() -> None:
    wrong: list[dict[str, Any]] = [
        {"layer_T": 1, "layer_S": [1, 2], "feature": "hidden", "loss": "cos", "weight": -1},
        {"layer_T": 1, "layer_S": 1, "feature": "attention", "loss": "pkd", "weight": 1},
        {"layer_T": 1, "layer_S": 1, "feature": "logits", "loss": "kl", "weigth": 1},
        {**MATCHES[0], "proj": ["linear", 96, 96, {"lr": 0.1}]},
    ]
    with pytest.raises(ValueError, match="match 0: layer_S is one layer") as fault:
        TextBrewer(wrong)
    text = str(fault.value)
    for part in (
        "match 0: weight is a number >= 0, got -1",
        "match 1: pkd compares hidden, got 'attention'",
        "match 2: weight is missing; match 2: weigth is unknown",
        "match 3: a projection trains at the recipe's rate",
    ):
        assert part in text


def test_models_that_a_match_does_not_fit_are_refused(setting: Setting) -> None:
    method = TextBrewer([{"layer_T": 4, "layer_S": 2, "feature": "hidden", "loss": "cos", "weight": 1}])
    assert method.refused(setting) is None
    reason = method.refused(replace(setting, budget=Budget(0.25)))  # one layer
    assert (
        reason
        == "a match names layers that are there, got layer_S=2, and the student has 2 of hidden, numbered from 0"
    )
    with pytest.raises(ValueError, match=r"cos of widths 8 \(student\) and 12 \(teacher\) without proj"):
        Brewed(method.parsed).matcher(Shape(2, 8, 2), Shape(4, 12, 2), 0)
    with pytest.raises(ValueError, match="proj from 96 to 96, and widths are 8 and 12"):
        Brewed(TextBrewer(MATCHES[:1]).parsed).matcher(Shape(2, 8, 2), Shape(4, 12, 2), 0)


def test_the_library_leaves_the_working_folder_alone(tmp_path: Path) -> None:
    code = "from methods.training import brewer; brewer.loss('cos')"
    root = Path(methods.__file__).parents[1]
    subprocess.run(  # our own interpreter and code
        [sys.executable, "-W", "ignore", "-c", f"import sys; sys.path.insert(0, {str(root)!r}); {code}"],
        cwd=tmp_path,
        check=True,
    )
    assert not list(tmp_path.iterdir())
