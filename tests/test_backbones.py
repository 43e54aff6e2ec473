"""Encoders are found by structure, read from safetensors alone, and refused in a sentence."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    PretrainedConfig,
    RobertaConfig,
)

from benchmarks import accounting, backbones
from benchmarks.backbones import BackboneError
from benchmarks.mini import bert_folder
from methods import models
from methods.layers.low_rank import LowRankLinear
from methods.ops.svd import truncated_svd

SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "vocab_size": 40,
}
CONFIGS = {
    "bert": BertConfig(**SMALL),
    "minilm": BertConfig(**{**SMALL, "hidden_size": 24, "num_attention_heads": 12}),
    "roberta": RobertaConfig(**SMALL),
    "electra": ElectraConfig(**SMALL, embedding_size=8),
    "distilbert": DistilBertConfig(vocab_size=40, dim=16, n_layers=2, n_heads=2, hidden_dim=32),
}


def built(config: PretrainedConfig) -> nn.Module:
    torch.manual_seed(0)
    model: nn.Module = AutoModelForSequenceClassification.from_config(config)
    return model.eval()


@pytest.mark.parametrize("name", list(CONFIGS))
def test_six_matrices_a_layer_are_found(name: str) -> None:
    model = built(CONFIGS[name])
    found = models.matrices(model)
    assert len(found) == 2 * 6
    assert not any("pooler" in name or "classifier" in name or "embedding" in name for name in found)


@pytest.mark.parametrize("name", list(CONFIGS))
def test_a_factorized_encoder_is_saved_and_loaded(name: str, tmp_path: Path) -> None:
    model = built(CONFIGS[name])
    layers = {key: layer for key, layer in models.matrices(model).items() if isinstance(layer, nn.Linear)}
    new = {key: LowRankLinear.from_factors(truncated_svd(each.weight, 5), each.bias) for key, each in layers.items()}
    models.put(model, new)
    models.save(model, tmp_path)  # type: ignore[arg-type]
    ids = torch.arange(5, 13).reshape(2, 4)
    assert torch.equal(models.load(tmp_path)(input_ids=ids).logits, model(input_ids=ids).logits)
    sizes = accounting.sizes(tmp_path, 8)
    shapes = [(layer.out_features, layer.in_features) for layer in layers.values()]
    assert sizes.encoder_weights == sum(5 * (rows + columns) for rows, columns in shapes)
    assert sizes.dense_encoder_weights == sum(rows * columns for rows, columns in shapes)


def test_macs_of_bert_base_are_the_known_ones() -> None:
    """The card of SVD_Ft computes them by hand: linears + 12 * 2 * S^2 * 768 + LayerNorm + pooler + head."""
    config = BertConfig(vocab_size=50)  # look-ups are free
    model = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager")
    length = 128
    by_hand = length * 84_934_656 + 12 * 2 * length**2 * 768 + length * 25 * 768 * 5 + 768 * 768 + 768 * 2
    assert accounting.macs(model, length) == by_hand
    assert round(by_hand / 1e9, 2) == 11.19


def test_the_mini_encoder_is_embedded() -> None:
    encoder = backbones.get("mini")
    assert encoder.folder == bert_folder()
    assert len(encoder.fingerprint) == 64
    config = json.loads((encoder.folder / "config.json").read_text())
    width, inner = config["hidden_size"], config["intermediate_size"]
    shapes = [(width, width)] * 4 + [(inner, width), (width, inner)]
    assert list(encoder.matrices.values()) == shapes * config["num_hidden_layers"]


def test_an_encoder_without_linears_is_refused(tmp_path: Path) -> None:
    config = GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=2, n_positions=8)
    _folder(tmp_path, config.to_dict())
    with pytest.raises(BackboneError, match=r"list of like layers with linear matrices.*choose an encoder"):
        _ = backbones.get(str(tmp_path)).matrices


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    _folder(tmp_path, CONFIGS["bert"].to_dict(), weights="pytorch_model.bin")
    with pytest.raises(BackboneError, match=r"lacks model\.safetensors; weights in other formats are never read"):
        backbones.get(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("min", r"did you mean mini\?.*known: mini, bert-base"),
        ("./nowhere", r"known name, a folder or a hub id"),
    ],
)
def test_an_unknown_backbone_is_refused(text: str, message: str) -> None:
    with pytest.raises(BackboneError, match=message):
        backbones.get(text)


def test_the_hub_is_asked_for_safe_files_at_the_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def download(repository: str, revision: str | None, allow_patterns: list[str]) -> str:
        asked.update(repository=repository, revision=revision, patterns=allow_patterns)
        return str(bert_folder())

    monkeypatch.setattr(backbones, "snapshot_download", download)
    assert backbones.get("org/name@abc").fingerprint == backbones.get("mini").fingerprint
    assert asked["repository"] == "org/name"
    assert asked["revision"] == "abc"
    assert not any(str(pattern).endswith((".bin", ".py", ".pkl")) for pattern in asked["patterns"])  # type: ignore[attr-defined]


def test_an_unreachable_hub_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(repository: str, revision: str | None, allow_patterns: list[str]) -> str:
        raise OSError("no route")

    monkeypatch.setattr(backbones, "snapshot_download", download)
    with pytest.raises(BackboneError, match=r"org/name was not \(OSError\); give a folder"):
        backbones.get("org/name")


def _folder(path: Path, config: dict[str, object], weights: str = "model.safetensors") -> None:
    (path / "config.json").write_text(json.dumps(config, default=str))
    (path / weights).write_bytes(b"")
    (path / "tokenizer.json").write_text("{}")
