"""Where pre-trained encoders come from: the embedded mini one, a folder, or the hub at a revision."""

import dataclasses
import difflib
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from benchmarks.backbones.known import KNOWN, Known
from benchmarks.backbones.memory import Shapes, remembered
from methods.models import UnsupportedEncoderError, matrices

# What makes an encoder: weights, configuration, tokenizer. Other files of a folder do not change a result.
FILES = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
)


class BackboneError(ValueError):
    """The encoder cannot be found or used; the message says why and what to give instead."""


@dataclasses.dataclass(frozen=True)
class Encoder:
    """A pre-trained encoder on disk, as the contract's `Backbone`."""

    name: str
    folder: Path
    origin: str  # how it was found, for the record

    @property
    def fingerprint(self) -> str:
        """sha256 over the names and contents of the files that make the encoder."""
        return _fingerprint(self.folder)

    @property
    def matrices(self) -> Mapping[str, tuple[int, int]]:
        """Module name -> [out, in] of every matrix to compress, read from the configuration alone."""
        return _matrices(self)

    @property
    def hidden(self) -> int:
        """The narrowest side of the matrices."""
        return min(min(shape) for shape in self.matrices.values())


def available() -> Mapping[str, Known]:
    """The encoders known by a short name."""
    return {known.name: known for known in KNOWN}


def get(text: str) -> Encoder:
    """The encoder a text names: a known name, a folder, or a hub id with an optional `@revision`.

    Raises:
        BackboneError: There is no such encoder, it has no safetensors, or it cannot be fetched.
    """
    known = available().get(text)
    if known is not None and known.embedded:
        from benchmarks.mini import bert_folder

        return _checked(Encoder(text, bert_folder(), "embedded"))
    folder = Path(text).expanduser()
    if known is None and folder.is_dir():
        return _checked(Encoder(folder.resolve().name, folder.resolve(), "folder"))
    if known is None and (text.startswith((".", "/", "~")) or text.count("/") != 1):
        near = difflib.get_close_matches(text, available(), n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise BackboneError(
            f"a backbone is a known name, a folder or a hub id such as org/name, got {text!r}{hint}; "
            f"known: {', '.join(available())}"
        )
    repository, _, revision = (known.hub if known else text).partition("@")
    return _checked(_fetched(text, repository, revision or None))


def _fetched(name: str, repository: str, revision: str | None) -> Encoder:
    try:
        folder = Path(snapshot_download(repository, revision=revision, allow_patterns=list(FILES)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as fault:
        raise BackboneError(
            f"{name}: an encoder is fetched from the hub or found in its cache, and {repository} was not "
            f"({type(fault).__name__}); give a folder that holds config.json, model.safetensors and tokenizer.json"
        ) from fault
    return Encoder(name, folder, f"hub {repository}@{folder.name}")


def _checked(encoder: Encoder) -> Encoder:
    missing = [name for name in ("config.json", "model.safetensors") if not (encoder.folder / name).is_file()]
    if not any((encoder.folder / name).is_file() for name in ("tokenizer.json", "vocab.txt", "vocab.json")):
        missing.append("tokenizer.json")
    if missing:
        raise BackboneError(
            f"{encoder.name}: an encoder's folder holds config.json, model.safetensors and a tokenizer, and "
            f"{encoder.folder} lacks {', '.join(missing)}; weights in other formats are never read: convert them "
            "with save_pretrained(..., safe_serialization=True)"
        )
    return encoder


@cache
def _matrices(encoder: Encoder) -> Shapes:
    return remembered(f"matrices-{encoder.fingerprint}", lambda: _shapes(encoder))


def _shapes(encoder: Encoder) -> Shapes:
    """Build the model without values and look at its layers."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    with torch.device("meta"):
        config = AutoConfig.from_pretrained(encoder.folder, trust_remote_code=False, local_files_only=True)
        try:
            model = AutoModelForSequenceClassification.from_config(config, trust_remote_code=False)
        except ValueError as fault:
            raise BackboneError(
                f"{encoder.name}: an encoder is of an architecture that transformers knows for sequence "
                f"classification, got {config.model_type}; choose BERT, RoBERTa, DistilBERT, ELECTRA or alike"
            ) from fault
    try:
        return {name: (layer.out_features, layer.in_features) for name, layer in matrices(model).items()}
    except UnsupportedEncoderError as fault:
        raise BackboneError(f"{encoder.name}: {fault}") from fault


@cache
def _fingerprint(folder: Path) -> str:
    total = hashlib.sha256()
    for name in FILES:
        path = folder / name
        if path.is_file():
            with path.open("rb") as file:
                total.update(f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()
