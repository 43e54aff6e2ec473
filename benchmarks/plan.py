"""What a run would do: every stage with its state, who shares it, and how long it should take."""

import dataclasses
from collections.abc import Sequence
from typing import Literal

from benchmarks.history import History
from benchmarks.schedule import Schedule
from benchmarks.store import Store
from methods.stages.stage import Stage

State = Literal["cached", "missing", "failed", "running"]


@dataclasses.dataclass(frozen=True)
class PlannedStage:
    """One stage of a plan.

    Attributes:
        stage: The stage.
        state: 'cached', 'missing', 'failed' (earlier, by a method's fault) or 'running' (elsewhere).
        shared_by: How many of the wanted stages, or groups of them, are it or stand on it.
        seconds: What making it should take; 0 when cached; None when no stage like it was ever measured.
        reason: Why it failed.
    """

    stage: Stage
    state: State
    shared_by: int
    seconds: float | None
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Plan:
    """All stages a run would look at, dependencies first, and the whole's foretold seconds.

    Attributes:
        stages: The stages.
        jobs: How many would run at a time.
        seconds: Foretold wall-clock seconds of the stages with an estimate: the greater of their sum divided
            by `jobs` and the longest chain of them.
        unmeasured: How many stages have no estimate, so that `seconds` is too low.
    """

    stages: tuple[PlannedStage, ...]
    jobs: int
    seconds: float
    unmeasured: int

    def count(self, state: State) -> int:
        """How many stages are in this state."""
        return sum(planned.state == state for planned in self.stages)


def plan(stages: Sequence[Stage | Sequence[Stage]], store: Store, *, jobs: int = 1) -> Plan:
    """What `run` would do with these stages; reads the store and changes nothing.

    Stages that are wanted together, as a sequence, count once where `shared_by` counts. What a cached stage
    stands on is not listed, for it is not needed.
    """
    groups = [(wanted,) if isinstance(wanted, Stage) else tuple(wanted) for wanted in stages]
    there = set(store.keys())  # listed once: a look for each stage would take longer than all else
    schedule = Schedule([stage for group in groups for stage in group], lambda stage: stage.key in there)
    history = History(store.manifests()) if schedule.stages else None
    failures = {failure.key: failure.reason for failure in store.failures() if failure.cause == "method"}
    running = {key for key, _ in store.locked()}
    shares = dict.fromkeys([*schedule.stages, *schedule.present], 0)
    for group in groups:
        for key in {key for stage in group for key in _needed(stage, schedule)}:
            shares[key] += 1
    planned = [PlannedStage(stage, "cached", shares[key], 0.0) for key, stage in schedule.present.items()]
    failed: dict[str, str] = {}
    for key, stage in schedule.stages.items():
        reasons = [failures[key]] if key in failures else []
        reasons += [f"needs {part.kind} {part.key[:12]}, which failed" for part in stage.needs if part.key in failed]
        if reasons:
            failed[key] = reasons[0]
            planned.append(PlannedStage(stage, "failed", shares[key], 0.0, reasons[0]))
            continue
        seconds = history.seconds(stage) if history else None
        planned.append(PlannedStage(stage, "running" if key in running else "missing", shares[key], seconds))
    ahead = [each for each in planned if each.state != "cached"]
    ends: dict[str, float] = {}  # key -> seconds until it could be done with unlimited jobs
    for each in ahead:
        start = max((ends.get(part.key, 0.0) for part in each.stage.needs), default=0.0)
        ends[each.stage.key] = start + (each.seconds or 0.0)
    whole = sum(each.seconds or 0.0 for each in ahead)
    return Plan(
        stages=tuple(planned),
        jobs=jobs,
        seconds=max(whole / max(jobs, 1), max(ends.values(), default=0.0)),
        unmeasured=sum(each.seconds is None for each in ahead),
    )


def _needed(stage: Stage, schedule: Schedule) -> set[str]:
    """The keys a wanted stage makes the run look at."""
    found: set[str] = set()

    def visit(part: Stage) -> None:
        if part.key not in found:
            found.add(part.key)
            if part.key in schedule.stages:
                for needed in part.needs:
                    visit(needed)

    visit(stage)
    return found
