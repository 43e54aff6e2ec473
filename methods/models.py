"""Encoders as files: loading, saving, finding the matrices to compress. Safetensors only, no remote code.

transformers is imported where it is used: planning a table needs none of it, and importing it takes seconds.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from methods.layers.low_rank import LowRankLinear

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CONFIG = "config.json"
STRUCTURE = "structure.json"
WEIGHTS = "model.safetensors"


class UnsupportedEncoderError(ValueError):
    """The model has no encoder layers with linear matrices, so there is nothing to compress."""


def encoder_layers(model: nn.Module) -> tuple[str, nn.ModuleList]:
    """The stack of encoder layers and its name, found by structure rather than by BERT's names.

    It is the module list whose items are of one class and which holds the most linear weights; of lists that
    hold equally many (one inside the other) the outermost wins.
    """
    best: tuple[int, str, nn.ModuleList] | None = None
    for name, module in model.named_modules():
        if not isinstance(module, nn.ModuleList) or len({type(item) for item in module}) != 1:
            continue
        weights = sum(linear.weight.numel() for linear in module.modules() if isinstance(linear, nn.Linear))
        if weights and (best is None or weights > best[0]):
            best = (weights, name, module)
    if best is None:
        raise UnsupportedEncoderError(
            f"{type(model).__name__}: an encoder to compress has a list of like layers with linear matrices "
            "(torch.nn.Linear), and this model has none; choose an encoder such as BERT, RoBERTa or DistilBERT"
        )
    return best[1], best[2]


def matrices(model: nn.Module) -> dict[str, nn.Linear | LowRankLinear]:
    """The matrices to compress, in the model's own order: module name -> layer that computes x W^T + b.

    A factorized matrix counts as one, under its own name.
    """
    prefix, layers = encoder_layers(model)
    found: dict[str, nn.Linear | LowRankLinear] = {}
    for name, module in layers.named_modules(prefix=prefix):
        inside = any(name.startswith(f"{taken}.") for taken in found)
        if isinstance(module, nn.Linear | LowRankLinear) and not inside:
            found[name] = module
    return found


def dense_weights(model: "PreTrainedModel") -> int:
    """Matrix weights of the dense encoder that a model stands for: the 100 % of its budget.

    A shallower student's configuration names them; any other model has all the matrices itself.
    """
    given = getattr(model.config, "dense_encoder_weights", None)
    return given or sum(layer.out_features * layer.in_features for layer in matrices(model).values())


def keep_layers(model: "PreTrainedModel", layers: Sequence[int]) -> None:
    """Keep some encoder layers of a model, in the order given, and note in its configuration what it is a part of.

    Args:
        model: Changed in place.
        layers: Numbers from 0.

    Raises:
        ValueError: There is no such layer.
        UnsupportedEncoderError: Layers share their weights, so that none can be left out.
    """
    name, stack = encoder_layers(model)
    if len(stack) != model.config.num_hidden_layers:
        raise UnsupportedEncoderError(
            f"{type(model).__name__}: a shallower student takes layers with weights of their own, got {len(stack)} "
            f"for {model.config.num_hidden_layers} layers; choose an encoder such as BERT, RoBERTa or DistilBERT"
        )
    absent = [layer for layer in layers if not 0 <= layer < len(stack)]
    if absent or not layers:
        raise ValueError(
            f"the encoder has layers 0 to {len(stack) - 1}, got {list(layers)}; choose one or more of them"
        )
    model.config.dense_encoder_weights = dense_weights(model)
    put(model, {name: nn.ModuleList(stack[layer] for layer in layers)})
    model.config.num_hidden_layers = len(layers)


def moved(model: "PreTrainedModel", device: str) -> "PreTrainedModel":
    """The same model, its tensors on the device."""
    nn.Module.to(model, device)  # transformers' own `to` hides its signature from type checkers
    return model


def put(model: nn.Module, modules: Mapping[str, nn.Module]) -> None:
    """Put modules in the place of others, by name, inside `model`."""
    for name, module in modules.items():
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, module)


def pretrained(
    folder: Path, outputs: int, seed: int, device: str = "cpu", *, attention: str = "sdpa"
) -> "PreTrainedModel":
    """A pre-trained encoder with a fresh head of `outputs` logits, initialised from `seed`.

    What is read from the folder does not depend on the seed; `attention` is as for `load`.
    """
    from transformers import AutoModelForSequenceClassification

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(
            folder,
            num_labels=outputs,
            problem_type="regression" if outputs == 1 else "single_label_classification",
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            dtype=torch.float32,
            attn_implementation=attention,
        )
    return moved(model, device)


def word_model(folder: Path, device: str = "cpu") -> "PreTrainedModel":
    """A pre-trained encoder with the head it was pre-trained with, which fills in masked words.

    Raises:
        UnsupportedEncoderError: The folder holds no such head, and a random one would teach nothing.
    """
    from transformers import AutoModelForMaskedLM

    with torch.random.fork_rng(devices=[]):
        model, read = AutoModelForMaskedLM.from_pretrained(
            folder,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    absent = sorted(read["missing_keys"])
    if absent:
        raise UnsupportedEncoderError(
            f"an encoder that teaches words has its head for masked words, and {folder} lacks {', '.join(absent)}; "
            "choose one that was published with it, or a method that imitates hidden states"
        )
    return moved(model, device)


def save_encoder(model: "PreTrainedModel", folder: Path) -> None:
    """Write the encoder of a model without its head, as a pre-trained one: what `pretrained` reads."""
    prefix = f"{model.base_model_prefix}."
    state = {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in model.state_dict().items()
        if name.startswith(prefix)
    }
    save_file(state, folder / WEIGHTS, metadata={"format": "pt"})
    config = model.config.to_dict()
    for told in ("_name_or_path", "id2label", "label2id", "problem_type"):  # of the head, and of the place
        config.pop(told, None)
    (folder / CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True), encoding="utf-8")


def save(model: "PreTrainedModel", folder: Path) -> None:
    """Write a model: `config.json`, `model.safetensors`, and `structure.json` for the matrices replaced."""
    ranks = {name: layer.rank for name, layer in matrices(model).items() if isinstance(layer, LowRankLinear)}
    config = model.config.to_dict()
    config.pop("_name_or_path", None)  # where it was read from is no part of what it is
    (folder / CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True), encoding="utf-8")
    (folder / STRUCTURE).write_text(json.dumps({"low_rank": ranks}, indent=1), encoding="utf-8")
    save_weights(model, folder / WEIGHTS)


def save_weights(model: nn.Module, path: Path) -> None:
    """Write the parameters and persistent buffers; tensors that share memory are written each."""
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    save_file(state, path, metadata={"format": "pt"})


def load(folder: Path, *, attention: str = "sdpa", device: str = "cpu") -> "PreTrainedModel":
    """Read a model that `save` wrote: float32, in evaluation mode.

    Args:
        folder: The artifact's folder.
        attention: Which implementation computes attention; counting needs 'eager'.
        device: Where it is put.
    """
    from transformers import AutoConfig, AutoModelForSequenceClassification

    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    with torch.random.fork_rng(devices=[]):  # the random initialisation is overwritten at once
        model: PreTrainedModel = AutoModelForSequenceClassification.from_config(
            config, attn_implementation=attention, trust_remote_code=False
        )
    ranks: dict[str, int] = json.loads((folder / STRUCTURE).read_text(encoding="utf-8"))["low_rank"]
    layers = matrices(model)
    put(model, {name: LowRankLinear.like(layers[name], rank) for name, rank in ranks.items()})
    model.load_state_dict(load_file(folder / WEIGHTS), strict=True)
    model.eval()
    return moved(model, device)
