"""A cell: one method in one setting, and the stages that measure it."""

import dataclasses
from functools import cached_property
from typing import Any

from benchmarks.evaluate import Evaluate
from benchmarks.inspection import Inspect
from benchmarks.latency import Latency
from methods.contract import Compressor, Setting
from methods.stages.prune import Prune
from methods.stages.stage import Stage, digest
from methods.steps import encoded


@dataclasses.dataclass(frozen=True)
class Tuned:
    """That a cell is measured with tuned values; `values` is empty where none were found or there are none to find.

    Attributes:
        selection: What they were chosen on, 'heldout' (training rows) or 'dev' (the development set).
        label: How a table prints the method, whatever its values.
        values: Names of fields and settings, with the values chosen.
        note: A footnote; empty where there is nothing to say.
    """

    selection: str
    label: str
    values: tuple[tuple[str, Any], ...] = ()
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Cell:
    """One method in one setting. `method` is the name with overrides as the user wrote it.

    `timed` asks for the latency besides; it changes no key.
    """

    method: str
    compressor: Compressor
    setting: Setting
    timed: bool = False
    tuned: Tuned | None = None

    @property
    def title(self) -> str:
        """How a table prints the method."""
        return self.tuned.label if self.tuned else self.compressor.title()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the cell's number must know of method and values."""
        said = self.compressor.notes(self.setting)
        return (*said, self.tuned.note) if self.tuned and self.tuned.note else said

    @cached_property
    def refused(self) -> str | None:
        """Why this cell stays empty, or None."""
        return self.compressor.refused(self.setting)

    @cached_property
    def stage(self) -> Evaluate:
        """The stage that measures this cell's compressed model."""
        return Evaluate(model=self.compressor.plan(self.setting), data=encoded(self.setting))

    @cached_property
    def inspection(self) -> Inspect:
        """The stage that looks at the matrices of this cell's compressed model."""
        return Inspect(self.stage.model)

    @cached_property
    def sparse(self) -> Inspect | None:
        """The stage that looks at the last pruned model on the way to this cell's, or None without pruning."""
        pruned = [stage for stage in self.stage.walk() if isinstance(stage, Prune)]
        return Inspect(pruned[-1]) if pruned else None

    @cached_property
    def latency(self) -> Latency:
        """The stage that times this cell's compressed model, at the length its multiply-accumulates are counted."""
        return Latency(self.stage.model, self.setting.task.max_length)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All that the record cannot be made without."""
        return (self.stage, self.inspection, *((self.sparse,) if self.sparse else ()))

    @property
    def wanted(self) -> tuple[Stage, ...]:
        """All that was asked for."""
        return (*self.stages, self.latency) if self.timed else self.stages

    @cached_property
    def key(self) -> str:
        """The record's key: two methods with one pipeline share the stage, not the record."""
        setting = self.setting
        return digest(
            {
                "method": self.method,
                "stage": self.stage.key,
                "budget": setting.budget.kept,
                "seed": setting.seed,
                "backbone": setting.backbone.fingerprint,
                "task": setting.task.fingerprint,
                **({"tuned": self.tuned.selection} if self.tuned else {}),
            }
        )

    def entry(self, metric: str) -> dict[str, Any]:
        """The fields that its record or gap begins with, see `Entry`; `metric` is the one that tables print."""
        setting = self.setting
        return {
            "method": self.method,
            "label": self.title,
            "family": self.compressor.family.value,
            "knobs": self.compressor.knobs(),
            "backbone": setting.backbone.name,
            "backbone_fingerprint": setting.backbone.fingerprint,
            "task": setting.task.name,
            "task_fingerprint": setting.task.fingerprint,
            "protocol": setting.protocol.name,
            "recipes": dataclasses.asdict(setting.protocol),
            "budget": setting.budget.kept,
            "seed": setting.seed,
            "metric": metric,
            "split": setting.task.evaluation[0],
        }

    @property
    def key_of_refusal(self) -> str:
        """A name for a cell that has no stage."""
        setting = self.setting
        return f"{self.method}/{setting.task.name}/{setting.budget.kept:g}/{setting.seed}"
