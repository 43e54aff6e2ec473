"""A cell: one method in one setting, and the stage that measures it."""

import dataclasses
from functools import cached_property

from benchmarks.evaluate import Evaluate
from methods.contract import Compressor, Setting
from methods.stages.stage import digest
from methods.steps import encoded


@dataclasses.dataclass(frozen=True)
class Cell:
    """One method in one setting. `method` is the name with overrides as the user wrote it."""

    method: str
    compressor: Compressor
    setting: Setting

    @cached_property
    def refused(self) -> str | None:
        """Why this cell stays empty, or None."""
        return self.compressor.refused(self.setting)

    @cached_property
    def stage(self) -> Evaluate:
        """The stage that measures this cell's compressed model."""
        return Evaluate(model=self.compressor.plan(self.setting), data=encoded(self.setting))

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
            }
        )

    @property
    def key_of_refusal(self) -> str:
        """A name for a cell that has no stage."""
        setting = self.setting
        return f"{self.method}/{setting.task.name}/{setting.budget.kept:g}/{setting.seed}"
