"""Where a pre-trained student comes from: from elsewhere, from general distillation on a text, or from the backbone.

The last is the fall-back for the other two, and says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from methods import students
from methods.contract import Compressor, Family, Pretrained, Recipe, Setting
from methods.ops.pretraining import Weights
from methods.space import LEARNING_RATES
from methods.stages.general import GeneralDistillation
from methods.stages.student import Student
from methods.stages.text import EncodeText
from methods.training.matching import Matching

SEED = 0
"""Of general distillation: as the backbone, a pre-trained student is made once and fine-tuned at every seed."""
WARMUP = 0.05

Layers = Callable[[int, int], tuple[int, ...]]
"""(How many, of how many) -> which, 0-based."""


@dataclass(frozen=True)
class Beginning:
    """A student's beginning, from a method's knobs; give `student` or `corpus` or neither."""

    label: str
    student: str | None  # a known name, a folder or a hub id
    corpus: str | None  # 'mini', a file, a folder or a hub id
    lines: int | None  # of the corpus, from the first; None: all
    passes: int  # over them
    rate: float  # peak learning rate there
    batch: int  # rows a step there

    def __post_init__(self) -> None:
        """Refuse two beginnings at once and impossible values, all faults in one message."""
        faults = []
        if self.student is not None and self.corpus is not None:
            faults.append(
                "a student comes from elsewhere or from a text, "
                f"got student={self.student!r} and corpus={self.corpus!r}; give one"
            )
        faults += [
            f"{name} {law}, got {value}"
            for name, law, value, good in (
                ("lines", "is a whole number >= 1", self.lines, self.lines is None or self.lines >= 1),
                ("passes", "is a whole number >= 1", self.passes, self.passes >= 1 and self.passes % 1 == 0),
                ("rate", "is a positive learning rate", self.rate, self.rate > 0),
                ("batch", "is a whole number of rows >= 1", self.batch, self.batch >= 1 and self.batch % 1 == 0),
            )
            if not good
        ]
        if faults:
            raise ValueError(f"{self.label}: " + "; ".join(faults))

    @property
    def encoders(self) -> tuple[str, ...]:
        """The encoders it names."""
        return () if self.student is None else (self.student,)

    @property
    def corpora(self) -> tuple[str, ...]:
        """The texts it names."""
        return () if self.corpus is None else (self.corpus,)

    @property
    def fallback(self) -> bool:
        """Whether the student begins as layers of the backbone, without any pre-training of its own."""
        return self.student is None and self.corpus is None

    def stage(self, setting: Setting, imitated: Weights | Matching, *, own: Layers, other: Layers) -> Student:
        """The student under a fresh head.

        Args:
            setting: Where the method is measured.
            imitated: What is learned from the teacher on a text.
            own: Which layers of the backbone it begins as.
            other: Which layers of a student from elsewhere are kept where the budget does not pay for all.
        """
        layers = self.layers(setting, own=own, other=other)
        if self.student is not None:
            return students.student(setting, layers, self._elsewhere(setting, self.student).fingerprint)
        if self.corpus is None:
            return students.student(setting, layers)
        corpus = setting.corpora[self.corpus]
        encoder = setting.backbone.fingerprint
        general = GeneralDistillation(
            encoder=encoder,
            layers=layers,
            text=EncodeText(encoder, corpus.fingerprint, self._lines(corpus.lines), setting.task.max_length),
            recipe=Recipe(
                self.passes, self.rate, self.batch, warmup=WARMUP, precision=setting.protocol.retrain.precision
            ),
            imitated=imitated,
            seed=SEED,
        )
        return students.student(setting, tuple(range(len(layers))), general)

    def layers(self, setting: Setting, *, own: Layers, other: Layers) -> tuple[int, ...]:
        """Which layers (0-based) the student has, of the encoder that it comes from."""
        if self.student is None:
            return own(students.layers_for(setting), students.depth(setting))
        encoder = self._elsewhere(setting, self.student)
        return other(students.layers_for(setting, encoder), len(students.weights_by_layer(encoder)))

    def refusal(self, setting: Setting, *, most: int | None = None) -> str | None:
        """Why this setting has no such student, or None; `most`: the deepest that the method can teach."""
        if self.student is None:
            return students.refusal(setting)
        encoder = self._elsewhere(setting, self.student)
        reason = students.refusal(setting, encoder=encoder)
        if reason is None and most is not None and (count := students.layers_for(setting, encoder)) > most:
            return (
                f"{self.label}: a student is at most as deep as its teacher, got {count} layers "
                f"({encoder.name}, student) and {most} ({setting.backbone.name}, teacher)"
            )
        return reason

    def words(self, fallback: str) -> str:
        """What a title says of it: the name of the student or of the text, or the fall-back."""
        if self.student is not None:
            return f"student {_short(self.student)}"
        return fallback if self.corpus is None else f"distilled on {_short(self.corpus)}"

    def note(self, setting: Setting, *, own: Layers, other: Layers) -> str:
        """What a reader of this setting's number must know: whence the student, and its exact share."""
        layers = self.layers(setting, own=own, other=other)
        kept = ", ".join(str(layer + 1) for layer in layers)
        if self.student is not None:
            encoder = self._elsewhere(setting, self.student)
            by_layer = students.weights_by_layer(encoder)
            share = sum(by_layer[layer] for layer in layers) / students.dense_weights(setting)
            return (
                f"{self.label}: the student was pre-trained elsewhere: {_found(encoder.origin, encoder.name)}, "
                f"fingerprint {encoder.fingerprint[:12]}; its layers {kept} of {len(by_layer)}, {100 * share:.4g} % "
                "of the dense encoder's matrix weights"
            )
        if self.corpus is None:
            return students.fallback(self.label, layers)
        corpus = setting.corpora[self.corpus]
        often = "once" if self.passes == 1 else f"{self.passes} times"
        return (
            f"{self.label}: general distillation on {_found(corpus.origin, corpus.name)}, fingerprint "
            f"{corpus.fingerprint[:12]}, {self._lines(corpus.lines):,} passages read {often}, the same student for "
            f"all seeds; it began as the backbone's layers {kept}"
        )

    def _lines(self, there: int) -> int:
        return there if self.lines is None else min(self.lines, there)

    def _elsewhere(self, setting: Setting, name: str) -> Pretrained:
        return setting.encoders[name]


@dataclass(frozen=True)
class PretrainedStudent(Compressor):
    """A method whose student is made before any task: what such methods share, whatever they imitate."""

    student: str | None = None
    corpus: str | None = None
    lines: int | None = None  # of the corpus; None: all
    passes: int = 3  # over them
    rate: float = 5e-4  # peak learning rate on the corpus
    batch: int = 256  # rows a step on the corpus

    family: ClassVar[Family] = Family.PRETRAINING_DISTILLATION
    space: ClassVar[Mapping[str, Any]] = {"lr": LEARNING_RATES}
    excess: ClassVar[float] = students.LAYER_EXCESS

    def __post_init__(self) -> None:
        """Refuse a beginning that is none."""
        _ = self.beginning

    @property
    def beginning(self) -> Beginning:
        """Where the student comes from."""
        return Beginning(self.label, self.student, self.corpus, self.lines, self.passes, self.rate, self.batch)

    def encoders(self) -> tuple[str, ...]:
        """The student from elsewhere."""
        return self.beginning.encoders

    def corpora(self) -> tuple[str, ...]:
        """The text of the pre-training."""
        return self.beginning.corpora

    def refused(self, setting: Setting) -> str | None:
        """Also budgets below one layer."""
        return super().refused(setting) or self.beginning.refusal(setting)


def _short(place: str) -> str:
    """A hub id as it is, of a path its last part."""
    return Path(place).name if Path(place).expanduser().exists() else place


def _found(origin: str, name: str) -> str:
    return origin if origin.startswith("hub ") else f"{origin} {name}"
