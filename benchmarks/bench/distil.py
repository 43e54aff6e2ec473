"""Steps of distillation against plain steps of the same student, in one run."""

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks import protocols
from benchmarks.bench.scene import SIZES, Scene, distilled, encoder, rows, scene, side_by_side
from methods import models
from methods.ckd import Relations
from methods.contract import Precision, Recipe
from methods.minilm_kd import SelfAttention
from methods.pkd import Patience
from methods.textbrewer import ENDS, Brewed, TextBrewer
from methods.tinybert import Layers
from methods.training import internals
from methods.training.hooks import Hook
from methods.training.loop import Training
from methods.training.matching import Matched, Matching, Shape
from methods.training.objectives import Objective, Supervised
from methods.training.teaching import Teachable, Teaching

ROWS = 3668  # MRPC's training set
MATCHINGS: dict[str, tuple[Matching, bool]] = {  # and whether the answers are learned in the same step
    "PKD": (Patience(), True),
    "TinyBERT, first training": (Layers(), False),
    "MiniLM, first training": (SelfAttention(), False),
    "CKD": (Relations(), True),
    "TextBrewer": (Brewed(TextBrewer(matches=ENDS).parsed), True),
}


def compare(rounds: int = 12, size: str = "minilm", count: int = ROWS) -> dict[str, Any]:
    """Seconds a step of a student of half the layers, and ratios to the steps each is promised against.

    Args:
        rounds: Steps timed of each kind.
        size: Of the teacher, 'minilm' or 'bert-base'.
        count: Rows of the training set.
    """
    recipe = Recipe(1, 3e-5, precision=protocols.best_precision(Scene.device, SIZES[size]["hidden_size"]))
    teacher, data = _shown(encoder(size)), rows("mrpc", count)
    kept = distilled(data)
    with scene() as bench:

        def training(objective: Objective, student: nn.Module, *hooks: Hook) -> Training:
            student.train()
            return Training(student, data, objective, recipe, 1, bench, hooks, None)

        plain = training(Supervised("classification"), _student(teacher))
        steps = {"plain": plain, "KD": training(kept, _student(teacher))}
        for name, (matching, answers) in MATCHINGS.items():
            student = _student(teacher)
            matcher = matching.matcher(Shape.of(student), Shape.of(teacher), seed=1).to(Scene.device)
            student.add_module("matcher", matcher)
            watch = internals.watching(teacher, Scene.device, recipe.precision, heads=matching.heads)
            matched = Matched(kept if answers else None, watch, matcher, heads=matching.heads)
            steps[name] = training(matched, student)
        meta = _teaching(teacher, data, recipe)
        steps["MetaDistil"] = training(meta, _student(teacher), meta)
        calls: dict[str, Callable[[], object]] = {name: partial(Training.step, each) for name, each in steps.items()}
        calls["teacher forward"] = _forward(teacher, plain, recipe.precision)
        seconds = side_by_side(calls, rounds)
    return {
        "teacher": size,
        "student layers": SIZES[size]["num_hidden_layers"] // 2,
        "precision": recipe.precision,
        "threads": torch.get_num_threads(),
        "seconds": {name: round(value, 4) for name, value in seconds.items()},
        **_ratios(seconds),
    }


def _ratios(seconds: dict[str, float]) -> dict[str, float]:
    plain, both = seconds["plain"], seconds["plain"] + seconds["teacher forward"]
    found = {"KD step with kept logits / plain step (promised: at most 1.45)": round(seconds["KD"] / plain, 3)}
    for name in MATCHINGS:
        what = f"{name}: step / (plain step + teacher's inference forward) (promised: at most 1.15)"
        found[what] = round(seconds[name] / both, 3)
    return {
        **found,
        "MetaDistil: step / plain step (its cost; nothing promised)": round(seconds["MetaDistil"] / plain, 3),
    }


def _shown(model: Any) -> Any:
    """The model with an attention that shows its vectors."""
    model.set_attn_implementation(internals.attention())
    return model


def _student(teacher: Any) -> Any:
    """The first half of the teacher's layers."""
    student = copy.deepcopy(teacher).requires_grad_(requires_grad=True)
    models.keep_layers(student, range(student.config.num_hidden_layers // 2))
    return student


def _teaching(teacher: nn.Module, data: Any, recipe: Recipe) -> Teaching:
    learning = copy.deepcopy(teacher).requires_grad_(requires_grad=True)
    rate = recipe.learning_rate
    return Teaching(
        learning,
        Teachable(),
        data,
        recipe=recipe,
        trial_rate=rate,
        teacher_rate=rate / 5,
        quiz_rows=32,
        seed=1,
        device=Scene.device,
    )


def _forward(teacher: nn.Module, plain: Training, precision: Precision) -> Callable[[], object]:
    """One look of the frozen teacher at the next batch of an epoch, the same that the students see."""
    watch = internals.watching(teacher, Scene.device, precision, heads=False)

    def looks() -> Iterator[object]:
        while True:
            for batch in plain.batches:
                yield watch(plain.data.batch(batch, Scene.device))

    return partial(next, looks())
