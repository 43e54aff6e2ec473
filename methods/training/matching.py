"""Learning from a teacher's inside: what a description of it must offer, and the objective that uses it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

import torch
from torch import Tensor, nn

from methods.training.batches import Batch
from methods.training.internals import Inside, look

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Shape:
    """What a matcher must know of a model."""

    layers: int
    width: int
    heads: int

    @classmethod
    def of(cls, model: "PreTrainedModel") -> "Shape":
        """Read from the configuration."""
        config = model.config
        return cls(config.num_hidden_layers, config.hidden_size, config.num_attention_heads)


class Matcher(nn.Module, ABC):
    """A loss between two insides. Its parameters are trained with the student and are no part of what is deployed.

    It is asked outside autocast, as small differences want their precision; what it is shown may be bfloat16, and
    `methods.training.internals.wide` makes it float32.
    """

    separable: ClassVar[bool] = False
    """Whether it is a mean over rows, see `Objective`; many are means over word pieces or relate rows."""

    @abstractmethod
    def forward(self, student: Inside, teacher: Inside) -> Tensor:
        """A scalar, weighted."""


@dataclass(frozen=True)
class Matching(ABC):
    """A description of what of the teacher's inside a student imitates; a value, part of a stage's key.

    A subclass is a frozen dataclass with a first field `kind: str = field(default="...", init=False)`, which
    keeps the keys of two descriptions with like fields apart.
    """

    heads: ClassVar[bool] = False
    """Whether attention is looked at, besides hidden states."""

    @abstractmethod
    def matcher(self, student: Shape, teacher: Shape, seed: int) -> Matcher:
        """Make the loss for two models; parameters are drawn from `seed`.

        Raises:
            ValueError: The models have no such layers, widths or heads.
        """


class Answers(Protocol):
    """A loss on the student's logits alone: labels, or the teacher's kept logits."""

    def of_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """Mean over the batch."""
        ...


class Matched:
    """The loss on the answers, if there is one, plus the loss on the inside."""

    def __init__(
        self, answers: Answers | None, teacher: Callable[[Batch], Inside], matcher: Matcher, *, heads: bool
    ) -> None:
        self.answers = answers
        self.teacher = teacher
        self.matcher = matcher
        self.heads = heads
        self.separable = matcher.separable  # the answers' loss is a mean over rows

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """One pass of the student, one of the teacher."""
        shown = self.teacher(batch)
        seen = look(model, batch, heads=self.heads)
        with torch.autocast(batch.labels.device.type, enabled=False):  # small differences want their precision
            loss: Tensor = self.matcher(seen, shown)
        return loss if self.answers is None else loss + self.answers.of_logits(seen.logits, batch)
