"""The dense fine-tuned encoder, uncompressed: the reference line of every table."""

from dataclasses import dataclass
from typing import ClassVar

from methods.contract import Compressor, Family, Setting
from methods.stages.stage import Stage
from methods.steps import dense


@dataclass(frozen=True)
class Dense(Compressor):
    """Fine-tuning without compression; the teacher of every method is this very artifact."""

    label: ClassVar[str] = "Dense"
    family: ClassVar[Family] = Family.REFERENCE
    source: ClassVar[str] = "Devlin et al. 2019 (BERT), section 4.1; the last row of Table 2"

    def plan(self, setting: Setting) -> Stage:
        """Fine-tune."""
        return dense(setting)


METHODS = {"dense": Dense()}
