"""Where a recipe computes in bfloat16, so does the teacher; what is compared is compared in float32."""

from pathlib import Path

import pytest
import torch

from benchmarks.mini import bert_folder
from methods import models
from methods.ckd import Relations
from methods.minilm_kd import SelfAttention
from methods.pkd import Patience
from methods.textbrewer import Brewed, Match
from methods.tinybert import Layers
from methods.training import internals
from methods.training.batches import Encoded
from methods.training.matching import Matched, Matching, Shape
from training_bench import rows

MATCHINGS = {
    "ckd": Relations(),
    "minilm": SelfAttention(),
    "minilm v2": SelfAttention(relation_heads=8),
    "pkd": Patience(),
    "textbrewer": Brewed((Match((0,), (0,), "hidden", "hidden_mse", 1.0), Match((4,), (2,), "hidden", "cos", 1.0))),
    "tinybert": Layers(),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    models.save(models.pretrained(bert_folder(), outputs=2, seed=1), folder)
    return folder


@pytest.mark.parametrize("name", list(MATCHINGS))
def test_a_matcher_computes_in_float32_under_bfloat16(name: str, model: Path) -> None:
    """Its loss is that of the same insides without autocast, to the bit."""
    matching: Matching = MATCHINGS[name]
    data: Encoded = rows(8)
    batch = data.batch(torch.arange(8).numpy(), "cpu")
    teacher, student = (models.load(model, attention=internals.attention()) for _ in range(2))
    models.keep_layers(student, (0, 2))
    matcher = matching.matcher(Shape.of(student), Shape.of(teacher), seed=5)
    watch = internals.watching(teacher, "cpu", "bfloat16", heads=matching.heads)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        seen = internals.look(student, batch, heads=matching.heads)
        found = Matched(None, watch, matcher, heads=matching.heads)(student, batch)
    assert found.dtype == torch.float32
    assert torch.equal(found, matcher(seen, watch(batch)))


def test_the_teacher_computes_as_the_recipe_says(model: Path) -> None:
    batch = rows(4).batch(torch.arange(4).numpy(), "cpu")
    teacher = models.load(model, attention=internals.attention())
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        shown = internals.watching(teacher, "cpu", precision, heads=True)(batch)  # type: ignore[arg-type]
        assert shown.heads[0].query.dtype == dtype
        assert shown.hidden[1].is_inference()
        assert not any(parameter.requires_grad for parameter in teacher.parameters())
