"""What stages took in the past, so that those to come can be foretold."""

import dataclasses
import statistics
from collections.abc import Iterable
from typing import TypeAlias

from benchmarks.manifest import Manifest
from methods.stages.stage import Stage

Like: TypeAlias = tuple[str, str, bool]  # kind, scale, whether there is an effort


@dataclasses.dataclass(frozen=True)
class Peak:
    """Most memory that stages of a kind and scale took: resident, and on the accelerator; bytes, 0 if unknown."""

    memory: int = 0
    device_memory: int = 0


@dataclasses.dataclass(frozen=True)
class Ahead:
    """What a run has yet to make.

    Attributes:
        stages: How many stages, those under way included.
        seconds: Foretold seconds until all are made, of the stages with an estimate.
        unmeasured: How many have none.
    """

    stages: int
    seconds: float
    unmeasured: int


class History:
    """Seconds and memory of past stages, by kind, and by scale where the stage tells one.

    The rate is seconds per unit of `Stage.effort` where there is an effort, else seconds per stage; the
    median of all that were measured. Of memory the largest counts.
    """

    def __init__(self, manifests: Iterable[Manifest] = ()) -> None:
        self._measured: dict[Like, list[float]] = {}
        self._rates: dict[Like, float] = {}  # medians, as far as they were asked for
        self._peaks: dict[tuple[str, str], Peak] = {}
        for manifest in manifests:
            self.learn(manifest)

    def learn(self, manifest: Manifest) -> None:
        """Add one finished stage."""
        costs, effort = manifest.costs, manifest.effort
        seconds = costs.seconds + costs.earlier_seconds
        like = (manifest.kind, manifest.scale, effort > 0)
        self._measured.setdefault(like, []).append(seconds / effort if effort > 0 else seconds)
        self._rates.pop(like, None)
        before = self.peak(manifest.kind, manifest.scale)
        self._peaks[manifest.kind, manifest.scale] = Peak(
            max(before.memory, costs.peak_memory), max(before.device_memory, costs.peak_device_memory)
        )

    def seconds(self, stage: Stage) -> float | None:
        """What a stage should take; None when nothing like it was measured."""
        effort = stage.effort
        like = (stage.kind, scale_of(stage), effort > 0)
        if like not in self._measured:
            return None
        if like not in self._rates:
            self._rates[like] = statistics.median(self._measured[like])
        return self._rates[like] * (effort if effort > 0 else 1)

    def ahead(self, stages: Iterable[Stage], slots: int) -> Ahead:
        """What these stages should take with so many at a time, all slots busy to the end."""
        foretold = [self.seconds(stage) for stage in stages]
        known = [seconds for seconds in foretold if seconds is not None]
        return Ahead(len(foretold), sum(known) / max(slots, 1), len(foretold) - len(known))

    def peak(self, kind: str, scale: str) -> Peak:
        """The most memory that a stage of this kind and scale took."""
        return self._peaks.get((kind, scale), Peak())


def scale_of(stage: Stage) -> str:
    """What else a stage's cost depends on, as it says it; may be empty."""
    return str(getattr(stage, "scale", ""))
