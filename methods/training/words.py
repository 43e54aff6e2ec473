"""Learning a teacher's words: masked-word pre-training under a teacher, as an objective that is also a hook."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from methods.contract import Precision, derive
from methods.ops.pretraining import Weights, Words, total
from methods.ops.word_masking import chances, hide
from methods.training.batches import Batch, Encoded
from methods.training.hooks import Hook
from methods.training.internals import wide
from methods.training.objectives import inputs_of


@dataclass(frozen=True)
class Hiding:
    """How words of a text are hidden: each word's weight [vocabulary], and the word that hides others."""

    weights: Tensor
    masked: int

    @classmethod
    def of(cls, data: Encoded, tokenizer: Any, vocabulary: int) -> "Hiding":
        """Count the words of a text; `vocabulary` is how many the model knows.

        Raises:
            ValueError: The tokenizer has no word that hides others.
        """
        if tokenizer.mask_token_id is None:
            raise ValueError(
                "words are hidden by the tokenizer's mask token, and it has none; choose another encoder"
            )
        counts = torch.from_numpy(np.bincount(data.ids, minlength=vocabulary))
        return cls(chances(counts, torch.tensor(sorted(tokenizer.all_special_ids))), int(tokenizer.mask_token_id))


class MaskedWords(Hook):
    """The teacher's words, the text's own words and the teacher's last states, at places drawn anew each step."""

    separable = False  # a mean over hidden words

    def __init__(
        self, teacher: nn.Module, weights: Weights, hiding: Hiding, *, seed: int, device: str, precision: Precision
    ) -> None:
        """`teacher` is on the training device; it is no part of what is trained or checkpointed."""
        self.teacher = _asked(teacher, device, precision)
        self.weights, self.hiding, self.seed, self.device = weights, hiding, seed, device
        self.step = 0

    def before_step(self, step: int) -> None:
        """Remember which step it is: the hidden words depend on it and on the seed alone."""
        self.step = step

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """One pass of the student and one of the teacher, both with words hidden."""
        mask = batch.inputs["attention_mask"]
        generator = torch.Generator().manual_seed(derive(self.seed, f"masking/{self.step}"))
        ids = batch.inputs["input_ids"].cpu()
        shown, labels = hide(ids, mask.cpu(), self.hiding.weights, self.hiding.masked, generator)
        inputs = {**inputs_of(model, batch), "input_ids": shown.to(self.device)}
        theirs = self.teacher(inputs)
        ours = _words(model, inputs)
        with torch.autocast(self.device, enabled=False):  # small differences want their precision
            return total(ours, theirs, labels.to(self.device), mask, self.weights)


def _asked(teacher: nn.Module, device: str, precision: Precision) -> Callable[[dict[str, Tensor]], Words]:
    """The frozen teacher's words without dropout and gradient, in inference mode."""
    teacher.eval().requires_grad_(requires_grad=False)

    def ask(inputs: dict[str, Tensor]) -> Words:
        with torch.inference_mode(), torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
            words = _words(teacher, inputs)
        return Words(wide(words.logits), wide(words.hidden))

    return ask


def _words(model: nn.Module, inputs: dict[str, Tensor]) -> Words:
    output = model(**inputs, output_hidden_states=True)
    return Words(wide(output.logits), wide(output.hidden_states[-1]))
