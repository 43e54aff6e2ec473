"""The contract between methods and the harness: a method is a value that says, for a setting, what to do.

This is all that a method may know of the outside: the protocols `Task` and `Backbone`, the training protocol, the
budget and the seed.
"""

import dataclasses
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import Enum
from typing import Any, ClassVar, Literal, Protocol

from methods.stages.stage import Stage

Kind = Literal["classification", "regression"]
Precision = Literal["float32", "bfloat16"]
Selection = Literal["last", "best"]


class Family(Enum):
    """The blocks of Table 2, in the paper's order."""

    REFERENCE = "Dense reference"
    PRETRAINING_DISTILLATION = "Pre-training distillation"
    TASK_DISTILLATION = "Task-specific distillation"
    STRUCTURED_PRUNING = "Structured pruning"
    FACTORIZATION = "Matrix factorization"
    UNSTRUCTURED_PRUNING = "Unstructured pruning"


class Task(Protocol):
    """What a method may know of a task."""

    @property
    def name(self) -> str:
        """The task's name in the registry, e.g. 'rte'."""
        ...

    @property
    def kind(self) -> Kind:
        """Classification (cross-entropy, KL) or regression (mean squared error)."""
        ...

    @property
    def outputs(self) -> int:
        """The number of logits: classes, or 1 for regression."""
        ...

    @property
    def evaluation(self) -> tuple[str, ...]:
        """The splits that are scored, the table's first."""
        ...

    @property
    def max_length(self) -> int:
        """Longest input in word pieces; longer ones are cut."""
        ...

    @property
    def train_rows(self) -> int:
        """How many rows the training split has."""
        ...

    @property
    def fingerprint(self) -> str:
        """sha256 of the data itself, so that the same key always means the same rows."""
        ...


class Backbone(Protocol):
    """What a method may know of a pre-trained encoder."""

    @property
    def name(self) -> str:
        """A readable name; never part of a key."""
        ...

    @property
    def fingerprint(self) -> str:
        """sha256 of weights, configuration and tokenizer."""
        ...

    @property
    def matrices(self) -> Mapping[str, tuple[int, int]]:
        """The encoder matrices to compress: module name -> [out, in]."""
        ...


class Pretrained(Backbone, Protocol):
    """What a method may know of an encoder beside the backbone: a student pre-trained elsewhere."""

    @property
    def origin(self) -> str:
        """How it was found: 'embedded', 'folder', or 'hub id@revision'."""
        ...


class Corpus(Protocol):
    """What a method may know of a text without labels."""

    @property
    def name(self) -> str:
        """A readable name; never part of a key."""
        ...

    @property
    def origin(self) -> str:
        """How it was found: 'generated', 'file', 'folder', or 'hub id@revision'."""
        ...

    @property
    def fingerprint(self) -> str:
        """sha256 of the text itself."""
        ...

    @property
    def lines(self) -> int:
        """How many passages it has."""
        ...


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How one training runs. Every value is part of the stage's key."""

    epochs: int
    learning_rate: float
    batch_size: int = 32
    warmup: float = 0.06  # share of all steps
    weight_decay: float = 0.0
    clip: float = 1.0  # global gradient norm
    precision: Precision = "float32"
    selection: Selection = "last"  # which checkpoint is kept: the last, or the best on the table's metric

    def __post_init__(self) -> None:
        """Refuse impossible recipes, all faults at once."""
        faults = [
            f"{name} {law}, got {value}"
            for name, law, value, good in (
                ("epochs", "is a whole number >= 1", self.epochs, self.epochs >= 1 and self.epochs % 1 == 0),
                ("learning_rate", "is a positive number", self.learning_rate, self.learning_rate > 0),
                ("batch_size", "is a whole number >= 1", self.batch_size, self.batch_size >= 1),
                ("warmup", "is a share of the steps in [0, 1)", self.warmup, 0 <= self.warmup < 1),
                ("weight_decay", "is >= 0", self.weight_decay, self.weight_decay >= 0),
                ("clip", "is a positive gradient norm", self.clip, self.clip > 0),
                (
                    "precision",
                    "is float32 or bfloat16",
                    self.precision,
                    self.precision in ("float32", "bfloat16"),
                ),
                ("selection", "is last or best", self.selection, self.selection in ("last", "best")),
            )
            if not good
        ]
        if faults:
            raise ValueError("Recipe: " + "; ".join(faults))


@dataclasses.dataclass(frozen=True)
class Distillation:
    """The unified logit distillation every compressed model is trained with (paper, section 5.1.3).

    Loss = hard * CE + soft * temperature^2 * KL(teacher || student), batch mean; regression: MSE to the teacher.
    """

    hard: float = 0.5
    soft: float = 0.5
    temperature: float = 2.0

    def __post_init__(self) -> None:
        """Refuse weights and temperatures that mean nothing."""
        if self.hard < 0 or self.soft < 0 or self.hard + self.soft == 0 or self.temperature <= 0:
            raise ValueError(
                "Distillation: hard and soft are weights >= 0, not both 0, and temperature > 0, got "
                f"hard={self.hard}, soft={self.soft}, temperature={self.temperature}"
            )


@dataclasses.dataclass(frozen=True)
class TrainingProtocol:
    """The recipes of one task: data, not code. Two rows of a table are comparable when this is equal."""

    name: str
    dense: Recipe
    prune: Recipe
    retrain: Recipe
    distillation: Distillation = Distillation()
    prune_warmup: float = 0.07  # t_i of Eq. 5 as a share of the steps
    prune_cooldown: float = 0.33  # t_f of Eq. 5 as a share of the steps


@dataclasses.dataclass(frozen=True)
class Budget:
    """The fraction of the encoder's matrix weights that may stay, in (0, 1]."""

    kept: float

    def __post_init__(self) -> None:
        """Refuse what is no fraction."""
        if not 0 < self.kept <= 1:
            raise ValueError(f"budget is a fraction in (0, 1], got {self.kept}; write 0.5 for 50 %")


@dataclasses.dataclass(frozen=True)
class Setting:
    """Everything about one measurement except the method."""

    backbone: Backbone
    task: Task
    protocol: TrainingProtocol
    budget: Budget
    seed: int
    encoders: Mapping[str, Pretrained] = dataclasses.field(default_factory=dict, hash=False)
    """What the method named in `encoders()`, by those names."""
    corpora: Mapping[str, Corpus] = dataclasses.field(default_factory=dict, hash=False)
    """What the method named in `corpora()`, by those names."""


@dataclasses.dataclass(frozen=True)
class Compressor(ABC):
    """A compression method as a value: its fields are its hyper-parameters. This is the tutorial.

    To add a baseline, write one file `methods/<name>.py`:

    1. a frozen dataclass that derives from `Compressor`; each knob is a field with the paper's value as default;
    2. the class data below: `label`, `family`, `source`, and where they apply `space`, `refuses`, `excess`;
    3. `plan(setting)`, which *describes* the work as a stage and runs nothing. Most methods compose the stages
       of `methods/stages`; `methods/steps.py` has the common ones (`dense`, `teacher_logits`, `encoded`). The
       artifact of the stage returned is the compressed model (write it with `methods.models.save`);
    4. `METHODS = {"my-method": MyMethod()}`. An ablation is another value:
       `"my-method-plain": replace(MyMethod(), clever=False)`.

    `weighin check my-method` runs the contract tests on it. Methods outside this repository are found through the
    entry-point group `weighin.methods` (a mapping like METHODS) or `--plugin FILE.py`.

    The harness calls `refused` first (a reason means an empty cell that says why), then `plan` once for each
    setting. `plan` must be pure: equal settings give equal stages. Randomness comes from `setting.seed` through
    `derive`, never from elsewhere. The method's name never enters a key.
    """

    label: ClassVar[str]
    """The name as the paper prints it."""
    family: ClassVar[Family]
    """The block of Table 2."""
    source: ClassVar[str]
    """Paper, section, official repository."""
    space: ClassVar[Mapping[str, Any]] = {}
    """What may be tuned: field name, or setting of the protocol (`lr`, `retrain.epochs`) -> optuna distribution."""
    refuses: ClassVar[Mapping[str, str]] = {}
    """Task kinds this method has no answer for -> the reason, which the table prints."""

    excess: ClassVar[float] = 0.0
    """How far above its budget a model may be, as a share of the dense encoder: for methods whose unit is a layer."""

    @abstractmethod
    def plan(self, setting: Setting) -> Stage:
        """Describe how the compressed model of this setting is made."""

    def refused(self, setting: Setting) -> str | None:
        """The reason why this setting has no cell, or None. Override to look at more than the task's kind."""
        return self.refuses.get(setting.task.kind)

    def title(self) -> str:
        """How a table prints this value: the label, and what differs from the class's defaults."""
        return self.label

    def notes(self, setting: Setting) -> tuple[str, ...]:
        """What a reader of this setting's number must know: fall-backs, limits met.

        Kept in the record and printed as footnotes. Override where there is something to say.
        """
        return ()

    def encoders(self) -> tuple[str, ...]:
        """Encoders it reads beside the backbone, each a known name, a folder or a hub id.

        The harness finds them, hands them over in `Setting.encoders`, and tells the stages where they are; a stage's
        field holds the fingerprint, never the place.
        """
        return ()

    def corpora(self) -> tuple[str, ...]:
        """Texts it reads beside the task's rows, each 'mini', a file, a folder or a hub id; as `encoders`."""
        return ()

    def searched(self) -> Mapping[str, Any]:
        """The part of `space` that does something for this value. Override where a knob can be idle."""
        return self.space

    def knobs(self) -> dict[str, Any]:
        """The hyper-parameters as a plain dictionary."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def derive(seed: int, purpose: str) -> int:
    """A seed for one purpose, in [0, 2^63): sha256 of base seed and purpose.

    The purpose never names a method, so that the data order and the initialisation of paired runs are equal.
    """
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:8], "big") >> 1
