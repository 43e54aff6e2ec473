"""General distillation: pre-train a shallower encoder on a text, under a pre-trained teacher, before any task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from methods import models
from methods.contract import Recipe, derive
from methods.ops.pretraining import Weights
from methods.stages.distil import MATCHER
from methods.stages.stage import Json, Stage, Workbench
from methods.stages.text import EncodeText
from methods.training import batches, internals
from methods.training.hooks import Hook
from methods.training.loop import train
from methods.training.matching import Matched, Matching, Shape
from methods.training.objectives import Objective
from methods.training.words import Hiding, MaskedWords

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class GeneralDistillation(Stage):
    """Some layers of an encoder, trained on a text to be like the whole of it.

    `imitated` says in what: in the words it fills in (DistilBERT), or in its inside (TinyBERT, MiniLM).
    Artifact: the student's encoder without a head, with the tokenizer, as a folder of a pre-trained encoder.
    """

    kind: ClassVar[str] = "general-distillation"

    encoder: str  # fingerprint of the teacher
    layers: tuple[int, ...]  # of the teacher, 0-based: where the student begins
    text: EncodeText
    recipe: Recipe
    imitated: Weights | Matching
    seed: int

    def __post_init__(self) -> None:
        """Refuse a choice by score: a text has none."""
        if self.recipe.selection != "last":
            raise ValueError(f"GeneralDistillation keeps its last step, got selection {self.recipe.selection}")

    @property
    def effort(self) -> float:
        """Rows seen, by the teacher too."""
        return float(self.recipe.epochs * self.text.lines * 2)

    @property
    def scale(self) -> str:
        """Trainings of one scale have like speed."""
        return f"{self.encoder}/{self.text.corpus}"

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Train, drop head and projections, save."""
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(
            bench.encoder(self.encoder), use_fast=True, trust_remote_code=False, local_files_only=True
        )
        data = batches.read(bench.artifact(self.text), "train")
        if isinstance(self.imitated, Weights):
            student = models.word_model(bench.encoder(self.encoder), bench.device)
            hiding = Hiding.of(data, tokenizer, student.config.vocab_size)
            objective, hooks = self._words(self.imitated, hiding, bench)
            models.keep_layers(student, self.layers)
        else:
            student = self._whole(bench, heads=self.imitated.heads)
            models.keep_layers(student, self.layers)
            objective, hooks = self._inside(self.imitated, student, bench)
        facts = train(student, data, objective, self.recipe, seed=self.seed, bench=bench, hooks=hooks)
        models.save_encoder(self._encoder(student, bench), bench.folder)
        tokenizer.save_pretrained(bench.folder)
        return {**facts, "layers": len(self.layers)}

    def _words(self, weights: Weights, hiding: Hiding, bench: Workbench) -> tuple[Objective, Sequence[Hook]]:
        teacher = models.word_model(bench.encoder(self.encoder), bench.device)
        objective = MaskedWords(
            teacher, weights, hiding, seed=self.seed, device=bench.device, precision=self.recipe.precision
        )
        return objective, (objective,)

    def _inside(
        self, matching: Matching, student: "PreTrainedModel", bench: Workbench
    ) -> tuple[Objective, Sequence[Hook]]:
        teacher = self._whole(bench, heads=matching.heads)
        matcher = matching.matcher(Shape.of(student), Shape.of(teacher), derive(self.seed, "projection"))
        student.add_module(MATCHER, matcher.to(bench.device))  # trained with the student
        watch = internals.watching(teacher, bench.device, self.recipe.precision, heads=matching.heads)
        return Matched(None, watch, matcher, heads=matching.heads), ()

    def _whole(self, bench: Workbench, *, heads: bool) -> "PreTrainedModel":
        """The teacher's encoder; the head on it is never used."""
        kept = {"attention": internals.attention()} if heads else {}
        folder = bench.encoder(self.encoder)
        return models.pretrained(folder, 1, derive(self.seed, "head"), bench.device, **kept)

    def _encoder(self, student: "PreTrainedModel", bench: Workbench) -> "PreTrainedModel":
        """The trained encoder with the teacher's pooler, which a model that fills in words does not have."""
        whole = self._whole(bench, heads=False)
        models.keep_layers(whole, self.layers)
        whole.base_model.load_state_dict(student.base_model.state_dict(), strict=False)
        return whole
