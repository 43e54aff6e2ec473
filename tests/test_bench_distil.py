"""The comparison of distillation steps: every promised ratio is there, made of its seconds. Speed is not asserted."""

import pytest

from benchmarks.bench import scene
from benchmarks.bench.distil import MATCHINGS, compare


def test_ratios_are_those_of_the_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"num_hidden_layers": 4, "hidden_size": 48, "intermediate_size": 64, "num_attention_heads": 12}
    monkeypatch.setattr(scene, "VOCABULARY", 2000)
    monkeypatch.setitem(scene.SIZES, "minilm", small)  # type: ignore[arg-type]
    found = compare(rounds=1, count=128)
    seconds = found["seconds"]
    assert set(seconds) == {"plain", "KD", "MetaDistil", "teacher forward", *MATCHINGS}
    (kept,) = [value for name, value in found.items() if name.startswith("KD step")]
    assert kept == pytest.approx(seconds["KD"] / seconds["plain"], rel=0.1)
    assert len([name for name in found if "at most 1.15" in name]) == len(MATCHINGS)
    assert any(name.startswith("MetaDistil") for name in found)
