"""A training on a teacher's inside, killed and resumed, ends with the same bits: student and learned projection."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.mini import bert_folder
from methods import models
from methods.contract import Recipe
from methods.stages.distil import MATCHER
from methods.tinybert import Layers
from methods.training import internals, loop
from methods.training.matching import Matched, Shape
from training_bench import Bench, rows

RECIPE = Recipe(epochs=2, learning_rate=5e-4, batch_size=16)


def trained(folder: Path, bench: Any) -> dict[str, Tensor]:
    teacher, student = (models.load(folder, attention=internals.attention()) for _ in range(2))
    models.keep_layers(student, (3,))
    matcher = Layers().matcher(Shape.of(student), Shape.of(teacher), seed=5)
    student.add_module(MATCHER, matcher)
    objective = Matched(None, internals.watching(teacher, "cpu", "float32", heads=True), matcher, heads=True)
    loop.train(student, rows(64), objective, RECIPE, seed=1, bench=bench)
    return student.state_dict()


def test_killed_and_resumed_is_uninterrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(loop.CHECKPOINT_SECONDS, "0")
    for name in ("model", "whole", "cut"):
        (tmp_path / name).mkdir()
    models.save(models.pretrained(bert_folder(), outputs=2, seed=1), tmp_path / "model")
    whole = trained(tmp_path / "model", Bench(tmp_path / "whole"))
    for step in (3, 5):
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "model", Bench(tmp_path / "cut", die_at=step))
    cut = trained(tmp_path / "model", Bench(tmp_path / "cut"))
    assert [name for name in whole if name.startswith(MATCHER)]
    assert whole.keys() == cut.keys()
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
