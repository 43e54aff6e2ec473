"""What methods read beside backbone and task: other encoders, and texts. Found once, checked before anything runs."""

from collections.abc import Iterable
from typing import Any

from benchmarks import backbones, corpora
from benchmarks.backbones import BackboneError, Encoder
from benchmarks.tasks.definition import TaskDefinition
from methods.contract import Compressor
from methods.stages import agreement
from methods.stages.failure import MethodFailure


def encoders(method: Compressor, backbone: Encoder) -> dict[str, Encoder]:
    """The encoders a method names, found, and seen to read the backbone's word pieces.

    Raises:
        BackboneError: One cannot be found, or its tokenizer is another; both are named.
    """
    found = {name: backbones.get(name) for name in method.encoders()}
    for encoder in found.values():
        try:
            agreement.check_tokenizers(encoder.folder, backbone.folder)
        except MethodFailure as fault:
            raise BackboneError(f"{method.label}: {fault}") from fault
    return found


def check_lengths(method: Compressor, found: Iterable[Encoder], task: TaskDefinition) -> None:
    """Refuse encoders with fewer positions than the task's rows are long.

    Raises:
        BackboneError: One has; both numbers are named.
    """
    from transformers import AutoConfig  # takes seconds, and few methods name an encoder

    for encoder in found:
        config = AutoConfig.from_pretrained(encoder.folder, trust_remote_code=False, local_files_only=True)
        try:
            agreement.check_positions(config, task.max_length)
        except MethodFailure as fault:
            raise BackboneError(f"{method.label}: {encoder.name} for {task.name}: {fault}") from fault


def texts(method: Compressor) -> dict[str, corpora.Text]:
    """The texts a method names, found.

    Raises:
        CorpusError: One cannot be found.
    """
    return {name: corpora.get(name) for name in method.corpora()}


def sources(methods: Iterable[Compressor]) -> dict[str, dict[str, Any]]:
    """Where they all are, by fingerprint, for the workers."""
    named = list(methods)
    others = [backbones.get(name) for method in named for name in method.encoders()]
    read = [text for method in named for text in texts(method).values()]
    return {
        "encoders": {encoder.fingerprint: str(encoder.folder) for encoder in others},
        "corpora": {text.fingerprint: text.location for text in read},
    }
